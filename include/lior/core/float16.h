// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The two 16-bit floating-point formats, as storage: convert, compute in float, convert back.

#include <bit>
#include <cstdint>

namespace lior {

/// bfloat16: the upper half of a float (8 exponent bits, 7 fraction bits).
struct BFloat16 {
  std::uint16_t bits = 0;
  friend constexpr bool operator==(BFloat16, BFloat16) = default;
};

/// IEEE 754 binary16 (5 exponent bits, 10 fraction bits).
struct Float16 {
  std::uint16_t bits = 0;
  friend constexpr bool operator==(Float16, Float16) = default;
};

/// Exact.
constexpr float to_float(BFloat16 value) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(value.bits) << 16);
}

/// Nearest, ties to even; overflow to infinity. A NaN stays a NaN of its sign, made quiet.
constexpr BFloat16 to_bfloat16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return {static_cast<std::uint16_t>(bits >> 16 | 0x40u)};
  const std::uint32_t half_less_tie = 0x7fffu + (bits >> 16 & 1u);
  return {static_cast<std::uint16_t>((bits + half_less_tie) >> 16)};
}

/// Exact.
constexpr float to_float(Float16 value) {
  const std::uint32_t sign = (value.bits & 0x8000u) << 16;
  const std::uint32_t exponent = value.bits >> 10 & 0x1fu;
  const std::uint32_t fraction = value.bits & 0x3ffu;
  if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000u | fraction << 13);
  if (exponent == 0) {  // subnormal: fraction 2^-24
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return sign != 0 ? -magnitude : magnitude;
  }
  return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
}

/// Nearest, ties to even; 65520 and above to infinity. A NaN stays a NaN of its sign, made quiet.
constexpr Float16 to_float16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = bits >> 16 & 0x8000u;
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) {
    return {static_cast<std::uint16_t>(sign | 0x7e00u | (magnitude >> 13 & 0x3ffu))};
  }
  if (magnitude >= 0x477ff000u) return {static_cast<std::uint16_t>(sign | 0x7c00u)};  // 65520
  if (magnitude < 0x38800000u) {  // below 2^-14: adding 2^-1 leaves multiples of 2^-24
    const auto sum = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + 0.5f);
    return {static_cast<std::uint16_t>(sign | (sum - 0x3f000000u))};
  }
  const std::uint32_t half_less_tie = 0xfffu + (magnitude >> 13 & 1u);
  return {static_cast<std::uint16_t>(sign | ((magnitude + half_less_tie - 0x38000000u) >> 13))};
}

}  // namespace lior
