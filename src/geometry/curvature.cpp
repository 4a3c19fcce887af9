// SPDX-License-Identifier: Apache-2.0
#include "lior/geometry/curvature.h"

#include "geometry/planes.h"
#include "geometry/point.h"
#include "lior/core/stop.h"

namespace lior::geometry {
namespace {

/// Riemann and what it is made of at one point.
template <class T>
class PointCurvature {
 public:
  explicit PointCurvature(const AnyMetric<T>& metric)
      : metric_(metric), solver_(metric), d_(metric.dimension()) {
    const Index d2 = d_ * d_, d3 = d2 * d_, d4 = d2 * d2;
    numbers_.resize(static_cast<std::size_t>(2 * d2 + 3 * d3 + 4 * d4));
    T* next = numbers_.data();
    const auto take = [&](Index size) { return std::exchange(next, next + size); };
    g = take(d2), inverse_ = take(d2);
    dg_ = take(d3), lower_ = take(d3), gamma = take(d3);
    ddg_ = take(d4), dgamma_ = take(d4), riemann = take(d4), raised_ = take(d4);
  }

  /// Gamma and Riemann at x, the point's index for errors.
  void evaluate(const T* x, Index point) {
    metric_.second(x, g, dg_, ddg_);
    if (const auto failed = solver_.factor(g)) fail_at_point(metric_, x, point, failed);
    lower_christoffel(dg_, d_, lower_);
    raise_christoffel(solver_, lower_, d_, gamma);
    differentiate();
    const View<const T, 3> c(gamma, {d_, d_, d_});
    const View<const T, 4> dc(dgamma_, {d_, d_, d_, d_});
    const View<T, 4> curvature(riemann, {d_, d_, d_, d_});
    for (Index r = 0; r < d_; ++r) {
      for (Index s = 0; s < d_; ++s) {
        for (Index m = 0; m < d_; ++m) {
          for (Index n = 0; n < d_; ++n) {
            T sum = dc(m, r, n, s) - dc(n, r, m, s);
            for (Index l = 0; l < d_; ++l) sum += c(r, m, l) * c(l, n, s) - c(r, n, l) * c(l, m, s);
            curvature(r, s, m, n) = sum;
          }
        }
      }
    }
    const Index d4 = d_ * d_ * d_ * d_;
    if (!all_finite(riemann, 1, d4, d4)) fail_at_point(metric_, x, point);
  }

  T ricci(Index s, Index n) const {
    T sum = 0;
    for (Index r = 0; r < d_; ++r) sum += riemann[((r * d_ + s) * d_ + r) * d_ + n];
    return sum;
  }

  T scalar() {
    invert();
    T sum = 0;
    for (Index s = 0; s < d_; ++s) {
      for (Index n = 0; n < d_; ++n) sum += inverse_[s * d_ + n] * ricci(s, n);
    }
    return sum;
  }

  /// R_rsmn R^rsmn, the first index of R^r_smn lowered on one side, the other three raised on the
  /// other.
  T kretschmann() {
    invert();
    const Index d2 = d_ * d_, d3 = d2 * d_;
    T* scratch = ddg_;  // not needed once Riemann is there
    std::copy_n(riemann, d2 * d2, raised_);
    for (const Index stride : {d2, d_, Index{1}}) {  // of s, m, n
      raise(inverse_, raised_, stride, scratch);
      std::swap(raised_, scratch);
    }
    T sum = 0;
    for (Index r = 0; r < d_; ++r) {
      for (Index q = 0; q < d_; ++q) {
        T contraction = 0;  // R^r_smn R^q^smn
        for (Index k = 0; k < d3; ++k) contraction += riemann[r * d3 + k] * raised_[q * d3 + k];
        sum += g[r * d_ + q] * contraction;
      }
    }
    ddg_ = scratch;
    return sum;
  }

