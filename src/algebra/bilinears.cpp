// SPDX-License-Identifier: Apache-2.0
#include "lior/algebra/bilinears.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "algebra/bilinears.cpp"
#include <hwy/foreach_target.h>
#include "algebra/kernels/bilinears.inl.h"

#if HWY_ONCE
#include "algebra/small_complex.h"
#include "lior/core/parallel.h"
#include "lior/simd/dispatch.h"

namespace lior::algebra {
namespace {

constexpr Index kPointsPerThread = 512;  // below this a second thread costs more than it brings
// Outputs past this many bytes do not stay in any cache until they are read.
constexpr Index kStreamBytes = 16 << 20;
constexpr std::uintptr_t kVectorBytes = 64;

bool on_vector_boundary(const void* pointer) {
  return reinterpret_cast<std::uintptr_t>(pointer) % kVectorBytes == 0;
}

/// The product kernel for rows of `width` reals.
template <class T>
auto product_kernel(Index width) {
  if (width % 8 == 0) return LIOR_SIMD_TABLE(bilinear_products<T, 8>).chosen();
  if (width % 4 == 0) return LIOR_SIMD_TABLE(bilinear_products<T, 4>).chosen();
  return LIOR_SIMD_TABLE(bilinear_products<T, 1>).chosen();
}

}  // namespace

template <class S>
Bilinears<S>::Bilinears(View<const S, 3> gamma, Pairs pairs, Adjoint adjoint, BilinearMethod method)
    : d_(gamma.extent(0)), s_(gamma.extent(1)), pairs_(pairs), adjoint_(adjoint), method_(method) {
  LIOR_CHECK(d_ >= 1 && d_ <= kMostCoordinates && s_ >= 1 && s_ <= kMostSpinor,
             "gamma has shape {}; expected [d, s, s] with 1 <= d, s <= {}",
             to_string(gamma.shape()), kMostSpinor);
  check_shape(gamma, {d_, s_, s_}, "gamma");
  LIOR_CHECK(method != BilinearMethod::products || pairs == Pairs::full,
             "bilinears by products come as full pairs only; take squares for packed ones");
  gamma_ = Array<std::complex<double>, 3>(gamma.shape());
  std::copy(gamma.begin(), gamma.end(), gamma_.span().begin());
  left_ = Array<std::complex<double>, 2>({s_, s_});
  for (Index i = 0; i < s_; ++i) left_(i, i) = 1.0;
  if (adjoint == Adjoint::dirac) std::copy_n(gamma_.data(), s_ * s_, left_.data());

  if (method_ == BilinearMethod::automatic) {
    // Multiply-adds a point; measured, one costs the same both ways, but a row of products must
    // fill a vector (docs/decisions/010-bilinears.md).
    const Index size = kParts * s_, width = kParts * d_;
    const Index by_products = 2 * size * size * width + 2 * d_ * width * size;
    const Index by_squares = squares() * kParts * outputs();
    const bool products = pairs == Pairs::full && width % 4 == 0 && by_products <= by_squares;
    method_ = products ? BilinearMethod::products : BilinearMethod::squares;
  }
  prepare_squares();  // gradients use them too
  if (method_ == BilinearMethod::products) prepare_products();
}

template <class S>
void Bilinears<S>::prepare_products() {
  using Complex = std::complex<double>;
  const Index size = kParts * s_, width = kParts * d_;
  u_map_ = Array<T, 3>({size, size, width});
  v_map_ = Array<T, 3>({size, size, width});
  // Adds the linear map psi -> factor * a psi to `map`, the reals of row i of the product in the
  // columns `column` of rows (i, re) and (i, im).
  const auto add = [&](Array<T, 3>& map, const Complex* a, Complex factor, Index column) {
    for (Index i = 0; i < s_; ++i) {
      for (Index j = 0; j < s_; ++j) {
        const Complex entry = factor * a[i * s_ + j];
        const auto at = [&](Index row, Index part, double value) {
          map(kParts * i + row, kParts * j + part, column) = static_cast<T>(value);
        };
        at(0, 0, entry.real());
        if constexpr (kParts == 2) {
          at(0, 1, -entry.imag());
          at(1, 0, entry.imag());
          at(1, 1, entry.real());
        }
      }
    }
  };
  const SmallMatrix left(left_.data(), s_);
  for (Index m = 0; m < d_; ++m) {
    const SmallMatrix gamma(&gamma_(m, 0, 0), s_);
    const SmallMatrix u = adjoint_of(left * gamma);  // (psi^+ left gamma_m)^+
    add(u_map_, u.data(), 0.5, kParts * m);
    add(v_map_, gamma.data(), 1.0, kParts * m);
    if constexpr (kParts == 2) {
      // Im(u^+ v) = Re((i u)^+ v) = Re(u^+ (-i v)).
      add(u_map_, u.data(), Complex(0, 0.5), kParts * m + 1);
      add(v_map_, gamma.data(), Complex(0, -1), kParts * m + 1);
    }
  }
  if (adjoint_ == Adjoint::dirac) {
    // psi^+ g psi = sum over the reals of psi of psi_i map_ij psi_j, for the real part and, with
    // -i g, for the imaginary one.
    k0_map_ = Array<T, 3>({kParts, size, size});
    for (Index part = 0; part < kParts; ++part) {
      Array<T, 3> map({size, size, 1});
      add(map, left_.data(), part == 0 ? Complex(1) : Complex(0, -1), 0);
      std::copy(map.span().begin(), map.span().end(), &k0_map_(part, 0, 0));
    }
  }
}

template <class S>
void Bilinears<S>::prepare_squares() {
  using Complex = std::complex<double>;
  square_map_ = Array<T, 2>({squares(), kParts * outputs()});
  Index output = 0;
  // psi^+ c psi = sum_i c_ii |psi_i|^2 + sum_{i<j} (c_ij + c_ji) Re z + i (c_ij - c_ji) Im z,
  // z = psi_i^* psi_j.
  const auto add = [&](const SmallMatrix& c) {
    Index square = 0;
    const auto put = [&](Complex value) {
      square_map_(square, kParts * output) = static_cast<T>(value.real());
      if constexpr (kParts == 2) {
        square_map_(square, kParts * output + 1) = static_cast<T>(value.imag());
      }
      ++square;
    };
    for (Index i = 0; i < s_; ++i) {
      put(c(i, i));
      for (Index j = i + 1; j < s_; ++j) {
        put(c(i, j) + c(j, i));
        if constexpr (kParts == 2) put(Complex(0, 1) * (c(i, j) - c(j, i)));
      }
    }
    ++output;
  };
  const SmallMatrix left(left_.data(), s_);
  add(left);
  for (const double sign : {-1.0, 1.0}) {
    for (Index m = 0; m < d_; ++m) {
      const Index first = pairs_ == Pairs::full ? 0 : sign < 0 ? m + 1 : m;
      const SmallMatrix gm(&gamma_(m, 0, 0), s_);
      for (Index n = first; n < d_; ++n) {
        const SmallMatrix gn(&gamma_(n, 0, 0), s_);
        add(left * (0.5 * (gm * gn + sign * (gn * gm))));
      }
    }
  }
}

template <class S>
void Bilinears<S>::check(View<const S, 2> psi, View<const S, 1> k0, View<const S, 2> k1,
                         View<const S, 2> k2) const {
  const Index count = psi.extent(0);
  check_shape(psi, {count, s_}, "psi");
  check_shape(k0, {count}, "k0");
  check_shape(k1, {count, k1_size()}, "k1");
  check_shape(k2, {count, k2_size()}, "k2");
}

template <class S>
void Bilinears<S>::forward(View<const S, 2> psi, View<S, 1> k0, View<S, 2> k1,
                           View<S, 2> k2) const {
  check(psi, k0, k1, k2);
  const Index count = psi.extent(0), size = kParts * s_;
  const Index widths[3] = {kParts, kParts * k1_size(), kParts * k2_size()};
  const auto* spinor = reinterpret_cast<const T*>(psi.data());
  T* const out[3] = {reinterpret_cast<T*>(k0.data()), reinterpret_cast<T*>(k1.data()),
                     reinterpret_cast<T*>(k2.data())};
  const Index numbers = widths[0] + widths[1] + widths[2];
  const bool stream = count * numbers * static_cast<Index>(sizeof(T)) > kStreamBytes &&
                      on_vector_boundary(out[0]) && on_vector_boundary(out[1]) &&
                      on_vector_boundary(out[2]);

  if (method_ == BilinearMethod::products) {
    const ProductPlan<T> plan{.u_map = u_map_.data(),
                              .v_map = v_map_.data(),
                              .k0_map = k0_map_.data(),
                              .size = size,
                              .width = kParts * d_,
                              .parts = kParts,
                              .stream = stream && kParts * d_ % 8 == 0};
    const auto kernel = product_kernel<T>(plan.width);
    parallel_for(count, kPointsPerThread, [&](Index begin, Index end, int) {
      kernel(plan, spinor + begin * size, out[0] + begin * widths[0], out[1] + begin * widths[1],
             out[2] + begin * widths[2], end - begin);
    });
    return;
  }
  const Index fitting = kBlockNumbers / numbers / 16 * 16;
  const SquarePlan<T> plan{.map = square_map_.data(),
                           .squares = squares(),
                           .spinor = s_,
                           .parts = kParts,
                           .widths = {widths[0], widths[1], widths[2]},
                           .stream = stream && fitting > 0};
  const Index block = plan.stream ? fitting : kPointsPerThread;
  const auto kernel = LIOR_SIMD_TABLE(bilinear_squares<T>).chosen();
  // Threads split whole blocks: their first outputs lie on a vector's boundary.
  const Index blocks = (count + block - 1) / block;
  parallel_for(blocks, (kPointsPerThread + block - 1) / block, [&](Index first, Index last, int) {
    const Index begin = first * block, end = std::min(last * block, count);
    kernel(plan, spinor + begin * size, out[0] + begin * widths[0], out[1] + begin * widths[1],
           out[2] + begin * widths[2], end - begin, block);
  });
}

template class Bilinears<float>;
template class Bilinears<double>;
template class Bilinears<std::complex<float>>;
template class Bilinears<std::complex<double>>;

}  // namespace lior::algebra
#endif
