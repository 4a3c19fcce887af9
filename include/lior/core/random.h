// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Counter-based random numbers: the same (seed, stream, counter) gives the same number on every
/// machine, in any order, from any thread.
/// Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011,
/// Philox4x32-10.

#include <array>
#include <cstdint>

#include "lior/core/view.h"

namespace lior {

/// The block of four 32-bit numbers at `counter` of the stream (seed, stream). 10 rounds.
std::array<std::uint32_t, 4> philox(std::uint64_t seed, std::uint64_t stream,
                                    std::uint64_t counter);

/// A cursor over one stream. Copy it to fork the position; state is three integers.
class Random {
 public:
  explicit Random(std::uint64_t seed, std::uint64_t stream = 0) : seed_(seed), stream_(stream) {}

  std::uint64_t next();      ///< 64 random bits
  double uniform();          ///< in [0, 1), 53 bits
  double normal();           ///< mean 0, variance 1 (Box-Muller)
  Index below(Index bound);  ///< uniform in [0, bound); bound >= 1 (no modulo bias)

  /// Fill with numbers of that kind.
  template <class T>
  void fill_uniform(std::span<T> out, double low, double high) {
    for (T& value : out) value = static_cast<T>(low + (high - low) * uniform());
  }
  template <class T>
  void fill_normal(std::span<T> out, double deviation = 1) {
    for (T& value : out) value = static_cast<T>(deviation * normal());
  }

 private:
  std::uint64_t seed_;
  std::uint64_t stream_;
  std::uint64_t counter_ = 0;
};

}  // namespace lior
