// SPDX-License-Identifier: Apache-2.0
#include "lior/geometry/spd.h"

#include <algorithm>
#include <optional>
#include <span>

#include "lior/linalg/small_matrix.h"

namespace lior::geometry {
namespace {

constexpr Index kMost = Spd::kMostRows;
constexpr double kEpsilon = std::numeric_limits<double>::epsilon();
constexpr int kMostSweeps = 30;  // of Jacobi's rotations; they need five or six

/// A small matrix, [n, n].
template <class T>
struct Square {
  Index n;
  std::array<T, kMost * kMost> entries{};

  T& operator()(Index i, Index j) { return entries[i * n + j]; }
  const T& operator()(Index i, Index j) const { return entries[i * n + j]; }
  View<T, 2> view() { return {entries.data(), {n, n}}; }
  View<const T, 2> view() const { return {entries.data(), {n, n}}; }
};
using Doubles = Square<double>;

/// The matrix of coordinates that lie `stride` apart.
template <class T>
Square<T> unpacked(Index n, const T* x, Index stride = 1) {
  Square<T> out{n};
  detail::unpack_symmetric(n, x, stride, out.entries.data());
  return out;
}

/// The entries on and above the diagonal of B diag(scale) B^T.
void pack_product(const Doubles& b, const std::array<double, kMost>& scale, double* out) {
  for (Index i = 0; i < b.n; ++i) {
    for (Index j = i; j < b.n; ++j, ++out) {
      *out = 0;
      for (Index k = 0; k < b.n; ++k) *out += b(i, k) * scale[k] * b(j, k);
    }
  }
}

template <class T>
Square<T> product(const Square<T>& a, const Square<T>& b) {
  Square<T> out{a.n};
  for (Index i = 0; i < a.n; ++i) {
    for (Index k = 0; k < a.n; ++k) {
      for (Index j = 0; j < a.n; ++j) out(i, j) += a(i, k) * b(k, j);
    }
  }
  return out;
}

template <class T>
Square<T> transposed(const Square<T>& a) {
  Square<T> out{a.n};
  for (Index i = 0; i < a.n; ++i) {
    for (Index j = 0; j < a.n; ++j) out(i, j) = a(j, i);
  }
  return out;
}

/// L of P = L L^T with zeros above its diagonal; nothing where P is not positive definite.
template <class T>
std::optional<Square<T>> cholesky(Square<T> p) {
  if (linalg::cholesky<T>(p.view())) return {};
  for (Index i = 0; i < p.n; ++i) {
    for (Index j = i + 1; j < p.n; ++j) p(i, j) = 0;
  }
  return p;
}

/// L^-1 B.
template <class T>
Square<T> solved(const Square<T>& l, const Square<T>& b) {
  // The right sides are rows of B^T.
  Square<T> out = transposed(b);
  for (Index j = 0; j < l.n; ++j) {
    linalg::solve_lower<T>(l.view(), {&out(j, 0), static_cast<std::size_t>(l.n)});
  }
  return transposed(out);
}

/// L^-1 V L^-T of a symmetric V.
Doubles whitened(const Doubles& l, const Doubles& v) { return solved(l, transposed(solved(l, v))); }

/// The rotation (c, s) by which Jacobi's method makes the product of two directions 0, of squares
/// `first` and `second`.
std::array<double, 2> rotation(double first, double second, double both) {
  const double ratio = (second - first) / (2 * both);
  const double tangent = std::copysign(1 / (std::abs(ratio) + std::hypot(1, ratio)), ratio);
  const double cosine = 1 / std::hypot(1, tangent);
  return {cosine, cosine * tangent};
}

/// Rows i and j become c row_i - s row_j and s row_i + c row_j.
void rotate_rows(Doubles& a, Index i, Index j, const std::array<double, 2>& by) {
  for (Index k = 0; k < a.n; ++k) {
    const double left = a(i, k), right = a(j, k);
    a(i, k) = by[0] * left - by[1] * right;
    a(j, k) = by[1] * left + by[0] * right;
  }
}

Doubles identity(Index n) {
  Doubles out{n};
  for (Index i = 0; i < n; ++i) out(i, i) = 1;
  return out;
}

/// U and values of a symmetric matrix U diag(values) U^T, or U and singular values of one,
/// U diag(values) V^T.
struct Spectrum {
  Doubles vectors;  // U
  std::array<double, kMost> values{};
};

/// Of a symmetric matrix, by Jacobi's method (Golub and Van Loan, 8.5): errors are roundings of the
/// largest value.
Spectrum eigenvalues(Doubles m) {
  Doubles rows = identity(m.n);  // U^T
  double most = 0;
  for (const double entry : m.entries) most = std::max(most, std::abs(entry));
  for (int sweep = 0; sweep < kMostSweeps; ++sweep) {
    bool done = true;
    for (Index i = 0; i < m.n; ++i) {
      for (Index j = i + 1; j < m.n; ++j) {
        const double both = m(i, j);
        if (!(std::abs(both) > kEpsilon / 4 * most)) continue;
        done = false;
        const auto by = rotation(m(i, i), m(j, j), both);
        rotate_rows(m, i, j, by);
        m = transposed(m);
        rotate_rows(m, i, j, by);
        m(i, j) = m(j, i) = 0;
        rotate_rows(rows, i, j, by);
      }
    }
    if (done) break;
  }
  Spectrum out{transposed(rows)};
  for (Index i = 0; i < m.n; ++i) out.values[i] = m(i, i);
  return out;
}

/// Singular values and left vectors, by the method of one side (J. Demmel and K. Veselic, SIAM J.
/// Matrix Anal. Appl. 13, 1992): small values keep their digits beside large ones.
Spectrum singular_values(Doubles g) {
  Doubles rows = identity(g.n);  // U^T
  const auto dot = [&](Index i, Index j) {
    double sum = 0;
    for (Index k = 0; k < g.n; ++k) sum += g(i, k) * g(j, k);
    return sum;
  };
  for (int sweep = 0; sweep < kMostSweeps; ++sweep) {
    bool done = true;
    for (Index i = 0; i < g.n; ++i) {
      for (Index j = i + 1; j < g.n; ++j) {
        const double first = dot(i, i), second = dot(j, j), both = dot(i, j);
        if (!(std::abs(both) > kEpsilon * std::sqrt(first) * std::sqrt(second))) continue;
        done = false;
        const auto by = rotation(first, second, both);
        rotate_rows(g, i, j, by);
        rotate_rows(rows, i, j, by);
      }
    }
    if (done) break;
  }
  Spectrum out{transposed(rows)};
  for (Index i = 0; i < g.n; ++i) out.values[i] = std::sqrt(dot(i, i));
  return out;
}

/// sum_i P_ii (P^-1)_ii with P = L L^T: how much a rounding of P's entries is in the metric at P.
double magnified(const Doubles& p, const Doubles& l) {
  const Doubles inverse = solved(l, identity(l.n));
  double sum = 0;
  for (Index i = 0; i < l.n; ++i) {
    for (Index k = i; k < l.n; ++k) sum += p(i, i) * inverse(k, i) * inverse(k, i);
  }
  return sum;
}

}  // namespace

ClosedLogarithm Spd::logarithm(const double* x, const double* y, double* v) const {
  const Doubles p = unpacked(n, x), q = unpacked(n, y);
  const auto from = cholesky(p), to = cholesky(q);
  if (!from || !to) return {NAN, NAN, NAN};
  Doubles apart{n};
  for (Index i = 0; i < n * n; ++i) apart.entries[i] = q.entries[i] - p.entries[i];
  // Of near matrices, their difference keeps its digits; of far ones, the factors do.
  constexpr double kNear = 0.25;
  Spectrum found = eigenvalues(whitened(*from, apart));
  const bool near = std::all_of(found.values.begin(), found.values.end(),
                                [](double value) { return std::abs(value) < kNear; });
  if (!near) found = singular_values(solved(*from, *to));
  double length = 0;
  for (double& value : std::span(found.values).first(static_cast<std::size_t>(n))) {
    value = near ? std::log1p(value) : 2 * std::log(value);
    length = std::hypot(length, value);
  }
  pack_product(product(*from, found.vectors), found.values, v);
  const double rounding = 8 * static_cast<double>(n) * kEpsilon;
  const double error = rounding * (magnified(p, *from) + magnified(q, *to)) *
                       (near ? length : std::max(1.0, length));
  return {length, error, error};
}

void Spd::exponential(const double* x, const double* v, double* y) const {
  const auto from = cholesky(unpacked(n, x));
  if (!from) return static_cast<void>(std::fill_n(y, dimension(), NAN));
  Spectrum at = eigenvalues(whitened(*from, unpacked(n, v)));
  for (double& value : at.values) value = std::exp(value);
  pack_product(product(*from, at.vectors), at.values, y);
}

void Spd::transport(const double* x, const double* v, const double* w, double* out) const {
  const auto from = cholesky(unpacked(n, x));
  if (!from) return static_cast<void>(std::fill_n(out, dimension(), NAN));
  const Spectrum at = eigenvalues(whitened(*from, unpacked(n, v)));
  // L U exp(m / 2) U^T, then its product with L^-1 W L^-T and its transpose.
  Doubles stretched = product(*from, at.vectors);
  for (Index i = 0; i < n * n; ++i) stretched.entries[i] *= std::exp(at.values[i % n] / 2);
  const Doubles carry = product(stretched, transposed(at.vectors));
  const Doubles carried =
      product(product(carry, whitened(*from, unpacked(n, w))), transposed(carry));
  for (Index i = 0; i < n; ++i) {
    for (Index j = i; j < n; ++j) *out++ = carried(i, j);
  }
}

template <class T>
Domain Spd::domain(const T* x) const {
  return cholesky(unpacked(n, x)) ? Domain::inside : Domain::edge;
}

template <class T>
void Spd::accelerations(const T* x, const T* v, T* a, Index stride, Index count) const {
  for (Index lane = 0; lane < count; ++lane) {
    T* out = a + lane;
    const auto factor = cholesky(unpacked(n, x + lane, stride));
    if (!factor) {
      for (Index m = 0; m < dimension(); ++m) out[m * stride] = T(NAN);
      continue;
    }
    const Square<T> halves = solved(*factor, unpacked(n, v + lane, stride));  // L^-1 V
    for (Index i = 0; i < n; ++i) {
      for (Index j = i; j < n; ++j, out += stride) {
        *out = 0;
        for (Index k = 0; k < n; ++k) *out += halves(k, i) * halves(k, j);
      }
    }
  }
}

#define LIOR_INSTANTIATE(T)                    \
  template Domain Spd::domain(const T*) const; \
  template void Spd::accelerations(const T*, const T*, T*, Index, Index) const;
LIOR_INSTANTIATE(float)
LIOR_INSTANTIATE(double)
#undef LIOR_INSTANTIATE

}  // namespace lior::geometry
