// SPDX-License-Identifier: Apache-2.0
// Gradients by the squares q_k(psi): K = q M with a constant matrix M of the gammas, so
// dq = dK M^T and dM = q^T dK; then back through the squares, and through the products of gammas.
#include "algebra/bilinears_kernel.h"
#include "algebra/small_complex.h"
#include "lior/algebra/bilinears.h"
#include "lior/linalg/gemm.h"

namespace lior::algebra {
namespace {

constexpr Index kChunk = 4096;  // points whose squares are in memory at once

using Complex = SmallMatrix::Complex;

/// dpsi from the gradients of spinor_squares.
template <class T>
void squares_backward(const T* psi, const T* dq, Index spinor, Index parts, T* dpsi) {
  std::fill_n(dpsi, spinor * parts, T{});
  for (Index i = 0; i < spinor; ++i) {
    if (parts == 1) {
      for (Index j = i; j < spinor; ++j, ++dq) {
        dpsi[i] += *dq * psi[j];
        dpsi[j] += *dq * psi[i];
      }
      continue;
    }
    const T re = psi[2 * i], im = psi[2 * i + 1];
    dpsi[2 * i] += 2 * *dq * re;
    dpsi[2 * i + 1] += 2 * *dq * im;
    ++dq;
    for (Index j = i + 1; j < spinor; ++j, dq += 2) {
      const T re_j = psi[2 * j], im_j = psi[2 * j + 1];
      dpsi[2 * i] += dq[0] * re_j + dq[1] * im_j;
      dpsi[2 * i + 1] += dq[0] * im_j - dq[1] * re_j;
      dpsi[2 * j] += dq[0] * re - dq[1] * im;
      dpsi[2 * j + 1] += dq[0] * im + dq[1] * re;
    }
  }
}

}  // namespace

template <class S>
std::size_t Bilinears<S>::backward_workspace() const {
  Arena plan = Arena::planner();
  plan.take<T>(Shape<2>{2 * kChunk, squares()});
  plan.take<T>(square_map_.shape());
  return plan.peak();
}

template <class S>
void Bilinears<S>::backward(View<const S, 2> psi, View<const S, 1> dk0, View<const S, 2> dk1,
                            View<const S, 2> dk2, View<S, 2> dpsi, View<S, 3> dgamma,
                            Arena& workspace) const {
  using linalg::MatrixView;
  using linalg::Transpose;
  check(psi, dk0, dk1, dk2);
  check_shape(dpsi, psi.shape(), "dpsi");
  check_shape(dgamma, {d_, s_, s_}, "dgamma");
  const Arena::Scope scope(workspace);
  const Index count = psi.extent(0), width = kParts * outputs();
  const auto both = workspace.take<T>(Shape<2>{2 * kChunk, squares()});
  const auto dmap = workspace.take<T>(square_map_.shape());
  std::fill(dmap.begin(), dmap.end(), T{});
  const Index widths[3] = {kParts, kParts * k1_size(), kParts * k2_size()};
  const T* const gradients[3] = {reinterpret_cast<const T*>(dk0.data()),
                                 reinterpret_cast<const T*>(dk1.data()),
                                 reinterpret_cast<const T*>(dk2.data())};
  const auto* spinors = reinterpret_cast<const T*>(psi.data());
  auto* dspinors = reinterpret_cast<T*>(dpsi.data());

  for (Index begin = 0; begin < count; begin += kChunk) {
    const Index size = std::min(kChunk, count - begin), reals = kParts * s_;
    const MatrixView<T> q(both.data(), size, squares());
    const MatrixView<T> dq(both.data() + kChunk * squares(), size, squares());
    for (Index n = 0; n < size; ++n) {
      spinor_squares(spinors + (begin + n) * reals, s_, kParts, &q(n, 0));
    }
    Index column = 0;
    for (int k = 0; k < 3; column += widths[k], ++k) {
      if (widths[k] == 0) continue;
      const MatrixView<const T> dk(gradients[k] + begin * widths[k], size, widths[k]);
      const MatrixView<const T> map(square_map_.data() + column, squares(), widths[k], width);
      const MatrixView<T> dmap_k(dmap.data() + column, squares(), widths[k], width);
      linalg::gemm<T>(Transpose::no, Transpose::yes, 1, dk, map, k == 0 ? 0 : 1, dq);
      linalg::gemm<T>(Transpose::yes, Transpose::no, 1, q, dk, 1, dmap_k);
    }
    for (Index n = 0; n < size; ++n) {
      squares_backward(spinors + (begin + n) * reals, &dq(n, 0), s_, kParts,
                       dspinors + (begin + n) * reals);
    }
  }

  // dc of psi^+ c psi, for the output at `output`: dL/dc_ij = sum dK psi_i psi_j^*.
  Index output = 0;
  const auto next_gradient = [&] {
    const auto at = [&](Index square) {
      const T* entry = &dmap(square, kParts * output);
      return Complex(entry[0], kParts == 2 ? entry[kParts - 1] : T{});
    };
    SmallMatrix dc(s_);
    Index square = 0;
    for (Index i = 0; i < s_; ++i) {
      dc(i, i) = at(square++);
      for (Index j = i + 1; j < s_; ++j) {
        const Complex re = at(square++);
        const Complex im = kParts == 2 ? Complex(0, 1) * at(square++) : Complex(0);
        dc(i, j) = re - im;
        dc(j, i) = re + im;
      }
    }
    ++output;
    return dc;
  };
  std::vector<SmallMatrix> gamma, gradient(static_cast<std::size_t>(d_), SmallMatrix(s_));
  for (Index m = 0; m < d_; ++m) gamma.emplace_back(&gamma_(m, 0, 0), s_);
  const SmallMatrix left(left_.data(), s_);
  SmallMatrix dleft = next_gradient();
  // c = left a b: da = left^+ dc b^+, db = (left a)^+ dc, dleft = dc (a b)^+.
  const auto add_product = [&](const SmallMatrix& dc, Index a, Index b) {
    gradient[a] = gradient[a] + adjoint_of(left) * dc * adjoint_of(gamma[b]);
    gradient[b] = gradient[b] + adjoint_of(left * gamma[a]) * dc;
    dleft = dleft + dc * adjoint_of(gamma[a] * gamma[b]);
  };
  for (const double sign : {-1.0, 1.0}) {
    for (Index m = 0; m < d_; ++m) {
      for (Index n = pairs_ == Pairs::full ? 0 : sign < 0 ? m + 1 : m; n < d_; ++n) {
        const SmallMatrix dc = 0.5 * next_gradient();
        add_product(dc, m, n);
        add_product(sign * dc, n, m);
      }
    }
  }
  if (adjoint_ == Adjoint::dirac) gradient[0] = gradient[0] + dleft;
  for (Index m = 0; m < d_; ++m) {
    for (Index k = 0; k < s_ * s_; ++k) {
      const Complex value = gradient[m].data()[k];
      S& entry = dgamma.data()[m * s_ * s_ + k];
      if constexpr (kParts == 1)
        entry += static_cast<T>(value.real());
      else
        entry += S(value);
    }
  }
}

#define LIOR_INSTANTIATE(S)                                                                  \
  template std::size_t Bilinears<S>::backward_workspace() const;                             \
  template void Bilinears<S>::backward(View<const S, 2>, View<const S, 1>, View<const S, 2>, \
                                       View<const S, 2>, View<S, 2>, View<S, 3>, Arena&) const;
LIOR_INSTANTIATE(float)
LIOR_INSTANTIATE(double)
LIOR_INSTANTIATE(std::complex<float>)
LIOR_INSTANTIATE(std::complex<double>)
#undef LIOR_INSTANTIATE

}  // namespace lior::algebra
