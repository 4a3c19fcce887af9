// The CI8 recurrence and its adjoint over one chunk of time, a (sequence, head) pair in each lane.
#if defined(LIOR_NN_KERNELS_CI8_SCAN_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIOR_NN_KERNELS_CI8_SCAN_INL_H
#undef LIOR_NN_KERNELS_CI8_SCAN_INL_H
#else
#define LIOR_NN_KERNELS_CI8_SCAN_INL_H
#endif

#include "algebra/kernels/ci8.inl.h"
#include "nn/ci8_scan_chunk.h"
#include "simd/math.inl.h"

HWY_BEFORE_NAMESPACE();
namespace lior::nn::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using algebra::Transition;
using algebra::HWY_NAMESPACE::apply;
using algebra::HWY_NAMESPACE::apply_adjoint;
using algebra::HWY_NAMESPACE::dot;

template <class D, class V = hn::Vec<D>>
HWY_INLINE void load8(D d, const hn::TFromD<D>* at, Index plane, V (&x)[8]) {
#pragma GCC unroll 8
  for (int k = 0; k < 8; ++k) x[k] = hn::LoadU(d, at + k * plane);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE void store8(D d, const V (&x)[8], hn::TFromD<D>* at, Index plane) {
#pragma GCC unroll 8
  for (int k = 0; k < 8; ++k) hn::StoreU(x[k], d, at + k * plane);
}

/// (re, im) <- e^{i angle} (re, im), the angle by its cosine and sine.
template <class V>
HWY_INLINE void turn(V cosine, V sine, V& re, V& im) {
  const V turned = hn::NegMulAdd(sine, im, hn::Mul(cosine, re));
  im = hn::MulAdd(sine, re, hn::Mul(cosine, im));
  re = turned;
}

/// u = w / |w|; e0 where |w| <= 1e-6. Returns 1 / |w|, 0 there.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V normalize(D d, V (&w)[8]) {
  using T = hn::TFromD<D>;
  // norm / |w|^2 is 1 / norm, but NaN where the square overflowed: no state turns to zero in
  // silence.
  const V square = dot(w, w), norm = hn::Sqrt(square);
  const auto usable = hn::Not(hn::Le(norm, hn::Set(d, T(1e-6))));  // NaN is, and spreads
  const V inverse = hn::IfThenElseZero(usable, hn::Div(norm, square));
#pragma GCC unroll 8
  for (int k = 0; k < 8; ++k) w[k] = hn::Mul(w[k], inverse);
  w[0] = hn::IfThenElse(usable, w[0], hn::Set(d, T(1)));
  return inverse;
}

/// The two gates of one step: a = sigmoid(z), 1 - a without cancellation, and sqrt(1 - a^2).
template <class V>
struct Gates {
  V a, complement, b_scale;
};

template <class D, class V = hn::Vec<D>>
HWY_INLINE Gates<V> gates(D d, V z) {
  const auto [a, complement] = simd::HWY_NAMESPACE::sigmoid_pair(d, z);
  const V one = hn::Set(d, hn::TFromD<D>(1));
  return {a, complement, hn::Sqrt(hn::Mul(complement, hn::Add(one, a)))};
}