  /// Bounds of the rounding errors of Riemann's numbers. To be called after `evaluate`, before the
  /// contractions.
  void estimate_rounding() {
    invert();
    const Index d = d_, d2 = d * d, d3 = d2 * d;
    doubt_.assign(static_cast<std::size_t>(d2 * d2), T(0));
    std::vector<T> size(static_cast<std::size_t>(d3)), slope(doubt_.size());  // of Gamma, d Gamma
    const auto at = [=](const T* tensor, Index a, Index b, Index c) {
      return std::abs(tensor[(a * d + b) * d + c]);
    };
    // (|d_m g_nr| + |d_n g_mr| + |d_r g_mn|) / 2
    const auto lowered = [&](const T* first, Index r, Index m, Index n) {
      return (at(first, m, n, r) + at(first, n, m, r) + at(first, r, m, n)) / 2;
    };
    for (Index i = 0; i < d3; ++i) {
      const Index l = i / d2, m = i / d % d, n = i % d;
      for (Index r = 0; r < d; ++r) {
        size[i] += std::abs(inverse_[l * d + r]) * lowered(dg_, r, m, n);
      }
    }
    for (Index k = 0; k < d; ++k) {
      for (Index i = 0; i < d3; ++i) {
        const Index r = i / d2, m = i / d % d, n = i % d;
        T sum = lowered(ddg_ + k * d3, r, m, n);
        for (Index s = 0; s < d; ++s) sum += at(dg_, k, r, s) * size[(s * d + m) * d + n];
        for (Index l = 0; l < d; ++l) {
          slope[k * d3 + (l * d + m) * d + n] += std::abs(inverse_[l * d + r]) * sum;
        }
      }
    }
    constexpr T kRoundings = 4 * std::numeric_limits<T>::epsilon();
    for (Index i = 0; i < d2 * d2; ++i) {
      const Index r = i / d3, s = i / d2 % d, m = i / d % d, n = i % d;
      T sum = slope[m * d3 + (r * d + n) * d + s] + slope[n * d3 + (r * d + m) * d + s];
      for (Index l = 0; l < d; ++l) {
        sum += at(size.data(), r, m, l) * at(size.data(), l, n, s) +
               at(size.data(), r, n, l) * at(size.data(), l, m, s);
      }
      doubt_[i] = kRoundings * sum;
    }
  }

  /// Of `scalar`.
  T scalar_error() const {
    T sum = 0;
    for (Index s = 0; s < d_; ++s) {
      for (Index n = 0; n < d_; ++n) {
        for (Index r = 0; r < d_; ++r) {
          sum += std::abs(inverse_[s * d_ + n]) * doubt_[((r * d_ + s) * d_ + r) * d_ + n];
        }
      }
    }
    return sum;
  }

  /// Of `kretschmann`, which is to be called before: each factor's doubt times the other, and the
  /// product of both.
  T kretschmann_error() {
    const Index d2 = d_ * d_, d3 = d2 * d_;
    std::vector<T> sizes(inverse_, inverse_ + d2), scratch(doubt_.size());
    for (T& entry : sizes) entry = std::abs(entry);
    raised_doubt_ = doubt_;
    for (const Index stride : {d2, d_, Index{1}}) {
      raise(sizes.data(), raised_doubt_.data(), stride, scratch.data());
      std::swap(raised_doubt_, scratch);
    }
    T sum = 0;
    for (Index r = 0; r < d_; ++r) {
      for (Index q = 0; q < d_; ++q) {
        T contraction = 0;
        for (Index k = 0; k < d3; ++k) {
          contraction +=
              doubt_[r * d3 + k] * (2 * std::abs(raised_[q * d3 + k]) + raised_doubt_[q * d3 + k]);
        }
        sum += std::abs(g[r * d_ + q]) * contraction;
      }
    }
    return sum;
  }

  T* g;
  T* gamma;
  T* riemann;

