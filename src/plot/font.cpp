// SPDX-License-Identifier: Apache-2.0
#include "plot/font.h"

#include <cmath>
#include <vector>

#include "lior/core/error.h"
#include "lior/io/utf8.h"
#include "lior/plot/surface.h"
#include "plot/code_point.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#define STBTT_STATIC
#define STB_TRUETYPE_IMPLEMENTATION
#include <stb/stb_truetype.h>
#pragma GCC diagnostic pop

// The font's file, byte for byte; LIOR_FONT is its path when the program is built.
// NOLINTNEXTLINE(hicpp-no-assembler)
asm(R"(
  .section .rodata
  .balign 16
kFontFile:
  .incbin ")" LIOR_FONT R"("
  .previous
)");
extern "C" const unsigned char kFontFile[];

namespace lior::plot {
namespace {

const stbtt_fontinfo& font() {
  static const stbtt_fontinfo info = [] {
    stbtt_fontinfo font;
    if (stbtt_InitFont(&font, kFontFile, 0) == 0) throw RunError("the font cannot be read");
    return font;
  }();
  return info;
}

float scale_of(double size) {
  return stbtt_ScaleForMappingEmToPixels(&font(), static_cast<float>(size));
}

/// Calls glyph(index, place) for each character; the place after the last one.
template <class Glyph>
double for_glyphs(std::string_view text, double size, const Glyph& glyph) {
  const double scale = scale_of(size);
  double place = 0;
  int before = 0;
  while (!text.empty()) {
    const std::size_t length = io::utf8_character(text);
    const int index =
        length == 0
            ? 0
            : stbtt_FindGlyphIndex(&font(), static_cast<int>(code_point(text.substr(0, length))));
    text.remove_prefix(std::max<std::size_t>(length, 1));
    if (before != 0) place += scale * stbtt_GetGlyphKernAdvance(&font(), before, index);
    glyph(index, place);
    int advance = 0;
    stbtt_GetGlyphHMetrics(&font(), index, &advance, nullptr);
    place += scale * advance;
    before = index;
  }
  return place;
}

}  // namespace

double text_width(std::string_view text, double size) {
  return for_glyphs(text, size, [](int, double) {});
}

double capital_height(double size) {
  int bottom = 0, top = 0;
  stbtt_GetCodepointBox(&font(), 'H', nullptr, &bottom, nullptr, &top);
  return scale_of(size) * (top - bottom);
}

void for_text_pixels(std::string_view text, double size, double begin,
                     const std::function<void(Index along, Index down, double share)>& pixel) {
  const float scale = scale_of(size);
  std::vector<unsigned char> cover;
  for_glyphs(text, size, [&](int glyph, double place) {
    const double left = std::floor(begin + place);
    const auto shift = static_cast<float>(begin + place - left);
    int x0 = 0, y0 = 0, x1 = 0, y1 = 0;
    stbtt_GetGlyphBitmapBoxSubpixel(&font(), glyph, scale, scale, shift, 0, &x0, &y0, &x1, &y1);
    const int width = x1 - x0, height = y1 - y0;
    if (width <= 0 || height <= 0) return;  // a space
    cover.assign(static_cast<std::size_t>(width) * static_cast<std::size_t>(height), 0);
    stbtt_MakeGlyphBitmapSubpixel(&font(), cover.data(), width, height, width, scale, scale, shift,
                                  0, glyph);
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        pixel(static_cast<Index>(left) + x0 + x, Index{y0} + y, cover[y * width + x] / 255.0);
      }
    }
  });
}

}  // namespace lior::plot
