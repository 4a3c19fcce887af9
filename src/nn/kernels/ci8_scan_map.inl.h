// SPDX-License-Identifier: Apache-2.0
// The matrix of a stretch of the CI8 recurrence, a (sequence, head) pair in
// each lane.
//
// A product of turns F = F_n ... F_1 of one kind has 64 entries; carrying the
// columns of right or left turns costs 64 multiply-adds a column and step,
// those of two-sided turns 16. The Moufang identity (u x)(y u) = u (x y) u says
// that
//     (L x)(R y) = B (x y),  L = prod L_u, R = prod R_u, B = prod B_u,
// so with x = 1, l = L 1:  R y = conj(l) (B y),  and with y = 1, r = R 1:  L x
// = (B x) conj(r). Carried: the columns of B, and l or r.
#if defined(LIOR_NN_KERNELS_CI8_SCAN_MAP_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIOR_NN_KERNELS_CI8_SCAN_MAP_INL_H
#undef LIOR_NN_KERNELS_CI8_SCAN_MAP_INL_H
#else
#define LIOR_NN_KERNELS_CI8_SCAN_MAP_INL_H
#endif

#include "nn/kernels/ci8_step.inl.h"
#include "simd/math.inl.h"

HWY_BEFORE_NAMESPACE();
namespace lior::nn::HWY_NAMESPACE {
using algebra::Factor;
using algebra::HWY_NAMESPACE::multiply;

template <class T>
void scan_map_start(const ScanMapTile<T>& tile) noexcept {
  const hn::ScalableTag<T> d;
  const Index lanes = static_cast<Index>(hn::Lanes(d));
  const auto zero = hn::Zero(d), one = hn::Set(d, T(1));
  for (Index j = 0; j < 8; ++j) {
    for (Index k = 0; k < 8; ++k) {
      hn::StoreU(j == k ? one : zero, d, tile.columns + (8 * j + k) * lanes);
    }
    hn::StoreU(j == 0 ? one : zero, d, tile.companion + j * lanes);
  }
  hn::StoreU(one, d, tile.scale);
  hn::StoreU(zero, d, tile.scale + lanes);
}

/// Whether M = 0, denormals being flushed.
template <class D, class V = hn::Vec<D>>
HWY_INLINE bool forgotten(D d, V re, V im) {
  const V zero = hn::Zero(d);
  return hn::AllTrue(d, hn::And(hn::Eq(re, zero), hn::Eq(im, zero)));
}

/// The units, the companion and the scale.
template <Transition kTransition, class T>
void scan_map_turns(const ScanMapTile<T>& tile) noexcept {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  constexpr auto kOther = kTransition == Transition::right ? Transition::left : Transition::right;
  const Index lanes = static_cast<Index>(hn::Lanes(d));
  const ScanShape& shape = *tile.shape;
  const MixerConfig& mixer = shape.mixer;
  const StepScalars at{mixer.factors};
  V re = hn::LoadU(d, tile.scale), im = hn::LoadU(d, tile.scale + lanes);
  if (forgotten(d, re, im)) return;

  V companion[8];
  load8(d, tile.companion, lanes, companion);
  for (Index t = 0; t < tile.steps; ++t) {
    const T* row = tile.projection.at + t * tile.projection.step;
    const Index plane = tile.projection.plane;
    const T* scalars = tile.scalars + t * at.count() * lanes;
    const auto scalar = [&](Index which) { return hn::LoadU(d, scalars + which * lanes); };
    for (Index factor = 0; factor < mixer.factors; ++factor) {
      V u[8];
      load_unit(d, row + 8 * factor * plane, plane, scalar(at.inverse_norm(factor)), u);
      store8(d, u, tile.units + (t * mixer.factors + factor) * 8 * lanes, lanes);
      if constexpr (kTransition != Transition::two_sided) {
        V turned[8];
        apply<kOther>(u, companion, turned);
#pragma GCC unroll 8
        for (int k = 0; k < 8; ++k) companion[k] = turned[k];
      }
    }
    if (mixer.phase) turn(scalar(at.cosine()), scalar(at.sine()), re, im);
    if (mixer.gates) {
      re = hn::Mul(scalar(at.a()), re);
      im = hn::Mul(scalar(at.a()), im);
    }
  }
  store8(d, companion, tile.companion, lanes);
  hn::StoreU(re, d, tile.scale);
  hn::StoreU(im, d, tile.scale + lanes);
}

/// The columns of prod B_u through the units that scan_map_turns left.
template <class T>
void scan_map_columns(const ScanMapTile<T>& tile) noexcept {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const Index lanes = static_cast<Index>(hn::Lanes(d));
  if (forgotten(d, hn::LoadU(d, tile.scale), hn::LoadU(d, tile.scale + lanes))) return;
  const Index turns = tile.steps * tile.shape->mixer.factors;
  for (Index j = 0; j < 8; j += 2) {  // one column alone waits for its own products
    V x[8], y[8];
    load8(d, tile.columns + 8 * j * lanes, lanes, x);
    load8(d, tile.columns + 8 * (j + 1) * lanes, lanes, y);
    for (Index i = 0; i < turns; ++i) {
      V u[8], turned_x[8], turned_y[8];
      load8(d, tile.units + i * 8 * lanes, lanes, u);
      apply<Transition::two_sided>(u, x, turned_x);
      apply<Transition::two_sided>(u, y, turned_y);
#pragma GCC unroll 8
      for (int k = 0; k < 8; ++k) x[k] = turned_x[k], y[k] = turned_y[k];
    }
    store8(d, x, tile.columns + 8 * j * lanes, lanes);
    store8(d, y, tile.columns + 8 * (j + 1) * lanes, lanes);
  }
}

template <Transition kTransition, class T>
void scan_map_finish(const ScanMapTile<T>& tile, T* matrix) noexcept {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const Index lanes = static_cast<Index>(hn::Lanes(d));
  const bool complex_state = tile.shape->mixer.complex_state;
  const V re = hn::LoadU(d, tile.scale), im = hn::LoadU(d, tile.scale + lanes);
  V companion[8];
  load8(d, tile.companion, lanes, companion);
  for (Index j = 0; j < 8; ++j) {
    V b[8], column[8];
    load8(d, tile.columns + 8 * j * lanes, lanes, b);
    if constexpr (kTransition == Transition::right) {
      multiply<Factor::conjugated, Factor::plain>(companion, b, column);
    } else if constexpr (kTransition == Transition::left) {
      multiply<Factor::plain, Factor::conjugated>(b, companion, column);
    } else {
      for (int k = 0; k < 8; ++k) column[k] = b[k];
    }
    for (int k = 0; k < 8; ++k) b[k] = hn::Mul(re, column[k]);
    store8(d, b, matrix, lanes);
    matrix += 8 * lanes;
    if (!complex_state) continue;
    for (int k = 0; k < 8; ++k) b[k] = hn::Mul(im, column[k]);
    store8(d, b, matrix, lanes);
    matrix += 8 * lanes;
  }
}

template <class T>
void gate_product_tile(const LanePlanes<const T>& z, Index steps, T* product) noexcept {
  const hn::ScalableTag<T> d;
  auto left = hn::LoadU(d, product);
  for (Index t = 0; t < steps; ++t) {
    left = hn::Mul(left, simd::HWY_NAMESPACE::sigmoid(d, hn::LoadU(d, z.at + t * z.step)));
  }
  hn::StoreU(left, d, product);
}

}  // namespace lior::nn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
