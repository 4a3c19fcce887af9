// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include "lior/algebra/bilinears.h"

namespace lior::algebra::reference {
namespace {

template <class S>
struct WideOf {
  using Type = double;
};
template <class T>
struct WideOf<std::complex<T>> {
  using Type = std::complex<double>;
};
template <class S>
using Wide = typename WideOf<S>::Type;

double conjugate(double x) { return x; }
std::complex<double> conjugate(std::complex<double> x) { return std::conj(x); }

/// out = a b, square matrices of size s.
template <class W>
void multiply(const W* a, const W* b, W* out, Index s) {
  for (Index i = 0; i < s; ++i) {
    for (Index j = 0; j < s; ++j) {
      W sum = 0;
      for (Index k = 0; k < s; ++k) sum += a[i * s + k] * b[k * s + j];
      out[i * s + j] = sum;
    }
  }
}

/// psi^+ a psi.
template <class S>
S sandwich(const S* psi, const Wide<S>* a, Index s) {
  Wide<S> sum = 0;
  for (Index i = 0; i < s; ++i) {
    for (Index j = 0; j < s; ++j) {
      sum += conjugate(Wide<S>(psi[i])) * a[i * s + j] * Wide<S>(psi[j]);
    }
  }
  return S(sum);
}

}  // namespace

template <class S>
void bilinears(View<const S, 3> gamma, View<const S, 2> psi, Adjoint adjoint, View<S, 1> k0,
               View<S, 2> k1, View<S, 2> k2) {
  const Index d = gamma.extent(0), s = gamma.extent(1), count = psi.extent(0);
  std::vector<Wide<S>> matrices(gamma.begin(), gamma.end());
  std::vector<Wide<S>> left(static_cast<std::size_t>(s * s)), mn(left), nm(left), half(left);
  for (Index i = 0; i < s; ++i) left[i * s + i] = 1;
  if (adjoint == Adjoint::dirac) std::copy_n(matrices.begin(), s * s, left.begin());

  for (Index p = 0; p < count; ++p) k0(p) = sandwich(&psi(p, 0), left.data(), s);
  for (Index m = 0; m < d; ++m) {
    for (Index n = 0; n < d; ++n) {
      multiply(&matrices[m * s * s], &matrices[n * s * s], half.data(), s);
      multiply(left.data(), half.data(), mn.data(), s);
      multiply(&matrices[n * s * s], &matrices[m * s * s], half.data(), s);
      multiply(left.data(), half.data(), nm.data(), s);
      for (const auto& [out, sign] : {std::pair{k1, -0.5}, std::pair{k2, 0.5}}) {
        for (Index i = 0; i < s * s; ++i) half[i] = 0.5 * mn[i] + sign * nm[i];
        for (Index p = 0; p < count; ++p) {
          out(p, m * d + n) = sandwich(&psi(p, 0), half.data(), s);
        }
      }
    }
  }
}

#define LIOR_INSTANTIATE(S)                                                                    \
  template void bilinears(View<const S, 3>, View<const S, 2>, Adjoint, View<S, 1>, View<S, 2>, \
                          View<S, 2>);
LIOR_INSTANTIATE(float)
LIOR_INSTANTIATE(double)
LIOR_INSTANTIATE(std::complex<float>)
LIOR_INSTANTIATE(std::complex<double>)
#undef LIOR_INSTANTIATE

}  // namespace lior::algebra::reference
