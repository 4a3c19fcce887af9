// SPDX-License-Identifier: Apache-2.0
#include "lior/core/float16.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace lior {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// The promise of both formats: every value of theirs survives the way through float, and a float
/// half-way between neighbours goes to the even one, anything nearer to the nearer.
template <class Half, class Round>
void expect_nearest_even(Round round, std::uint16_t infinity) {
  for (std::uint32_t bits = 0; bits <= infinity; ++bits) {
    const Half low{static_cast<std::uint16_t>(bits)};
    const float value = to_float(low);
    ASSERT_EQ(round(value).bits, bits);
    ASSERT_EQ(round(-value).bits, bits | 0x8000u);
    if (bits + 1 >= infinity) continue;
    const Half high{static_cast<std::uint16_t>(bits + 1)};
    const float middle = value + (to_float(high) - value) / 2;
    if (middle == value) continue;  // the smallest bf16 steps are not floats' to halve
    ASSERT_EQ(round(middle), bits % 2 == 0 ? low : high) << value;
    ASSERT_EQ(round(std::nextafter(middle, -kInfinity)), low) << value;
    ASSERT_EQ(round(std::nextafter(middle, kInfinity)), high) << value;
  }
}

TEST(Float16, RoundsEveryValueAndTieToNearestEven) {
  expect_nearest_even<Float16>(to_float16, 0x7c00);
}
TEST(BFloat16, RoundsEveryValueAndTieToNearestEven) {
  expect_nearest_even<BFloat16>(to_bfloat16, 0x7f80);
}

TEST(Float16, HasTheStandardsBits) {
  EXPECT_EQ(to_float(Float16{0x3c00}), 1.0f);
  EXPECT_EQ(to_float(Float16{0x0001}), 0x1p-24f);
  EXPECT_EQ(to_float(Float16{0xfbff}), -65504.0f);
  EXPECT_EQ(to_float16(65519.9f).bits, 0x7bff);
  EXPECT_EQ(to_float16(65520.0f).bits, 0x7c00);
  EXPECT_EQ(to_float16(-kInfinity).bits, 0xfc00);
  EXPECT_EQ(to_float16(0x1p-25f).bits, 0x0000);  // a tie with zero, which is even
  EXPECT_EQ(to_float16(-0x1.8p-25f).bits, 0x8001);
}

TEST(BFloat16, HasTheUpperHalfOfAFloatsBits) {
  EXPECT_EQ(to_float(BFloat16{0x3f80}), 1.0f);
  EXPECT_EQ(to_bfloat16(1 + 0x1p-8f).bits, 0x3f80);  // a tie
  EXPECT_EQ(to_bfloat16(std::numeric_limits<float>::max()).bits, 0x7f80);
}

TEST(HalfFormats, NaNStaysNaNWithItsSign) {
  const float signalling = std::bit_cast<float>(0xff800001u);  // its payload is all below the cut
  EXPECT_EQ(to_bfloat16(signalling).bits, 0xffc0);
  EXPECT_EQ(to_float16(signalling).bits, 0xfe00);
  EXPECT_TRUE(std::isnan(to_float(to_bfloat16(NAN))));
  EXPECT_TRUE(std::isnan(to_float(to_float16(NAN))));
  EXPECT_TRUE(std::isnan(to_float(Float16{0x7c01})));
}

}  // namespace
}  // namespace lior
