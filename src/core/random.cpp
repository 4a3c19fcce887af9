// SPDX-License-Identifier: Apache-2.0
#include "lior/core/random.h"

#include <cmath>
#include <numbers>

namespace lior {

std::array<std::uint32_t, 4> philox(std::uint64_t seed, std::uint64_t stream,
                                    std::uint64_t counter) {
  constexpr std::uint32_t kMultiplier0 = 0xD2511F53, kMultiplier1 = 0xCD9E8D57;
  constexpr std::uint32_t kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;
  std::array<std::uint32_t, 4> x = {
      static_cast<std::uint32_t>(counter), static_cast<std::uint32_t>(counter >> 32),
      static_cast<std::uint32_t>(stream), static_cast<std::uint32_t>(stream >> 32)};
  auto key0 = static_cast<std::uint32_t>(seed);
  auto key1 = static_cast<std::uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = static_cast<std::uint64_t>(kMultiplier0) * x[0];
    const std::uint64_t product1 = static_cast<std::uint64_t>(kMultiplier1) * x[2];
    x = {static_cast<std::uint32_t>(product1 >> 32) ^ x[1] ^ key0,
         static_cast<std::uint32_t>(product1),
         static_cast<std::uint32_t>(product0 >> 32) ^ x[3] ^ key1,
         static_cast<std::uint32_t>(product0)};
    key0 += kWeyl0;
    key1 += kWeyl1;
  }
  return x;
}

std::uint64_t Random::next() {
  const auto block = philox(seed_, stream_, counter_++);
  return static_cast<std::uint64_t>(block[1]) << 32 | block[0];
}

double Random::uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }

double Random::normal() {
  const auto block = philox(seed_, stream_, counter_++);
  const double radius_bits = (static_cast<double>(block[0]) + 1) * 0x1p-32;  // in (0, 1]
  const double angle_bits = static_cast<double>(block[1]) * 0x1p-32;
  return std::sqrt(-2 * std::log(radius_bits)) * std::cos(2 * std::numbers::pi * angle_bits);
}

Index Random::below(Index bound) {
  LIOR_CHECK(bound >= 1, "below({}) has no number to give; the bound must be >= 1", bound);
  const auto range = static_cast<std::uint64_t>(bound);
  const std::uint64_t rejected = (0 - range) % range;  // 2^64 mod range: the biased remainder
  std::uint64_t bits = next();
  while (bits < rejected) bits = next();
  return static_cast<Index>(bits % range);
}

}  // namespace lior
