// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>

#include "lior/plot/canvas.h"
#include "lior/plot/svg.h"

namespace lior::plot {
namespace {

/// The box of what is not white, and how dark it is in all.
struct Ink {
  Index left = 1 << 20, right = -1, top = 1 << 20, below = -1;
  double weight = 0;
};

Ink ink_of(std::string_view text, const TextStyle& style, Point at = {100, 100}) {
  Canvas canvas(200, 200, kWhite);
  canvas.text(at, text, style);
  const auto picture = canvas.take();
  Ink ink;
  for (Index y = 0; y < 200; ++y) {
    for (Index x = 0; x < 200; ++x) {
      if (picture(y, x, 0) == 255) continue;
      ink.left = std::min(ink.left, x), ink.right = std::max(ink.right, x);
      ink.top = std::min(ink.top, y), ink.below = std::max(ink.below, y);
      ink.weight += 255 - picture(y, x, 0);
    }
  }
  return ink;
}

// The widths of DejaVu Sans in units of 1/2048 em, from its hmtx table (fontTools): H 1540, i 569,
// zero 1303, height of H 1493.
TEST(Text, WidthsAreThoseOfTheFont) {
  EXPECT_NEAR(text_width("H", 2048), 1540, 0.5);
  EXPECT_NEAR(text_width("i", 2048), 569, 0.5);
  EXPECT_NEAR(text_width("00", 2048), 2 * 1303, 0.5);
  EXPECT_LT(text_width("AV", 2048), text_width("A", 2048) + text_width("V", 2048));
  EXPECT_NEAR(capital_height(2048), 1493, 0.5);
}

TEST(Text, StandsOnItsBaselineAtItsPoint) {
  const Ink h = ink_of("H", {.size = 40});
  EXPECT_NEAR(static_cast<double>(h.below), 99, 1);
  EXPECT_NEAR(static_cast<double>(h.below - h.top + 1), capital_height(40), 1.5);
  EXPECT_GE(h.left, 100);
  EXPECT_LE(ink_of("H", {.size = 40, .align = TextStyle::Align::right}).right, 100);
  const Ink centred = ink_of("H", {.size = 40, .align = TextStyle::Align::centre});
  EXPECT_NEAR(static_cast<double>(centred.left + centred.right) / 2, 100, 1);
}

TEST(Text, UpwardsIsTheSameTextTurned) {
  const Ink across = ink_of("Psi", {.size = 24}), up = ink_of("Psi", {.size = 24, .upwards = true});
  EXPECT_NEAR(static_cast<double>(up.below - up.top),
              static_cast<double>(across.right - across.left), 1);
  EXPECT_LE(up.below, 100) << "it is read from below, from its point on";
  EXPECT_LE(up.right, 106) << "what hangs below the baseline is on the right";
  EXPECT_NEAR(up.weight, across.weight, 0.05 * across.weight);
}

TEST(Text, HasGreekAndMathematicsAndABoxForWhatIsNoText) {
  const std::string box = "\xff";
  for (const char* letter : {"\u03b8", "\u03c0", "\u2212", "\u2202", "\u00e9", "\u0416"}) {
    EXPECT_NE(ink_of(letter, {.size = 40}).weight, ink_of(box, {.size = 40}).weight) << letter;
  }
  EXPECT_GT(ink_of(box, {.size = 40}).weight, 0);
}

TEST(Text, ACanvasClips) {
  EXPECT_NO_THROW(
      ink_of("a long text that leaves the picture on both sides", {.size = 60}, {-90, 20}));
  Canvas canvas(4, 4, kWhite);
  canvas.rectangle({1, 1}, 100, 1.5, kBlack);
  const auto picture = canvas.take();
  EXPECT_EQ(picture(0, 2, 0), 255);
  EXPECT_LT(picture(2, 3, 0), 60) << "pixel 2 is covered whole";
}

TEST(Svg, EscapesWhatIsForeign) {
  EXPECT_EQ(escape_xml("a<b>&\"c\"'"), "a&lt;b&gt;&amp;&quot;c&quot;&#39;");
  EXPECT_EQ(escape_xml("\xff\x01 \n"), "\ufffd\ufffd \n");
  EXPECT_EQ(escape_xml("\x7f\xc2\x85\xc2\xa0\xef\xbf\xbf"), "\ufffd\ufffd\xc2\xa0\ufffd")
      << "control characters beyond ASCII, and what is no character";
}

}  // namespace
}  // namespace lior::plot
