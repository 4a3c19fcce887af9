// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Spinor bilinears: the scalar, antisymmetric and symmetric tensors that a spinor field carries.
///
///   K0 = psi^+ psi,   P[m,n] = psi^+ gamma_m gamma_n psi,
///   K1[m,n] = (P[m,n] - P[n,m]) / 2,   K2[m,n] = (P[m,n] + P[n,m]) / 2.
/// With Adjoint::dirac, psi^+ becomes psi^+ gamma_0 everywhere. psi^+ is the conjugate transpose.
/// Source: docs/math/conventions.md, section 5.
///
/// S is the type of all numbers: float, double, or std::complex of them (real spinors with complex
/// gammas are complex spinors). Letters: N points, d coordinates, s spinor size.

#include <complex>

#include "lior/core/arena.h"
#include "lior/core/buffer.h"

namespace lior::algebra {

enum class Adjoint { hermitian, dirac };

/// full: K1 and K2 are [N, d d], the pair (m, n) at m d + n.
/// packed: K1 is [N, d(d-1)/2], the pairs m < n, K2 [N, d(d+1)/2], the pairs m <= n, both in
/// lexicographic order.
enum class Pairs { full, packed };

/// Two ways to the same numbers; docs/decisions/010-bilinears.md has the measurements.
enum class BilinearMethod {
  automatic,  ///< the faster one for these sizes
  products,   ///< u_m = gamma_m^+ psi and v_n = gamma_n psi, then K from u_m . v_n
  squares,    ///< the numbers psi_i^* psi_j, i <= j, times one constant matrix
};

namespace detail {
template <class S>
struct RealOf {
  using Type = S;
};
template <class T>
struct RealOf<std::complex<T>> {
  using Type = T;
};
}  // namespace detail

/// The bilinears of one set of gammas: what depends on them alone is worked out once.
template <class S>
class Bilinears {
 public:
  using T = typename detail::RealOf<S>::Type;

  /// gamma: [d, s, s], any matrices; copied. Throws lior::Error unless 1 <= d, s <= 32.
  Bilinears(View<const S, 3> gamma, Pairs pairs, Adjoint adjoint = Adjoint::hermitian,
            BilinearMethod method = BilinearMethod::automatic);

  Index dimension() const { return d_; }
  Index spinor_size() const { return s_; }
  Index k1_size() const { return pairs_ == Pairs::full ? d_ * d_ : d_ * (d_ - 1) / 2; }
  Index k2_size() const { return pairs_ == Pairs::full ? d_ * d_ : d_ * (d_ + 1) / 2; }
  BilinearMethod method() const { return method_; }

  /// psi: [N, s] -> k0: [N], k1: [N, k1_size()], k2: [N, k2_size()].
  ///
  /// Real cost a point: `products` 2 d s^2 + 2 d^2 s multiply-adds, `squares` s(s+1)/2 for each
  /// number written. Large outputs bypass the caches. Accuracy: |error| <= 4 (s^2 + s) eps
  /// |psi|^2 |gamma_m| |gamma_n|. Threads over points, bit-equal across thread counts; allocates
  /// nothing. NaN passes through. Throws lior::Error when shapes do not fit.
  void forward(View<const S, 2> psi, View<S, 1> k0, View<S, 2> k1, View<S, 2> k2) const;

  /// Bytes of arena that backward takes.
  std::size_t backward_workspace() const;

  /// dk0, dk1, dk2: gradients of a real L, shaped as forward's outputs (for complex S: dL/dRe +
  /// i dL/dIm). Writes dpsi: [N, s] and adds to dgamma: [d, s, s].
  ///
  /// Two matrix products of [N, s^2] with the outputs' gradients. Bit-equal for equal thread
  /// counts.
  void backward(View<const S, 2> psi, View<const S, 1> dk0, View<const S, 2> dk1,
                View<const S, 2> dk2, View<S, 2> dpsi, View<S, 3> dgamma, Arena& workspace) const;

 private:
  static constexpr Index kParts = std::is_same_v<S, T> ? 1 : 2;  // reals a number
  Index squares() const { return kParts == 1 ? s_ * (s_ + 1) / 2 : s_ * s_; }
  Index outputs() const { return 1 + k1_size() + k2_size(); }
  void check(View<const S, 2> psi, View<const S, 1> k0, View<const S, 2> k1,
             View<const S, 2> k2) const;
  void prepare_products();
  void prepare_squares();

  Index d_ = 0, s_ = 0;
  Pairs pairs_;
  Adjoint adjoint_;
  BilinearMethod method_;
  Array<std::complex<double>, 3> gamma_;  // [d, s, s]
  Array<std::complex<double>, 2> left_;   // [s, s]: the unit matrix, or gamma_0
  Array<T, 3> u_map_, v_map_, k0_map_;    // see ProductPlan
  Array<T, 2> square_map_;                // see SquarePlan
};

namespace reference {
/// The loop over m and n, one commutator and anticommutator at a time: full pairs, sums in double.
/// k1, k2: [N, d d].
template <class S>
void bilinears(View<const S, 3> gamma, View<const S, 2> psi, Adjoint adjoint, View<S, 1> k0,
               View<S, 2> k1, View<S, 2> k2);
}  // namespace reference

}  // namespace lior::algebra
