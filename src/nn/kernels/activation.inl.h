// SPDX-License-Identifier: Apache-2.0
// Activations, lanes along the row. Compiled once per level.
#if defined(LIOR_NN_KERNELS_ACTIVATION_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIOR_NN_KERNELS_ACTIVATION_INL_H
#undef LIOR_NN_KERNELS_ACTIVATION_INL_H
#else
#define LIOR_NN_KERNELS_ACTIVATION_INL_H
#endif

#include "lior/linalg/matrix_view.h"
#include "simd/for_lanes.inl.h"
#include "simd/math.inl.h"

HWY_BEFORE_NAMESPACE();
namespace lior::nn::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace math = simd::HWY_NAMESPACE;
using linalg::MatrixView;
using math::for_lanes;

template <class T>
void gate_forward_rows(MatrixView<const T> p, MatrixView<const T> g, MatrixView<T> y) noexcept {
  for (Index r = 0; r < p.rows; ++r) {
    const T *p_row = p.data + r * p.stride, *g_row = g.data + r * g.stride;
    T* y_row = y.data + r * y.stride;
    for_lanes<T>(p.cols, [=](auto d, Index k) {
      const auto gate = math::silu(d, hn::LoadU(d, g_row + k));
      hn::StoreU(hn::Mul(hn::LoadU(d, p_row + k), gate), d, y_row + k);
    });
  }
}

template <class T>
void gate_backward_rows(MatrixView<const T> p, MatrixView<const T> g, MatrixView<const T> dy,
                        MatrixView<T> dp, MatrixView<T> dg) noexcept {
  for (Index r = 0; r < p.rows; ++r) {
    const T *p_row = p.data + r * p.stride, *g_row = g.data + r * g.stride;
    const T* dy_row = dy.data + r * dy.stride;
    T *dp_row = dp.data + r * dp.stride, *dg_row = dg.data + r * dg.stride;
    for_lanes<T>(p.cols, [=](auto d, Index k) {
      const auto p_k = hn::LoadU(d, p_row + k), g_k = hn::LoadU(d, g_row + k);
      const auto s = math::sigmoid_pair(d, g_k);
      const auto dy_s = hn::Mul(hn::LoadU(d, dy_row + k), s.value);
      const auto slope = hn::MulAdd(g_k, s.complement, hn::Set(d, T{1}));
      hn::StoreU(hn::Mul(dy_s, g_k), d, dp_row + k);
      hn::StoreU(hn::Mul(hn::Mul(dy_s, p_k), slope), d, dg_row + k);
    });
  }
}

template <class T>
void gelu_forward_rows(MatrixView<const T> x, MatrixView<T> y) noexcept {
  for (Index r = 0; r < x.rows; ++r) {
    const T* x_row = x.data + r * x.stride;
    T* y_row = y.data + r * y.stride;
    for_lanes<T>(x.cols, [=](auto d, Index k) {
      hn::StoreU(math::gelu(d, hn::LoadU(d, x_row + k)), d, y_row + k);
    });
  }
}

template <class T>
void gelu_backward_rows(MatrixView<const T> x, MatrixView<const T> dy, MatrixView<T> dx) noexcept {
  for (Index r = 0; r < x.rows; ++r) {
    const T *x_row = x.data + r * x.stride, *dy_row = dy.data + r * dy.stride;
    T* dx_row = dx.data + r * dx.stride;
    for_lanes<T>(x.cols, [=](auto d, Index k) {
      const auto slope = math::gelu_derivative(d, hn::LoadU(d, x_row + k));
      hn::StoreU(hn::Mul(hn::LoadU(d, dy_row + k), slope), d, dx_row + k);
    });
  }
}

}  // namespace lior::nn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
