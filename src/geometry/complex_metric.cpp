// SPDX-License-Identifier: Apache-2.0
#include "lior/geometry/complex_metric.h"

#include <Eigen/Eigenvalues>
#include <cmath>
#include <numbers>

#include "geometry/point.h"
#include "lior/core/stop.h"

namespace lior::geometry {
namespace {

constexpr double kPhaseFloor = 1e-8;

/// A function's gradient and second derivatives at one point.
template <class T>
struct Jet {
  std::array<T, kMostDimensions> first{};
  std::array<T, kMostDimensions * kMostDimensions> second{};
};

template <class T, class F>
Jet<T> jet(const F& f, const T* x, Index d) {
  Jet<T> out;
  std::array<Dual<Dual<T>>, kMostDimensions> point;
  for (Index k = 0; k < d; ++k) {
    for (Index m = k; m < d; ++m) {
      for (Index i = 0; i < d; ++i) {
        point[i] = {{x[i], T(i == k ? 1 : 0)}, {T(i == m ? 1 : 0), T(0)}};
      }
      const Dual<Dual<T>> value = f(point.data());
      out.first[k] = value.value.slope;
      out.second[k * d + m] = out.second[m * d + k] = value.slope.slope;
    }
  }
  return out;
}

template <class T>
auto phase_function(T alpha, Index d) {
  return [=]<class S>(const S* x) -> S {
    using std::log, std::sqrt;
    S square = 0.0;
    for (Index m = 0; m < d; ++m) square += x[m] * x[m];
    const double start = std::numbers::pi / 2;
    // |x| has no derivative at 0; dtheta is 0 there by definition.
    if (plain(square) == 0) return S(alpha * T(start - std::log(kPhaseFloor)));
    return S(alpha) * (start - log(sqrt(square) + kPhaseFloor));
  };
}

template <class T>
auto log_resilience(const LearnedMetric<T>& metric) {
  return [&]<class S>(const S* x) -> S {
    using std::log;
    return log(metric.resilience(x));
  };
}

template <class T>
double mirror_residual(View<const T, 3> a, T sign) {
  Worst<double> worst;
  for (Index m = 0; m < a.extent(0); ++m) {
    for (Index n = 0; n < a.extent(1); ++n) {
      for (Index p = 0; p < a.extent(2); ++p) {
        worst.add(std::abs(a(m, n, p) - sign * a(n, m, p)));
      }
    }
  }
  return relative(worst.value(), largest(a.span()));
}

}  // namespace

template <class T>
T phase(T alpha, const T* x, Index d) {
  return phase_function(alpha, d)(x);
}

template <class T>
void complex_metric(const LearnedMetric<T>& metric, T alpha, PhaseForm form, View<const T, 2> x,
                    View<T, 3> a, View<T, 3> b) {
  const Index d = metric.dimension(), count = x.extent(1);
  check_shape(b, {d, d, count}, "b");
  Array<T, 1> r({count});
  metric.values(x, a, r.view());
  std::fill(b.begin(), b.end(), T(0));
  if (form == PhaseForm::compat) return;
  std::array<T, kMostDimensions> point;
  for (Index p = 0; p < count; ++p) {
    gather_point(x, p, point.data());
    const Jet<T> theta = jet(phase_function(alpha, d), point.data(), d);
    const Jet<T> log_r = jet(log_resilience(metric), point.data(), d);
    for (Index m = 0; m < d; ++m) {
      for (Index n = m + 1; n < d; ++n) {
        // Once: where a compiler fuses a product and the difference, as GCC does for 64-bit ARM,
        // the entry across the diagonal would have other last bits.
        b(m, n, p) = theta.first[m] * log_r.first[n] - theta.first[n] * log_r.first[m];
        b(n, m, p) = -b(m, n, p);
      }
    }
  }
}

template <class T>
double symmetry_residual(View<const T, 3> a) {
  return mirror_residual(a, T(1));
}

template <class T>
double antisymmetry_residual(View<const T, 3> b) {
  return mirror_residual(b, T(-1));
}

template <class T>
bool positive_definite(View<const T, 3> a) {
  const Index d = a.extent(0);
  std::array<T, kMostDimensions * kMostDimensions> matrix;
  for (Index p = 0; p < a.extent(2); ++p) {
    for (Index k = 0; k < d * d; ++k) {
      matrix[k] = a(k / d, k % d, p);
      if (!std::isfinite(matrix[k])) return false;  // also where the factor does not read
    }
    if (linalg::cholesky<T>(View<T, 2>(matrix.data(), {d, d}))) return false;
  }
  return true;
}

template <class T>
double eigenvalue_residual(View<const T, 3> a, View<const T, 3> b) {
  using Matrix = Eigen::Matrix<std::complex<double>, Eigen::Dynamic, Eigen::Dynamic>;
  const Index d = a.extent(0);
  Worst<double> worst, size;
  Matrix g(d, d);
  for (Index p = 0; p < a.extent(2); ++p) {
    check_stop();
    for (Index k = 0; k < d * d; ++k) {
      g(k / d, k % d) = {static_cast<double>(a(k / d, k % d, p)),
                         static_cast<double>(b(k / d, k % d, p))};
    }
    const Eigen::ComplexEigenSolver<Matrix> solver(g, false);
    if (!g.allFinite() || solver.info() != Eigen::Success) return NAN;
    for (Index k = 0; k < d; ++k) {
      const std::complex<double> value = solver.eigenvalues()[k];
      worst.add(std::abs(value.imag()));
      size.add(std::abs(value));
    }
  }
  return relative(worst.value(), size.value());
}

template <class T>
double closedness_residual(const LearnedMetric<T>& metric, T alpha, View<const T, 2> x) {
  const Index d = metric.dimension();
  std::array<T, kMostDimensions> point;
  Worst<double> worst, size;
  for (Index p = 0; p < x.extent(1); ++p) {
    gather_point(x, p, point.data());
    const Jet<T> theta = jet(phase_function(alpha, d), point.data(), d);
    const Jet<T> log_r = jet(log_resilience(metric), point.data(), d);
    // d_k B_mn
    const auto slope = [&](Index k, Index m, Index n) {
      return theta.second[k * d + m] * log_r.first[n] + theta.first[m] * log_r.second[k * d + n] -
             theta.second[k * d + n] * log_r.first[m] - theta.first[n] * log_r.second[k * d + m];
    };
    for (Index k = 0; k < d; ++k) {
      for (Index m = 0; m < d; ++m) {
        for (Index n = 0; n < d; ++n) {
          const double sum = slope(k, m, n) + slope(m, n, k) + slope(n, k, m);
          worst.add(std::abs(sum));
          size.add(std::abs(static_cast<double>(slope(k, m, n))));
        }
      }
    }
  }
  return relative(worst.value(), size.value());
}

#define LIOR_INSTANTIATE(T)                                                             \
  template T phase(T, const T*, Index);                                                 \
  template void complex_metric(const LearnedMetric<T>&, T, PhaseForm, View<const T, 2>, \
                               View<T, 3>, View<T, 3>);                                 \
  template double symmetry_residual(View<const T, 3>);                                  \
  template double antisymmetry_residual(View<const T, 3>);                              \
  template bool positive_definite(View<const T, 3>);                                    \
  template double eigenvalue_residual(View<const T, 3>, View<const T, 3>);              \
  template double closedness_residual(const LearnedMetric<T>&, T, View<const T, 2>);
LIOR_INSTANTIATE(float)
LIOR_INSTANTIATE(double)
#undef LIOR_INSTANTIATE

}  // namespace lior::geometry