 private:
  /// dgamma[k][l][m][n] = d_k Gamma^l_mn = g^lr (d_k c_rmn - d_k g_rs Gamma^s_mn).
  void differentiate() {
    const Index d = d_, d2 = d * d, d3 = d2 * d;
    std::array<T, kMostDimensions> column;
    for (Index k = 0; k < d; ++k) {
      lower_christoffel(ddg_ + k * d3, d, lower_);
      for (Index m = 0; m < d; ++m) {
        for (Index n = m; n < d; ++n) {
          for (Index r = 0; r < d; ++r) {
            T sum = lower_[r * d2 + m * d + n];
            for (Index s = 0; s < d; ++s) {
              sum -= dg_[k * d2 + r * d + s] * gamma[s * d2 + m * d + n];
            }
            column[r] = sum;
          }
          solver_.solve(column.data());
          for (Index l = 0; l < d; ++l) {
            dgamma_[k * d3 + l * d2 + m * d + n] = dgamma_[k * d3 + l * d2 + n * d + m] = column[l];
          }
        }
      }
    }
  }

  void invert() {
    for (Index m = 0; m < d_; ++m) {
      T* row = inverse_ + m * d_;
      std::fill_n(row, d_, T(0));
      row[m] = 1;
      solver_.solve(row);
    }
  }

  /// out = tensor with the index of that stride contracted with a symmetric matrix.
  void raise(const T* matrix, const T* tensor, Index stride, T* out) const {
    const Index size = d_ * d_ * d_ * d_;
    for (Index i = 0; i < size; ++i) {
      const Index index = i / stride % d_;
      T sum = 0;
      for (Index k = 0; k < d_; ++k) {
        sum += matrix[index * d_ + k] * tensor[i + (k - index) * stride];
      }
      out[i] = sum;
    }
  }

