// SPDX-License-Identifier: Apache-2.0
// H of one line of cells. Lanes over its reals. Compiled once per level.
#if defined(LIOR_FIELD_KERNELS_HAMILTONIAN_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIOR_FIELD_KERNELS_HAMILTONIAN_INL_H
#undef LIOR_FIELD_KERNELS_HAMILTONIAN_INL_H
#else
#define LIOR_FIELD_KERNELS_HAMILTONIAN_INL_H
#endif

#include "field/sweep_kernel.h"
#include "simd/for_lanes.inl.h"

HWY_BEFORE_NAMESPACE();
namespace lior::field::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using simd::HWY_NAMESPACE::for_lanes;

/// out = c0 here + c1 beside_1 + ... + the cells before and after along lines. Each cell's factors
/// are laid out beside its reals, a block of them at a time. kBeside, kAlong: how many of line's
/// arrays count.
template <int kBeside, int kAlong, class T>
void hamiltonian_line(const HamiltonianLine<T>& line) noexcept {
  constexpr int kFactors = 1 + kBeside + 2 * kAlong;
  constexpr Index kBlock = kFactors <= 7 ? 512 : 128;  // what the nearest cache holds
  alignas(64) T c[kFactors][kBlock];
  const T *beside[kBeside], *along[kAlong];
  for (int side = 0; side < kBeside; ++side) beside[side] = line.beside[side];
  for (int side = 0; side < kAlong; ++side) along[side] = line.along[side];
  const T* const here = along[0];
  T* const out = line.out;
  const Index cell = line.cell;
  const bool varies = line.sides == nullptr;
  if (!varies) {
    const Index filled = HWY_MIN(kBlock, line.cells * cell);
    for (int side = 1; side < kFactors; ++side) {
      for (Index k = 0; k < filled; ++k) c[side][k] = line.sides[side - 1];
    }
  }
  const auto span = [&](Index first, Index count, Index last, Index next) {
    for (Index j = first / cell; j * cell < first + count; ++j) {
      const Index begin = HWY_MAX(j * cell - first, Index{0});
      const Index end = HWY_MIN((j + 1) * cell - first, count);
      for (int side = 0; side < (varies ? kFactors : 1); ++side) {
        const T factor = line.centre[varies ? kFactors * j + side : j];
        for (Index k = begin; k < end; ++k) c[side][k] = factor;
      }
    }
    for_lanes<T>(count, [&](auto d, Index k) {
      const Index at = first + k;
      const auto factor = [&](int side) { return hn::LoadU(d, c[side] + k); };
      auto sum = hn::Mul(factor(0), hn::LoadU(d, here + at));
#pragma GCC unroll 8
      for (int side = 0; side < kBeside; ++side) {
        sum = hn::MulAdd(factor(1 + side), hn::LoadU(d, beside[side] + at), sum);
      }
#pragma GCC unroll 5
      for (int side = 0; side < kAlong; ++side) {
        const int before = 1 + kBeside + 2 * side;
        sum = hn::MulAdd(factor(before), hn::LoadU(d, along[side] + at + last), sum);
        sum = hn::MulAdd(factor(before + 1), hn::LoadU(d, along[side] + at + next), sum);
      }
      hn::StoreU(sum, d, out + at);
    });
  };
  const auto spans = [&](Index first, Index end, Index last, Index next) {
    for (; first < end; first += kBlock) {
      span(first, HWY_MIN(kBlock, end - first), last, next);
    }
  };
  const Index around = (line.cells - 1) * cell;  // from one end of the line to the other
  if (line.cells == 1) return spans(0, cell, 0, 0);
  spans(0, cell, around, cell);
  spans(cell, around, -cell, cell);
  spans(around, around + cell, -cell, -around);
}

}  // namespace lior::field::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
