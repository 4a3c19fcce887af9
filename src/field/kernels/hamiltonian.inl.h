// SPDX-License-Identifier: Apache-2.0
// H of one row. Lanes over the reals of a row. Compiled once per level.
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

/// out = c0 here + c1 west + c2 east + c3 south + c4 north. Each cell's factors are laid out beside
/// its reals, a block of them at a time.
template <class T>
void hamiltonian_row(const HamiltonianRow<T>& row) noexcept {
  constexpr Index kBlock = 512;
  alignas(64) T c[5][kBlock];
  const T *const west = row.west, *const here = row.here, *const east = row.east;
  T* const out = row.out;
  const Index cell = row.cell;
  const bool varies = row.sides == nullptr;
  if (!varies) {
    for (int side = 1; side < 5; ++side) {
      for (Index k = 0; k < kBlock; ++k) c[side][k] = row.sides[side - 1];
    }
  }
  const auto span = [&](Index first, Index count, Index south, Index north) {
    for (Index j = first / cell; j * cell < first + count; ++j) {
      const Index begin = HWY_MAX(j * cell - first, Index{0});
      const Index end = HWY_MIN((j + 1) * cell - first, count);
      for (int side = 0; side < (varies ? 5 : 1); ++side) {
        const T factor = row.centre[varies ? 5 * j + side : j];
        for (Index k = begin; k < end; ++k) c[side][k] = factor;
      }
    }
    for_lanes<T>(count, [&](auto d, Index k) {
      const Index at = first + k;
      auto sum = hn::Mul(hn::LoadU(d, c[0] + k), hn::LoadU(d, here + at));
      sum = hn::MulAdd(hn::LoadU(d, c[1] + k), hn::LoadU(d, west + at), sum);
      sum = hn::MulAdd(hn::LoadU(d, c[2] + k), hn::LoadU(d, east + at), sum);
      sum = hn::MulAdd(hn::LoadU(d, c[3] + k), hn::LoadU(d, here + at + south), sum);
      sum = hn::MulAdd(hn::LoadU(d, c[4] + k), hn::LoadU(d, here + at + north), sum);
      hn::StoreU(sum, d, out + at);
    });
  };
  const auto spans = [&](Index first, Index end, Index south, Index north) {
    for (; first < end; first += kBlock) {
      span(first, HWY_MIN(kBlock, end - first), south, north);
    }
  };
  const Index around = (row.ny - 1) * cell;  // from one end of the row to the other
  if (row.ny == 1) return spans(0, cell, 0, 0);
  spans(0, cell, around, cell);
  spans(cell, around, -cell, cell);
  spans(around, around + cell, -cell, -around);
}

}  // namespace lior::field::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