template <Transition kTransition, bool kComplex, class T>
void scan_forward_chunk(const ScanForwardChunk<T>& chunk) noexcept {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  constexpr int kParts = kComplex ? 2 : 1;
  const Index lanes = static_cast<Index>(hn::Lanes(d));
  const ScanShape& shape = *chunk.shape;
  const MixerConfig& mixer = shape.mixer;

  V h[kParts][8];
  for (int part = 0; part < kParts; ++part)
    load8(d, chunk.carry + part * 8 * lanes, lanes, h[part]);

  for (Index t = 0; t < chunk.steps; ++t) {
    const T* row = chunk.projection.at + t * chunk.projection.step;
    const Index plane = chunk.projection.plane;
    if constexpr (kComplex) {
      if (mixer.rotation) {
        for (int k = 0; k < 8; ++k) {
          turn(hn::LoadU(d, chunk.cosines + k * lanes), hn::LoadU(d, chunk.sines + k * lanes),
               h[0][k], h[kParts - 1][k]);
        }
      }
    }
    for (Index factor = 0; factor < mixer.factors; ++factor) {
      V u[8];
      load8(d, row + 8 * factor * plane, plane, u);
      normalize(d, u);
#pragma GCC unroll 2
      for (int part = 0; part < kParts; ++part) {
        V turned[8];
        apply<kTransition>(u, h[part], turned);
#pragma GCC unroll 8
        for (int k = 0; k < 8; ++k) h[part][k] = turned[k];
      }
    }
    if constexpr (kComplex) {
      if (mixer.phase) {
        const V phi = hn::LoadU(d, row + shape.phi_plane() * plane);
        const V cosine = simd::HWY_NAMESPACE::cos(d, phi), sine = simd::HWY_NAMESPACE::sin(d, phi);
        for (int k = 0; k < 8; ++k) turn(cosine, sine, h[0][k], h[kParts - 1][k]);
      }
    }
    if (mixer.gates) {
      const Gates<V> gate = gates(d, hn::LoadU(d, row + shape.z_plane() * plane));
#pragma GCC unroll 2
      for (int part = 0; part < kParts; ++part) {
        V c[8];
        load8(d, row + (shape.c_plane() + 8 * part) * plane, plane, c);
#pragma GCC unroll 8
        for (int k = 0; k < 8; ++k) {
          h[part][k] = hn::MulAdd(gate.b_scale, c[k], hn::Mul(gate.a, h[part][k]));
        }
      }
    }
    T* out = chunk.states.at + t * chunk.states.step;
    for (int part = 0; part < kParts; ++part) {
      store8(d, h[part], out + part * 8 * chunk.states.plane, chunk.states.plane);
    }
  }
  for (int part = 0; part < kParts; ++part)
    store8(d, h[part], chunk.carry + part * 8 * lanes, lanes);
}

