// SPDX-License-Identifier: Apache-2.0
#include "lior/field/diagnostics.h"

#include <cmath>
#include <vector>

#include "field/scaled_inner.h"
#include "lior/core/stop.h"

namespace lior::field {
namespace {

using Complex = std::complex<double>;

/// -sum p ln p of the squared singular values p of an n x n matrix (columns `c`, overwritten),
/// divided by their sum: Hestenes' rotations make the columns orthogonal, then they are the values.
double von_neumann(std::span<Complex> c, Index n) {
  constexpr int kMostSweeps = 60;
  for (int sweep = 0; sweep < kMostSweeps; ++sweep) {
    bool rotated = false;
    for (Index p = 0; p < n; ++p) {
      for (Index q = p + 1; q < n; ++q) {
        double a = 0, b = 0;
        Complex g = 0;
        for (Index i = 0; i < n; ++i) {
          a += std::norm(c[i * n + p]);
          b += std::norm(c[i * n + q]);
          g += std::conj(c[i * n + p]) * c[i * n + q];
        }
        const double size = std::abs(g);
        if (size <= 1e-16 * std::sqrt(a * b) || size == 0) continue;
        rotated = true;
        const double tau = (b - a) / (2 * size);
        const double t = (tau >= 0 ? 1 : -1) / (std::abs(tau) + std::sqrt(1 + tau * tau));
        const double cosine = 1 / std::sqrt(1 + t * t);
        const Complex sine = cosine * t * (g / size);
        for (Index i = 0; i < n; ++i) {
          const Complex x = c[i * n + p], y = c[i * n + q];
          c[i * n + p] = cosine * x - std::conj(sine) * y;
          c[i * n + q] = sine * x + cosine * y;
        }
      }
    }
    if (!rotated) break;
  }
  double trace = 0, sum = 0;
  std::vector<double> p(static_cast<std::size_t>(n));
  for (Index q = 0; q < n; ++q) {
    for (Index i = 0; i < n; ++i) p[q] += std::norm(c[i * n + q]);
    trace += p[q];
  }
  for (const double value : p) {
    if (value != 0) sum -= value / trace * std::log(value / trace);
  }
  return sum;
}

}  // namespace

template <class T>
std::complex<double> inner(ConstField<T> a, ConstField<T> b, View<const double, 2> weight,
                           RowSums row_sums) {
  return scaled_inner<T>(a, b, weight, row_sums, 1);
}

template <class T>
double fourth_powers(ConstField<T> t, RowSums row_sums) {
  const Index nx = t.extent(0), row = t.extent(1) * t.extent(2) * t.extent(3);
  return sum_rows(nx, 1 + 16384 / std::max<Index>(row, 1), row_sums,
                  [&](Index i) {
                    double sum = 0;
                    for (Index k = i * row; k < (i + 1) * row; ++k) {
                      const double square = std::norm(Complex(t.data()[k]));
                      sum += square * square;
                    }
                    return Complex(sum);
                  })
      .real();
}

template <class T>
double norm(ConstField<T> t, View<const double, 2> weight, RowSums row_sums) {
  return inner<T>(t, t, weight, row_sums).real();
}

template <class T>
double energy(const Hamiltonian<T>& h, ConstField<T> t, Field<T> work, RowSums row_sums) {
  h.apply(t, work);
  return h.grid().measure() * mean_of<T>(t, work, h.weight(), row_sums);
}

template <class T>
double entropy(ConstField<T> t, RowSums row_sums) {
  const Index nx = t.extent(0), ny = t.extent(1), d = t.extent(2);
  const Complex total =
      sum_rows(nx, 1 + 512 / std::max<Index>(ny * d * d, 1), row_sums, [&](Index i) {
        std::vector<Complex> site(static_cast<std::size_t>(d * d));
        double sum = 0, sites = 0;
        check_stop();
        for (Index j = 0; j < ny; ++j) {
          const double unit = unit_of<T>(t[i][j].span());
          double size = 0;
          for (Index k = 0; k < d * d; ++k) {
            site[k] = unit * Complex(t[i][j].data()[k]);
            size += std::norm(site[k]);
          }
          if (size == 0) continue;
          sum += von_neumann(site, d);
          sites += 1;
        }
        return Complex(sum, sites);
      });
  return total.imag() > 0 ? total.real() / total.imag() : 0;
}

template <class T>
double variable_order_entropy(ConstField<T> t, View<const double, 2> nu, RowSums row_sums) {
  const Index nx = t.extent(0), ny = t.extent(1);
  check_shape(nu, {nx, ny}, "nu");
  return sum_rows(nx, 1 + 2048 / std::max<Index>(ny, 1), row_sums,
                  [&](Index i) {
                    double sum = 0;
                    for (Index j = 0; j < ny; ++j) {
                      const double order = nu(i, j);
                      if (std::isnan(order)) sum = order;  // where pow(1, NaN) is 1
                      for (const std::complex<T>& entry : t[i][j]) {
                        const double size = std::abs(Complex(entry));
                        if (size != 0) sum += std::pow(size, 2 * order);
                      }
                    }
                    return Complex(sum);
                  })
      .real();
}

template <class T>
std::array<Index, 2> first_broken_cell(ConstField<T> t) {
  const Index ny = t.extent(1), cell = t.extent(2) * t.extent(3);
  for (Index k = 0; k < t.size(); ++k) {
    const std::complex<T> entry = t.data()[k];
    if (!std::isfinite(entry.real()) || !std::isfinite(entry.imag())) {
      return {k / cell / ny, k / cell % ny};
    }
  }
  return {-1, -1};
}

#define LIOR_INSTANTIATE(T)                                                                \
  template std::complex<double> inner(ConstField<T>, ConstField<T>, View<const double, 2>, \
                                      RowSums);                                            \
  template double fourth_powers(ConstField<T>, RowSums);                                   \
  template double norm(ConstField<T>, View<const double, 2>, RowSums);                     \
  template double energy(const Hamiltonian<T>&, ConstField<T>, Field<T>, RowSums);         \
  template double entropy(ConstField<T>, RowSums);                                         \
  template double variable_order_entropy(ConstField<T>, View<const double, 2>, RowSums);   \
  template std::array<Index, 2> first_broken_cell(ConstField<T>);
LIOR_INSTANTIATE(float)
LIOR_INSTANTIATE(double)
#undef LIOR_INSTANTIATE

}  // namespace lior::field
