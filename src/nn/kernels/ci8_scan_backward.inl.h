// SPDX-License-Identifier: Apache-2.0
// The adjoint of the CI8 recurrence (conventions 4.3) over a tile, a (sequence, head) in each lane.
#if defined(LIOR_NN_KERNELS_CI8_SCAN_BACKWARD_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIOR_NN_KERNELS_CI8_SCAN_BACKWARD_INL_H
#undef LIOR_NN_KERNELS_CI8_SCAN_BACKWARD_INL_H
#else
#define LIOR_NN_KERNELS_CI8_SCAN_BACKWARD_INL_H
#endif

#include "nn/kernels/ci8_step.inl.h"

HWY_BEFORE_NAMESPACE();
namespace lior::nn::HWY_NAMESPACE {

/// g_t = r_t + M_{t+1}^dagger g_{t+1}, from the last step of the tile to its first.
///
/// With G = e^{-i phi} g the gradients of a and phi ask for G . y and G . i y, y = F x what comes
/// out of the last factor. F is real, so they are (F^T G) . x and (F^T G) . i x: y is never made.
template <Transition kTransition, bool kComplex, class T>
void scan_backward_tile(const ScanBackwardTile<T>& tile) noexcept {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  constexpr int kParts = kComplex ? 2 : 1;
  constexpr int kRe = 0, kIm = kParts - 1;
  const Index lanes = static_cast<Index>(hn::Lanes(d));
  const ScanShape& shape = *tile.shape;
  const MixerConfig& mixer = shape.mixer;
  const StepScalars at{mixer.factors};
  const V one = hn::Set(d, T(1));

  V g[kParts][8];
  for (int part = 0; part < kParts; ++part) load8(d, tile.carry + part * 8 * lanes, lanes, g[part]);

  for (Index t = tile.steps; t-- > 0;) {
    const T* row = tile.projection.at + t * tile.projection.step;
    const Index plane = tile.projection.plane;
    T* d_row = tile.d_projection.at + t * tile.d_projection.step;
    const Index d_plane = tile.d_projection.plane;
    const T* scalars = tile.scalars + t * at.count() * lanes;
    const auto scalar = [&](Index which) { return hn::LoadU(d, scalars + which * lanes); };
    const T* read_out = tile.d_states.at + t * tile.d_states.step;
    const auto inside = [&](Index factor, int part) {
      return tile.inside + ((t * mixer.factors + factor) * kParts + part) * 8 * lanes;
    };

    for (int part = 0; part < kParts; ++part) {
      V r[8];
      load8(d, read_out + part * 8 * tile.d_states.plane, tile.d_states.plane, r);
      for (int k = 0; k < 8; ++k) g[part][k] = hn::Add(g[part][k], r[k]);
    }
    V c_dot_g = hn::Zero(d), a = one, b = c_dot_g;
    if (mixer.gates) {  // h = a e^{i phi} y + b c
      a = scalar(at.a());
      b = scalar(at.b());
      for (int part = 0; part < kParts; ++part) {
        V c[8];
        load8(d, row + (shape.c_plane() + 8 * part) * plane, plane, c);
        c_dot_g = hn::Add(c_dot_g, dot(c, g[part]));
        for (int k = 0; k < 8; ++k) c[k] = hn::Mul(b, g[part][k]);
        store8(d, c, d_row + (shape.c_plane() + 8 * part) * d_plane, d_plane);
      }
    }
    if constexpr (kComplex) {
      if (mixer.phase) {
        const V cosine = scalar(at.cosine()), sine = hn::Neg(scalar(at.sine()));
        for (int k = 0; k < 8; ++k) turn(cosine, sine, g[kRe][k], g[kIm][k]);
      }
    }
    for (Index factor = mixer.factors; factor-- > 0;) {
      V u[8], du[8];
      const V inverse = scalar(at.inverse_norm(factor));
      load_unit(d, row + 8 * factor * plane, plane, inverse, u);
      for (int k = 0; k < 8; ++k) du[k] = hn::Zero(d);
      for (int part = 0; part < kParts; ++part) {
        V x[8], back[8];
        load8(d, inside(factor, part), lanes, x);
        apply_adjoint<kTransition>(u, x, g[part], back, du);
        for (int k = 0; k < 8; ++k) g[part][k] = back[k];
      }
      // Onto the sphere, dL/dw = (du - u (u . du)) / |w|; g lacks its factor a here.
      const V along = dot(u, du), scale = hn::Mul(a, inverse);
      for (int k = 0; k < 8; ++k) du[k] = hn::Mul(scale, hn::NegMulAdd(u[k], along, du[k]));
      store8(d, du, d_row + 8 * factor * d_plane, d_plane);
    }
    V x[kParts][8];
    for (int part = 0; part < kParts; ++part) load8(d, inside(0, part), lanes, x[part]);
    if (mixer.gates) {  // da/dz = a (1 - a); db/dz = -a^2 sqrt((1 - a)/(1 + a)) = -a^2 b / (1 + a)
      V y_dot_g = dot(x[kRe], g[kRe]);
      if constexpr (kComplex) y_dot_g = hn::Add(y_dot_g, dot(x[kIm], g[kIm]));
      const V slope = hn::Div(hn::Mul(a, b), hn::Add(one, a));
      const V d_z =
          hn::Mul(a, hn::NegMulAdd(slope, c_dot_g, hn::Mul(scalar(at.complement()), y_dot_g)));
      hn::StoreU(d_z, d, d_row + shape.z_plane() * d_plane);
    }
    if constexpr (kComplex) {
      if (mixer.phase) {  // a Re(conj(g) i x), i x = (-Im x, Re x)
        const V d_phi = hn::Sub(dot(g[kIm], x[kRe]), dot(g[kRe], x[kIm]));
        hn::StoreU(hn::Mul(a, d_phi), d, d_row + shape.phi_plane() * d_plane);
      }
    }
    if (mixer.gates) {
      for (int part = 0; part < kParts; ++part) {
        for (int k = 0; k < 8; ++k) g[part][k] = hn::Mul(a, g[part][k]);
      }
    }
    if constexpr (kComplex) {
      if (mixer.rotation) {  // d theta_k = Re(conj(g)_k i x_k), then g <- conj(D) g
        for (int k = 0; k < 8; ++k) {
          T* sum = tile.d_angles + k * lanes;
          const V d_angle = hn::NegMulAdd(g[kRe][k], x[kIm][k], hn::Mul(g[kIm][k], x[kRe][k]));
          hn::StoreU(hn::Add(hn::LoadU(d, sum), d_angle), d, sum);
          turn(hn::LoadU(d, tile.angles.cosines + k * lanes),
               hn::Neg(hn::LoadU(d, tile.angles.sines + k * lanes)), g[kRe][k], g[kIm][k]);
        }
      }
    }
  }
  for (int part = 0; part < kParts; ++part)
    store8(d, g[part], tile.carry + part * 8 * lanes, lanes);
}

}  // namespace lior::nn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
