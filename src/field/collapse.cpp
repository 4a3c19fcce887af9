// SPDX-License-Identifier: Apache-2.0
#include "lior/field/collapse.h"

#include <cmath>
#include <vector>

#include "field/row_sums.h"
#include "lior/core/parallel.h"
#include "lior/core/random.h"
#include "lior/core/stop.h"

namespace lior::field {
namespace {

template <class T>
void check_orthonormal(View<const std::complex<T>, 2> basis) {
  for (Index a = 0; a < basis.extent(0); ++a) {
    for (Index b = 0; b <= a; ++b) {
      std::complex<double> product = 0;
      for (Index i = 0; i < basis.extent(1); ++i) {
        product += std::conj(std::complex<double>(basis(a, i))) * std::complex<double>(basis(b, i));
      }
      LIOR_CHECK(std::abs(product - (a == b ? 1.0 : 0.0)) <= 1e-6,
                 "the collapse basis is not orthonormal: <{}|{}> = {} + {} i", a, b, product.real(),
                 product.imag());
    }
  }
}

}  // namespace

template <class T>
void collapse(Field<T> t, Outcome outcome, std::uint64_t seed, std::uint64_t step,
              View<const std::complex<T>, 2> basis, View<Index, 2> chosen) {
  using Complex = std::complex<double>;
  const auto [nx, ny, d, columns] = t.shape();
  LIOR_CHECK(d == columns, "the field has shape {}; expected [Nx, Ny, D, D]", to_string(t.shape()));
  if (!basis.empty()) {
    check_shape(basis, {d, d}, "the collapse basis");
    check_orthonormal(basis);
  }
  if (!chosen.empty()) check_shape(chosen, {nx, ny}, "the outcomes");

  parallel_for(nx, 1 + 2048 / std::max<Index>(ny * d * d, 1),
               [&, ny = ny, d = d](Index begin, Index end, int) {
                 std::vector<Complex> rows(static_cast<std::size_t>(d * d));  // r_k
                 std::vector<double> weight(static_cast<std::size_t>(d));
                 for (Index i = begin; i < end; ++i) {
                   check_stop();
                   for (Index j = 0; j < ny; ++j) {
                     const View<std::complex<T>, 2> site = t[i][j];
                     const double unit = unit_of<T>(site.span());
                     double total = 0;
                     for (Index k = 0; k < d; ++k) {
                       weight[k] = 0;
                       for (Index b = 0; b < d; ++b) {
                         Complex r = 0;
                         for (Index a = 0; a < d; ++a) {
                           const Complex bra =
                               basis.empty() ? Complex(a == k) : std::conj(Complex(basis(k, a)));
                           r += bra * (unit * Complex(site(a, b)));
                         }
                         rows[k * d + b] = r;
                         weight[k] += std::norm(r);
                       }
                       total += weight[k];
                     }
                     if (!chosen.empty()) chosen(i, j) = -1;
                     if (total == 0) continue;

                     Index k = 0;
                     if (outcome == Outcome::largest) {
                       for (Index other = 1; other < d; ++other) {
                         if (weight[other] > weight[k]) k = other;
                       }
                     } else {
                       const auto site_number = static_cast<std::uint64_t>(i * ny + j);
                       const auto bits = philox(seed, step, site_number);
                       const double draw = (bits[0] * 0x1p32 + bits[1]) * 0x1p-64 * total;
                       double sum = weight[0];
                       while (k + 1 < d && draw >= sum) sum += weight[++k];
                       while (weight[k] == 0)
                         --k;  // rounding may step past the last outcome that can be
                     }
                     const double scale = std::sqrt(total / weight[k]) / unit;
                     for (Index a = 0; a < d; ++a) {
                       const Complex ket = basis.empty() ? Complex(a == k) : Complex(basis(k, a));
                       for (Index b = 0; b < d; ++b) {
                         site(a, b) = std::complex<T>(ket * rows[k * d + b] * scale);
                       }
                     }
                     if (!chosen.empty()) chosen(i, j) = k;
                   }
                 }
               });
}

template void collapse(Field<float>, Outcome, std::uint64_t, std::uint64_t,
                       View<const std::complex<float>, 2>, View<Index, 2>);
template void collapse(Field<double>, Outcome, std::uint64_t, std::uint64_t,
                       View<const std::complex<double>, 2>, View<Index, 2>);

}  // namespace lior::field