  const AnyMetric<T>& metric_;
  MetricSolver<T> solver_;
  Index d_;
  std::vector<T> numbers_, doubt_, raised_doubt_;
  T *inverse_, *dg_, *lower_, *ddg_, *dgamma_, *raised_;
};

}  // namespace

template <class T>
void curvature(const AnyMetric<T>& metric, View<const T, 2> x, const Curvature<T>& out) {
  const Index d = metric.dimension(), count = x.extent(1);
  LIOR_CHECK(x.extent(0) == d, "x has shape {}; expected [{}, N]", to_string(x.shape()), d);
  if (out.riemann.data()) check_shape(out.riemann, {d, d, d, d, count}, "riemann");
  if (out.ricci.data()) check_shape(out.ricci, {d, d, count}, "ricci");
  if (out.scalar.data()) check_shape(out.scalar, {count}, "scalar");
  if (out.kretschmann.data()) check_shape(out.kretschmann, {count}, "kretschmann");
  const bool errors = out.scalar_error.data() || out.kretschmann_error.data();
  if (out.scalar_error.data()) check_shape(out.scalar_error, {count}, "scalar_error");
  if (out.kretschmann_error.data()) {
    check_shape(out.kretschmann_error, {count}, "kretschmann_error");
  }
  parallel_for(count, 1, [&](Index begin, Index end, int) {
    PointCurvature<T> point(metric);
    std::array<T, kMostDimensions> coordinates;
    for (Index n = begin; n < end; ++n) {
      check_stop();
      gather_point(x, n, coordinates.data());
      check_domain(metric, coordinates.data(), n);
      point.evaluate(coordinates.data(), n);
      for (Index k = 0; out.riemann.data() && k < d * d * d * d; ++k) {
        out.riemann.data()[k * count + n] = point.riemann[k];
      }
      for (Index k = 0; out.ricci.data() && k < d * d; ++k) {
        out.ricci.data()[k * count + n] = point.ricci(k / d, k % d);
      }
      if (errors) point.estimate_rounding();
      if (out.scalar.data()) out.scalar(n) = point.scalar();
      if (out.scalar_error.data()) out.scalar_error(n) = point.scalar_error();
      if (out.kretschmann.data() || out.kretschmann_error.data()) {
        const T kretschmann = point.kretschmann();
        if (out.kretschmann.data()) out.kretschmann(n) = kretschmann;
      }
      if (out.kretschmann_error.data()) out.kretschmann_error(n) = point.kretschmann_error();
    }
  });
}

template <class T>
double first_bianchi_residual(View<const T, 5> riemann) {
  const Index d = riemann.extent(0), count = riemann.extent(4);
  Worst<double> worst;
  for (Index r = 0; r < d; ++r) {
    for (Index s = 0; s < d; ++s) {
      for (Index m = 0; m < d; ++m) {
        for (Index n = 0; n < d; ++n) {
          for (Index p = 0; p < count; ++p) {
            worst.add(
                std::abs(riemann(r, s, m, n, p) + riemann(r, m, n, s, p) + riemann(r, n, s, m, p)));
          }
        }
      }
    }
  }
  return relative(worst.value(), largest(riemann.span()));
}

template <class T>
double second_bianchi_residual(const AnyMetric<T>& metric, View<const T, 2> x, T step) {
  LIOR_CHECK(step > 0 && std::isfinite(step),
             "step of differences is {}; expected a finite number > 0", step);
  const Index d = metric.dimension(), count = x.extent(1), d3 = d * d * d, d4 = d3 * d;
  std::vector<T> derivative(static_cast<std::size_t>(d * d4));  // D_k R^r_smn
  PointCurvature<T> at(metric), moved(metric);
  std::array<T, kMostDimensions> point, neighbour;
  Worst<double> worst, scale;
  for (Index p = 0; p < count; ++p) {
    check_stop();
    gather_point(x, p, point.data());
    check_domain(metric, point.data(), p);
    at.evaluate(point.data(), p);
    for (Index k = 0; k < d; ++k) {
      T* dr = derivative.data() + k * d4;
      neighbour = point;
      for (const T sign : {T(1), T(-1)}) {
        neighbour[k] = point[k] + sign * step;
        moved.evaluate(neighbour.data(), p);
        for (Index i = 0; i < d4; ++i) {
          const T term = sign * moved.riemann[i] / (2 * step);
          dr[i] = sign > 0 ? term : dr[i] + term;
        }
      }
      // + Gamma^r_kl R^l_smn - Gamma^l_ks R^r_lmn - ..., one lower index after another.
      for (Index i = 0; i < d4; ++i) {
        const Index index[4] = {i / d3, i / (d * d) % d, i / d % d, i % d};
        T sum = 0;
        for (Index l = 0; l < d; ++l) {
          sum += at.gamma[(index[0] * d + k) * d + l] * at.riemann[i + (l - index[0]) * d3];
          Index stride = d * d;
          for (int lower = 1; lower < 4; ++lower, stride /= d) {
            sum -= at.gamma[(l * d + k) * d + index[lower]] *
                   at.riemann[i + (l - index[lower]) * stride];
          }
        }
        dr[i] += sum;
      }
    }
    const View<const T, 5> covariant(derivative.data(), {d, d, d, d, d});
    for (Index i = 0; i < d * d4; ++i) {
      const Index k = i / d4, r = i / d3 % d, s = i / (d * d) % d, m = i / d % d, n = i % d;
      worst.add(
          std::abs(covariant(k, r, s, m, n) + covariant(m, r, s, n, k) + covariant(n, r, s, k, m)));
    }
    // Covariant derivatives may vanish; the products that they are made of do not.
    scale.add(largest(std::span<const T>(derivative)) +
              largest(std::span<const T>(at.riemann, static_cast<std::size_t>(d4))));
  }
  return relative(worst.value(), scale.value());
}

#define LIOR_INSTANTIATE(T)                                                            \
  template void curvature(const AnyMetric<T>&, View<const T, 2>, const Curvature<T>&); \
  template double first_bianchi_residual(View<const T, 5>);                            \
  template double second_bianchi_residual(const AnyMetric<T>&, View<const T, 2>, T);
LIOR_INSTANTIATE(float)
LIOR_INSTANTIATE(double)
#undef LIOR_INSTANTIATE

}  // namespace lior::geometry
