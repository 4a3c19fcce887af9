// SPDX-License-Identifier: Apache-2.0
// The transported associator of three complex octonions a row, and its adjoint; a row in each lane.
// Compiled once per level.
#if defined(LIOR_NN_KERNELS_ASSOCIATOR_CURRENT_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIOR_NN_KERNELS_ASSOCIATOR_CURRENT_INL_H
#undef LIOR_NN_KERNELS_ASSOCIATOR_CURRENT_INL_H
#else
#define LIOR_NN_KERNELS_ASSOCIATOR_CURRENT_INL_H
#endif

#include "algebra/kernels/ci8.inl.h"
#include "lior/linalg/matrix_view.h"
#include "lior/nn/associator_current.h"

HWY_BEFORE_NAMESPACE();
namespace lior::nn::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace oct = algebra::HWY_NAMESPACE;
using linalg::MatrixView;

template <class V>
HWY_INLINE void product(const V (&x)[2][8], const V (&y)[2][8], V (&out)[2][8]) {
  oct::complex_product<oct::OctonionProduct>(x, y, out);
}

/// The adjoint's factor: with it, the gradients of x y are g y^ and x^ g. Both conjugations at
/// once, of octonions and of I.
template <class V>
HWY_INLINE void conjugate_both(const V (&x)[2][8], V (&out)[2][8]) {
  for (int k = 0; k < 8; ++k) {
    out[0][k] = k == 0 ? x[0][k] : hn::Neg(x[0][k]);
    out[1][k] = k == 0 ? hn::Neg(x[1][k]) : x[1][k];
  }
}

template <class V>
HWY_INLINE void subtract(V (&x)[2][8], const V (&y)[2][8]) {
  for (int part = 0; part < 2; ++part) {
    for (int k = 0; k < 8; ++k) x[part][k] = hn::Sub(x[part][k], y[part][k]);
  }
}

/// planes[c W + lane] = rows(lane, c); lanes past the rows are zero.
template <class T>
HWY_INLINE void rows_to_planes(MatrixView<const T> rows, Index W, T* planes) {
  for (Index c = 0; c < rows.cols; ++c) {
    for (Index lane = rows.rows; lane < W; ++lane) planes[c * W + lane] = 0;
  }
  for (Index lane = 0; lane < rows.rows; ++lane) {
    const T* row = rows.data + lane * rows.stride;
    for (Index c = 0; c < rows.cols; ++c) planes[c * W + lane] = row[c];
  }
}

template <class T>
HWY_INLINE void planes_to_rows(const T* planes, Index W, MatrixView<T> rows) {
  for (Index lane = 0; lane < rows.rows; ++lane) {
    T* row = rows.data + lane * rows.stride;
    for (Index c = 0; c < rows.cols; ++c) row[c] = planes[c * W + lane];
  }
}

/// One head: columns of a, b, c in, of j out; `unit` is p.
template <class T>
void current_forward_rows(MatrixView<const T> factors, const T* unit,
                          MatrixView<T> current) noexcept {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const Index W = static_cast<Index>(hn::Lanes(d));
  alignas(64) T planes[kCurrentFactors * hn::MaxLanes(d)];
  V a[2][8], b[2][8], c[2][8], associator[2][8], turned[8], p[8];
  for (int k = 0; k < 8; ++k) p[k] = hn::Set(d, unit[k]);
  for (Index r = 0; r < factors.rows; r += W) {
    const Index rows = HWY_MIN(W, factors.rows - r);
    rows_to_planes(factors.block(r, 0, rows, kCurrentFactors), W, planes);
    oct::load_ci8(d, planes, W, a);
    oct::load_ci8(d, planes + 16 * W, W, b);
    oct::load_ci8(d, planes + 32 * W, W, c);
    oct::complex_associator<oct::OctonionProduct>(a, b, c, associator);
    for (int part = 0; part < 2; ++part) {
      oct::multiply(associator[part], p, turned);
      oct::store_planes(turned, d, planes + 8 * part * W, W);
    }
    planes_to_rows(planes, W, current.block(r, 0, rows, kCurrentWidth));
  }
}

/// d_unit [8] is summed into: the gradient with respect to p, to be projected on its sphere.
template <class T>
void current_backward_rows(MatrixView<const T> factors, const T* unit, MatrixView<const T> current,
                           MatrixView<const T> d_current, MatrixView<T> d_factors,
                           T* d_unit) noexcept {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const Index W = static_cast<Index>(hn::Lanes(d));
  alignas(64) T planes[kCurrentFactors * hn::MaxLanes(d)];
  V p[8], d_p[8];
  for (int k = 0; k < 8; ++k) p[k] = hn::Set(d, unit[k]), d_p[k] = hn::Zero(d);
  for (Index r = 0; r < factors.rows; r += W) {
    const Index rows = HWY_MIN(W, factors.rows - r);
    V a[2][8], b[2][8], c[2][8], g[2][8];
    rows_to_planes(current.block(r, 0, rows, kCurrentWidth), W, planes);
    rows_to_planes(d_current.block(r, 0, rows, kCurrentWidth), W, planes + 16 * W);
    for (int part = 0; part < 2; ++part) {
      V j[8], d_j[8], J[8];
      oct::load_planes(d, planes + 8 * part * W, W, j);
      oct::load_planes(d, planes + (16 + 8 * part) * W, W, d_j);
      oct::multiply<oct::Factor::plain, oct::Factor::conjugated>(j, p, J);  // |p| = 1
      oct::apply_adjoint<algebra::Transition::right>(p, J, d_j, g[part], d_p);
    }
    rows_to_planes(factors.block(r, 0, rows, kCurrentFactors), W, planes);
    oct::load_ci8(d, planes, W, a);
    oct::load_ci8(d, planes + 16 * W, W, b);
    oct::load_ci8(d, planes + 32 * W, W, c);

    // J = (a b) c - a (b c):
    // da = (g c^) b^ - g (b c)^,  db = a^ (g c^) - (a^ g) c^,  dc = (a b)^ g - b^ (a^ g).
    V inner[2][8], conjugate[2][8], left[2][8], right[2][8], gradient[2][8], term[2][8];
    conjugate_both(c, conjugate);
    product(g, conjugate, left);
    conjugate_both(a, inner);
    product(inner, g, right);
    product(inner, left, gradient);
    product(right, conjugate, term);
    subtract(gradient, term);
    oct::store_ci8(gradient, d, planes + 16 * W, W);

    product(b, c, inner);
    conjugate_both(inner, conjugate);
    product(g, conjugate, term);
    conjugate_both(b, conjugate);
    product(left, conjugate, gradient);
    subtract(gradient, term);
    oct::store_ci8(gradient, d, planes, W);

    product(conjugate, right, term);
    product(a, b, inner);
    conjugate_both(inner, conjugate);
    product(conjugate, g, gradient);
    subtract(gradient, term);
    oct::store_ci8(gradient, d, planes + 32 * W, W);
    planes_to_rows(planes, W, d_factors.block(r, 0, rows, kCurrentFactors));
  }
  oct::store_planes(d_p, d, planes, W);
  for (Index k = 0; k < 8; ++k) {
    for (Index lane = 0; lane < W; ++lane) d_unit[k] += planes[k * W + lane];
  }
}

}  // namespace lior::nn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
