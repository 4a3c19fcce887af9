// SPDX-License-Identifier: Apache-2.0
// The CI8 recurrence (conventions 4.1) over a tile of time, a (sequence, head) in each lane.
#if defined(LIOR_NN_KERNELS_CI8_SCAN_FORWARD_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIOR_NN_KERNELS_CI8_SCAN_FORWARD_INL_H
#undef LIOR_NN_KERNELS_CI8_SCAN_FORWARD_INL_H
#else
#define LIOR_NN_KERNELS_CI8_SCAN_FORWARD_INL_H
#endif

#include "nn/kernels/ci8_step.inl.h"
#include "simd/math.inl.h"

HWY_BEFORE_NAMESPACE();
namespace lior::nn::HWY_NAMESPACE {

template <class T>
void scan_scalars_tile(const ScanScalarsTile<T>& tile) noexcept {
  namespace math = simd::HWY_NAMESPACE;
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const Index lanes = static_cast<Index>(hn::Lanes(d));
  const ScanShape& shape = *tile.shape;
  const MixerConfig& mixer = shape.mixer;
  const StepScalars at{mixer.factors};
  const V one = hn::Set(d, T(1));

  for (Index t = 0; t < tile.steps; ++t) {
    const T* row = tile.projection.at + t * tile.projection.step;
    const Index plane = tile.projection.plane;
    T* out = tile.scalars + t * at.count() * lanes;
    const auto store = [&](V value, Index scalar) { hn::StoreU(value, d, out + scalar * lanes); };
    for (Index factor = 0; factor < mixer.factors; ++factor) {
      V w[8];
      load8(d, row + 8 * factor * plane, plane, w);
      // norm / |w|^2 is 1 / norm, but NaN where the square overflowed: no state turns to zero in
      // silence.
      const V square = dot(w, w), norm = hn::Sqrt(square);
      const auto usable = hn::Not(hn::Le(norm, hn::Set(d, T(1e-6))));  // NaN is, and spreads
      store(hn::IfThenElseZero(usable, hn::Div(norm, square)), at.inverse_norm(factor));
    }
    if (mixer.gates) {  // 1 - a without cancellation
      const auto [a, complement] =
          math::sigmoid_pair(d, hn::LoadU(d, row + shape.z_plane() * plane));
      store(a, at.a());
      store(complement, at.complement());
      store(hn::Sqrt(hn::Mul(complement, hn::Add(one, a))), at.b());
    }
    if (mixer.phase) {
      const V phi = hn::LoadU(d, row + shape.phi_plane() * plane);
      store(math::cos(d, phi), at.cosine());
      store(math::sin(d, phi), at.sine());
    }
  }
}

template <Transition kTransition, bool kComplex, class T>
void scan_forward_tile(const ScanForwardTile<T>& tile) noexcept {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  constexpr int kParts = kComplex ? 2 : 1;
  const Index lanes = static_cast<Index>(hn::Lanes(d));
  const ScanShape& shape = *tile.shape;
  const MixerConfig& mixer = shape.mixer;
  const StepScalars at{mixer.factors};

  V h[kParts][8];
  for (int part = 0; part < kParts; ++part) load8(d, tile.carry + part * 8 * lanes, lanes, h[part]);

  T* inside = tile.inside;
  for (Index t = 0; t < tile.steps; ++t) {
    const T* row = tile.projection.at + t * tile.projection.step;
    const Index plane = tile.projection.plane;
    const T* scalars = tile.scalars + t * at.count() * lanes;
    const auto scalar = [&](Index which) { return hn::LoadU(d, scalars + which * lanes); };
    if constexpr (kComplex) {
      if (mixer.rotation) {
        for (int k = 0; k < 8; ++k) {
          turn(hn::LoadU(d, tile.angles.cosines + k * lanes),
               hn::LoadU(d, tile.angles.sines + k * lanes), h[0][k], h[1][k]);
        }
      }
    }
    for (Index factor = 0; factor < mixer.factors; ++factor) {
      V u[8];
      load_unit(d, row + 8 * factor * plane, plane, scalar(at.inverse_norm(factor)), u);
#pragma GCC unroll 2
      for (int part = 0; part < kParts; ++part) {
        if (inside != nullptr) {
          store8(d, h[part], inside, lanes);
          inside += 8 * lanes;
        }
        V turned[8];
        apply<kTransition>(u, h[part], turned);
#pragma GCC unroll 8
        for (int k = 0; k < 8; ++k) h[part][k] = turned[k];
      }
    }
    if constexpr (kComplex) {
      if (mixer.phase) {
        const V cosine = scalar(at.cosine()), sine = scalar(at.sine());
        for (int k = 0; k < 8; ++k) turn(cosine, sine, h[0][k], h[1][k]);
      }
    }
    if (mixer.gates) {
      const V a = scalar(at.a()), b = tile.homogeneous ? hn::Zero(d) : scalar(at.b());
#pragma GCC unroll 2
      for (int part = 0; part < kParts; ++part) {
        V c[8];
        load8(d, row + (shape.c_plane() + 8 * part) * plane, plane, c);
#pragma GCC unroll 8
        for (int k = 0; k < 8; ++k) {
          h[part][k] = hn::MulAdd(b, c[k], hn::Mul(a, h[part][k]));
        }
      }
    }
    T* out = tile.states.at + t * tile.states.step;
    for (int part = 0; part < kParts; ++part) {
      store8(d, h[part], out + part * 8 * tile.states.plane, tile.states.plane);
    }
  }
  for (int part = 0; part < kParts; ++part)
    store8(d, h[part], tile.carry + part * 8 * lanes, lanes);
}

template <class T>
Index lane_count_of_level() noexcept {
  return static_cast<Index>(hn::Lanes(hn::ScalableTag<T>()));
}

/// cos and sin of `vectors` full vectors.
template <class T>
void cosines_and_sines(const T* angles, Index vectors, T* cosines, T* sines) noexcept {
  const hn::ScalableTag<T> d;
  const Index lanes = static_cast<Index>(hn::Lanes(d));
  for (Index k = 0; k < vectors; ++k) {
    const auto angle = hn::LoadU(d, angles + k * lanes);
    hn::StoreU(simd::HWY_NAMESPACE::cos(d, angle), d, cosines + k * lanes);
    hn::StoreU(simd::HWY_NAMESPACE::sin(d, angle), d, sines + k * lanes);
  }
}

}  // namespace lior::nn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