/// g_t = r_t + M_{t+1}^dagger g_{t+1}, from the last step of the chunk to its first; the states
/// inside a step are made again from h_{t-1}.
template <Transition kTransition, bool kComplex, class T>
void scan_backward_chunk(const ScanBackwardChunk<T>& chunk) noexcept {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  constexpr int kParts = kComplex ? 2 : 1;
  constexpr int kRe = 0, kIm = kParts - 1;
  const Index lanes = static_cast<Index>(hn::Lanes(d));
  const ScanShape& shape = *chunk.shape;
  const MixerConfig& mixer = shape.mixer;

  V g[kParts][8];
  for (int part = 0; part < kParts; ++part)
    load8(d, chunk.carry + part * 8 * lanes, lanes, g[part]);

  for (Index t = chunk.steps; t-- > 0;) {
    const T* row = chunk.projection.at + t * chunk.projection.step;
    const Index plane = chunk.projection.plane;
    T* d_row = chunk.d_projection.at + t * chunk.d_projection.step;
    const Index d_plane = chunk.d_projection.plane;
    const T* before = chunk.previous.at + t * chunk.previous.step;
    const T* read_out = chunk.d_states.at + t * chunk.d_states.step;

    // x[f] goes into factor f; x[factors] is what the gates see.
    V x[kMaxFactors + 1][kParts][8];
    for (int part = 0; part < kParts; ++part) {
      load8(d, before + part * 8 * chunk.previous.plane, chunk.previous.plane, x[0][part]);
    }
    if constexpr (kComplex) {
      if (mixer.rotation) {
        for (int k = 0; k < 8; ++k) {
          turn(hn::LoadU(d, chunk.cosines + k * lanes), hn::LoadU(d, chunk.sines + k * lanes),
               x[0][kRe][k], x[0][kIm][k]);
        }
      }
    }
    V u[kMaxFactors][8], inverse_norm[kMaxFactors];
    for (Index factor = 0; factor < mixer.factors; ++factor) {
      load8(d, row + 8 * factor * plane, plane, u[factor]);
      inverse_norm[factor] = normalize(d, u[factor]);
      for (int part = 0; part < kParts; ++part) {
        apply<kTransition>(u[factor], x[factor][part], x[factor + 1][part]);
      }
    }
    V(&y)[kParts][8] = x[mixer.factors];

    for (int part = 0; part < kParts; ++part) {
      V r[8];
      load8(d, read_out + part * 8 * chunk.d_states.plane, chunk.d_states.plane, r);
      for (int k = 0; k < 8; ++k) g[part][k] = hn::Add(g[part][k], r[k]);
    }
    V c_dot_g = hn::Zero(d);
    Gates<V> gate;
    if (mixer.gates) {  // h = a e^{i phi} y + sqrt(1 - a^2) c
      gate = gates(d, hn::LoadU(d, row + shape.z_plane() * plane));
      for (int part = 0; part < kParts; ++part) {
        V c[8];
        load8(d, row + (shape.c_plane() + 8 * part) * plane, plane, c);
        c_dot_g = hn::Add(c_dot_g, dot(c, g[part]));
        for (int k = 0; k < 8; ++k) c[k] = hn::Mul(gate.b_scale, g[part][k]);
        store8(d, c, d_row + (shape.c_plane() + 8 * part) * d_plane, d_plane);
      }
    }
    if constexpr (kComplex) {
      if (mixer.phase) {  // g <- e^{-i phi} g; d phi = a Re(conj(g) i y), i y = (-Im y, Re y)
        const V phi = hn::LoadU(d, row + shape.phi_plane() * plane);
        const V cosine = simd::HWY_NAMESPACE::cos(d, phi), sine = simd::HWY_NAMESPACE::sin(d, phi);
        for (int k = 0; k < 8; ++k) turn(cosine, hn::Neg(sine), g[kRe][k], g[kIm][k]);
        V d_phi = hn::Sub(dot(g[kIm], y[kRe]), dot(g[kRe], y[kIm]));
        if (mixer.gates) d_phi = hn::Mul(d_phi, gate.a);
        hn::StoreU(d_phi, d, d_row + shape.phi_plane() * d_plane);
      }
    }
    if (mixer.gates) {  // da/dz = a (1 - a); d sqrt(1 - a^2)/dz = -a^2 sqrt((1 - a)/(1 + a))
      V y_dot_g = dot(y[kRe], g[kRe]);
      if constexpr (kComplex) y_dot_g = hn::Add(y_dot_g, dot(y[kIm], g[kIm]));
      const V slope =
          hn::Mul(gate.a, hn::Sqrt(hn::Div(gate.complement, hn::Add(hn::Set(d, T(1)), gate.a))));
      const V d_z =
          hn::Mul(gate.a, hn::NegMulAdd(slope, c_dot_g, hn::Mul(gate.complement, y_dot_g)));
      hn::StoreU(d_z, d, d_row + shape.z_plane() * d_plane);
      for (int part = 0; part < kParts; ++part) {
        for (int k = 0; k < 8; ++k) g[part][k] = hn::Mul(gate.a, g[part][k]);
      }
    }
    for (Index factor = mixer.factors; factor-- > 0;) {
      V du[8];
      for (int k = 0; k < 8; ++k) du[k] = hn::Zero(d);
      for (int part = 0; part < kParts; ++part) {
        V back[8];
        apply_adjoint<kTransition>(u[factor], x[factor][part], g[part], back, du);
        for (int k = 0; k < 8; ++k) g[part][k] = back[k];
      }
      // Onto the sphere: dL/dw = (du - u (u . du)) / |w|.
      const V along = dot(u[factor], du);
      for (int k = 0; k < 8; ++k) {
        du[k] = hn::Mul(inverse_norm[factor], hn::NegMulAdd(u[factor][k], along, du[k]));
      }
      store8(d, du, d_row + 8 * factor * d_plane, d_plane);
    }
    if constexpr (kComplex) {
      if (mixer.rotation) {  // d theta_k = Re(conj(g)_k i x_k), then g <- conj(D) g
        for (int k = 0; k < 8; ++k) {
          T* sum = chunk.d_angles + k * lanes;
          const V d_angle =
              hn::NegMulAdd(g[kRe][k], x[0][kIm][k], hn::Mul(g[kIm][k], x[0][kRe][k]));
          hn::StoreU(hn::Add(hn::LoadU(d, sum), d_angle), d, sum);
          turn(hn::LoadU(d, chunk.cosines + k * lanes),
               hn::Neg(hn::LoadU(d, chunk.sines + k * lanes)), g[kRe][k], g[kIm][k]);
        }
      }
    }
  }
  for (int part = 0; part < kParts; ++part)
    store8(d, g[part], chunk.carry + part * 8 * lanes, lanes);
}

template <class T>
Index lane_count() noexcept {
  return static_cast<Index>(hn::Lanes(hn::ScalableTag<T>()));
}

/// cos and sin of `count` full vectors.
template <class T>
void cosines_and_sines(const T* angles, Index count, T* cosines, T* sines) noexcept {
  const hn::ScalableTag<T> d;
  const Index lanes = static_cast<Index>(hn::Lanes(d));
  for (Index k = 0; k < count; ++k) {
    const auto angle = hn::LoadU(d, angles + k * lanes);
    hn::StoreU(simd::HWY_NAMESPACE::cos(d, angle), d, cosines + k * lanes);
    hn::StoreU(simd::HWY_NAMESPACE::sin(d, angle), d, sines + k * lanes);
  }
}

}  // namespace lior::nn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
