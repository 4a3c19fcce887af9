// SPDX-License-Identifier: Apache-2.0
#include "lior/nn/activation.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nn/kernels/activation.inl.h"
#include <hwy/foreach_target.h>
#include "nn/kernels/activation.inl.h"

#if HWY_ONCE
#include "lior/core/parallel.h"
#include "lior/core/profile.h"
#include "lior/simd/dispatch.h"
#include "nn/arguments.h"

namespace lior::nn {

using linalg::MatrixView;

template <class T>
void gate_forward(MatrixView<const T> p, MatrixView<const T> g, MatrixView<T> y) {
  const Index R = p.rows, F = p.cols;
  const ProfiledOp op("gate", 24.0 * R * F, 3.0 * sizeof(T) * R * F);
  check_matrix(p, R, F, "p");
  check_matrix(g, R, F, "g");
  check_matrix(y, R, F, "y");
  const auto kernel = LIOR_SIMD_TABLE(gate_forward_rows<T>).chosen();
  parallel_for(R, rows_per_thread(F), [&](Index begin, Index end, int) {
    const Index rows = end - begin;
    kernel(p.block(begin, 0, rows, F), g.block(begin, 0, rows, F), y.block(begin, 0, rows, F));
  });
}

template <class T>
void gate_backward(MatrixView<const T> p, MatrixView<const T> g, MatrixView<const T> dy,
                   MatrixView<T> dp, MatrixView<T> dg) {
  const Index R = p.rows, F = p.cols;
  const ProfiledOp op("gate", 29.0 * R * F, 5.0 * sizeof(T) * R * F);
  check_matrix(p, R, F, "p");
  check_matrix(g, R, F, "g");
  check_matrix(dy, R, F, "dy");
  check_matrix(dp, R, F, "dp");
  check_matrix(dg, R, F, "dg");
  const auto kernel = LIOR_SIMD_TABLE(gate_backward_rows<T>).chosen();
  parallel_for(R, rows_per_thread(F), [&](Index begin, Index end, int) {
    const Index rows = end - begin;
    kernel(p.block(begin, 0, rows, F), g.block(begin, 0, rows, F), dy.block(begin, 0, rows, F),
           dp.block(begin, 0, rows, F), dg.block(begin, 0, rows, F));
  });
}

template <class T>
void swiglu_forward(MatrixView<const T> ab, MatrixView<T> y) {
  const Index R = y.rows, F = y.cols;
  check_matrix(ab, R, 2 * F, "ab");
  gate_forward<T>(ab.block(0, F, R, F), ab.block(0, 0, R, F), y);
}

template <class T>
void swiglu_backward(MatrixView<const T> ab, MatrixView<const T> dy, MatrixView<T> d_ab) {
  const Index R = dy.rows, F = dy.cols;
  check_matrix(ab, R, 2 * F, "ab");
  check_matrix(d_ab, R, 2 * F, "d_ab");
  gate_backward<T>(ab.block(0, F, R, F), ab.block(0, 0, R, F), dy, d_ab.block(0, F, R, F),
                   d_ab.block(0, 0, R, F));
}

template <class T>
void gelu_forward(MatrixView<const T> x, MatrixView<T> y) {
  const Index R = x.rows, F = x.cols;
  check_matrix(x, R, F, "x");
  check_matrix(y, R, F, "y");
  const auto kernel = LIOR_SIMD_TABLE(gelu_forward_rows<T>).chosen();
  parallel_for(R, rows_per_thread(F), [&](Index begin, Index end, int) {
    kernel(x.block(begin, 0, end - begin, F), y.block(begin, 0, end - begin, F));
  });
}

template <class T>
void gelu_backward(MatrixView<const T> x, MatrixView<const T> dy, MatrixView<T> dx) {
  const Index R = x.rows, F = x.cols;
  check_matrix(x, R, F, "x");
  check_matrix(dy, R, F, "dy");
  check_matrix(dx, R, F, "dx");
  const auto kernel = LIOR_SIMD_TABLE(gelu_backward_rows<T>).chosen();
  parallel_for(R, rows_per_thread(F), [&](Index begin, Index end, int) {
    const Index rows = end - begin;
    kernel(x.block(begin, 0, rows, F), dy.block(begin, 0, rows, F), dx.block(begin, 0, rows, F));
  });
}

#define LIOR_INSTANTIATE(T)                                                                  \
  template void gate_forward(MatrixView<const T>, MatrixView<const T>, MatrixView<T>);       \
  template void gate_backward(MatrixView<const T>, MatrixView<const T>, MatrixView<const T>, \
                              MatrixView<T>, MatrixView<T>);                                 \
  template void swiglu_forward(MatrixView<const T>, MatrixView<T>);                          \
  template void swiglu_backward(MatrixView<const T>, MatrixView<const T>, MatrixView<T>);    \
  template void gelu_forward(MatrixView<const T>, MatrixView<T>);                            \
  template void gelu_backward(MatrixView<const T>, MatrixView<const T>, MatrixView<T>)
LIOR_INSTANTIATE(float);
LIOR_INSTANTIATE(double);
#undef LIOR_INSTANTIATE

}  // namespace lior::nn
#endif
