// SPDX-License-Identifier: Apache-2.0
#include "lior/io/png.h"

#include <png.h>

#include <memory>

#include "lior/core/text.h"
#include "lior/io/atomic_file.h"
#include "lior/io/mapped_file.h"

namespace lior::io {

std::string png_library() { return fmt::format("libpng {}", png_get_libpng_ver(nullptr)); }

void write_png(const std::string& path, View<const std::uint8_t, 3> pixels) {
  const auto [height, width, channels] = pixels.shape();
  LIOR_CHECK(height >= 1 && width >= 1 && channels == 3,
             "{}: a picture of shape {} cannot be written; expected [height, width, 3]", path,
             to_string(pixels.shape()));
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(width);
  image.height = static_cast<png_uint_32>(height);
  image.format = PNG_FORMAT_RGB;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
  std::string bytes(size, '\0');
  if (png_image_write_to_memory(&image, bytes.data(), &size, 0, pixels.data(), 0, nullptr) == 0) {
    throw RunError(fmt::format("{}: {}", path, image.message));
  }
  bytes.resize(size);
  write_file_atomically(path, bytes);
}

Array<std::uint8_t, 3> read_png(const std::string& path) {
  constexpr Index kMostPixels = Index{1} << 28;
  const MappedFile file(path);
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  const std::unique_ptr<png_image, decltype(&png_image_free)> freed(&image, png_image_free);
  const auto check = [&](int good) {
    if (good == 0) {
      throw Error(fmt::format("{}: no whole PNG file ({})", shown_path(path), image.message));
    }
  };
  check(png_image_begin_read_from_memory(&image, file.bytes().data(), file.bytes().size()));
  const Index width = image.width, height = image.height;
  if (width * height > kMostPixels) {
    throw Error(fmt::format("{}: {} x {} pixels; expected at most {}", shown_path(path), width,
                            height, kMostPixels));
  }
  // Deflate makes at most 1,032 bytes of one, and a pixel has at least a bit: a short file does not
  // make us take memory for a picture that it cannot hold.
  constexpr Index kMostPixelsAByte = 8 * 1032;
  const auto size = static_cast<Index>(file.bytes().size());
  if (width * height > size * kMostPixelsAByte) {
    throw Error(fmt::format("{}: no whole PNG file ({} bytes do not hold {} x {} pixels)",
                            shown_path(path), size, width, height));
  }
  image.format = PNG_FORMAT_RGB;
  Array<std::uint8_t, 3> pixels({height, width, 3});
  const png_color black{};
  check(png_image_finish_read(&image, &black, pixels.data(), 0, nullptr));
  return pixels;
}

}  // namespace lior::io
