// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Which vector instructions our kernels use, decided once and asked once a public call.

#include <span>
#include <string_view>

#include "lior/core/error.h"

namespace lior::simd {

/// scalar: baseline x86-64, one number at a time. avx2: 256 bits with FMA. avx512: F, BW, CD, DQ,
/// VL.
enum class Level { scalar, avx2, avx512 };

/// "scalar", "avx2" or "avx512".
std::string_view name(Level level);

/// The level of that name. Throws lior::Error that lists the names.
Level level_from_name(std::string_view text);

/// The levels this processor runs, lowest first; scalar always among them.
std::span<const Level> available_levels();

/// The level in force: at first the environment's LIOR_SIMD, else the highest available.
/// Throws lior::Error if LIOR_SIMD is not a level that this processor runs.
Level level();

/// Chooses a level. Throws lior::Error if this processor lacks it.
void set_level(Level level);

/// One kernel compiled at every level.
template <class Function>
struct Table {
  Function scalar;
  Function avx2;
  Function avx512;
  /// The kernel of the level in force.
  Function chosen() const {
    switch (level()) {
      case Level::avx512: return avx512;
      case Level::avx2: return avx2;
      case Level::scalar: break;
    }
    return scalar;
  }
};
template <class Function>
Table(Function, Function, Function) -> Table<Function>;

}  // namespace lior::simd

/// The Table of a kernel that a kernels/*.inl.h file defines in the namespace around this use,
/// under HWY_NAMESPACE: `LIOR_SIMD_TABLE(multiply<float>).chosen()(x, y, z, n)`.
#define LIOR_SIMD_TABLE(...) \
  ::lior::simd::Table { &N_SCALAR::__VA_ARGS__, &N_AVX2::__VA_ARGS__, &N_AVX3::__VA_ARGS__ }
