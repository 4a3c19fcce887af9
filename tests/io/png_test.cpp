// SPDX-License-Identifier: Apache-2.0
#include "lior/io/png.h"

#include <gtest/gtest.h>

#include "support/error_of.h"
#include "support/temporary_folder.h"

namespace lior::io {
namespace {

using namespace std::string_view_literals;

class Png : public testing::Test {
 protected:
  /// The message without the folder, of a file of a PNG's first eight bytes and these.
  std::string error(std::string_view chunks) {
    write_plain(path_, "\x89PNG\r\n\x1a\n" + std::string(chunks));
    const std::string message = error_of([&] { read_png(path_); });
    return message.starts_with(path_) ? message.substr(path_.size()) : message;
  }
  TemporaryFolder folder_;
  std::string path_ = folder_.file("picture.png");
};

// Headers of a picture of one bit a pixel, 16,384 or 32,768 wide and 16,384 high, and rows of nine
// bytes, as Python's struct and zlib write them.
constexpr auto kHeader =
    "\x00\x00\x00\x0dIHDR\x00\x00\x40\x00\x00\x00\x40\x00\x01\x00\x00\x00\x00\x81\xb3\x2d\x29"sv;
constexpr auto kWideHeader =
    "\x00\x00\x00\x0dIHDR\x00\x00\x80\x00\x00\x00\x40\x00\x01\x00\x00\x00\x00\x20\x1a\x01\x59"sv;
constexpr auto kRows =
    "\x00\x00\x00\x0bIDAT\x78\x9c\x63\x60\x80\x02\x00\x00\x09\x00\x01\xfb\x52\xb8\xa9"sv;

TEST_F(Png, WhatIsWrittenIsRead) {
  Array<std::uint8_t, 3> pixels({3, 5, 3});
  for (Index i = 0; i < pixels.size(); ++i) pixels.data()[i] = static_cast<std::uint8_t>(5 * i);
  write_png(path_, pixels.view());
  const Array<std::uint8_t, 3> same = read_png(path_);
  ASSERT_EQ(same.shape(), pixels.shape());
  EXPECT_TRUE(std::equal(same.data(), same.data() + same.size(), pixels.data()));
}

TEST_F(Png, ACutFileIsRefused) {
  write_png(path_, Array<std::uint8_t, 3>({9, 9, 3}).view());
  const std::string whole = read_plain(path_);
  for (std::size_t size = 0; size + 12 < whole.size(); ++size) {  // the last chunk may be missing
    write_plain(path_, whole.substr(0, size));
    EXPECT_NE(error_of([&] { read_png(path_); }), "no error")
        << size << " of " << whole.size() << " bytes";
  }
}

TEST_F(Png, AShortFileTakesNoMemoryForAHugePicture) {
  EXPECT_EQ(error(std::string(kHeader) + std::string(kRows)),
            ": no whole PNG file (56 bytes do not hold 16384 x 16384 pixels)");
}

TEST_F(Png, TooManyPixelsAreRefused) {
  EXPECT_EQ(error(std::string(kWideHeader) + std::string(kRows)),
            ": 32768 x 16384 pixels; expected at most 268435456");
}

}  // namespace
}  // namespace lior::io
