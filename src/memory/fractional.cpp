#include "lior/memory/fractional.h"

#include <cmath>

#include "lior/core/parallel.h"

namespace lior::memory {
namespace {

void check_series(double dt, std::span<const double> f, std::span<double> out) {
  LIOR_CHECK(dt > 0 && std::isfinite(dt), "dt = {} is no step; expected a finite number > 0", dt);
  LIOR_CHECK(f.size() == out.size(), "out has {} samples and f {}; expected as many", out.size(),
             f.size());
}

void check_order(double alpha) {
  LIOR_CHECK(alpha > 0 && alpha < 1, "alpha = {} is no order here; expected (0, 1)", alpha);
}

}  // namespace

void grunwald_letnikov_weights(double order, std::span<double> out) {
  for (std::size_t k = 0; k < out.size(); ++k) {
    out[k] =
        k == 0 ? 1 : out[k - 1] * (static_cast<double>(k) - 1 - order) / static_cast<double>(k);
  }
}

void l1_weights(double alpha, std::span<double> out) {
  check_order(alpha);
  for (std::size_t k = 0; k < out.size(); ++k) {
    const double low = static_cast<double>(k);
    out[k] = std::pow(low + 1, 1 - alpha) - std::pow(low, 1 - alpha);
  }
}

void grunwald_letnikov(double order, double dt, std::span<const double> f, std::span<double> out) {
  check_series(dt, f, out);
  const double scale = std::pow(dt, -order);
  for (std::size_t n = 0; n < f.size(); ++n) {
    double sum = 0, w = 1;
    for (std::size_t k = 0; k <= n; ++k) {
      sum += w * f[n - k];
      w *= (static_cast<double>(k) - order) / static_cast<double>(k + 1);
    }
    out[n] = scale * sum;
  }
}

void caputo_l1(double alpha, double dt, std::span<const double> f, std::span<double> out) {
  check_series(dt, f, out);
  Buffer<double> b(static_cast<Index>(f.size()));
  l1_weights(alpha, b.span());
  const double scale = std::pow(dt, -alpha) / std::tgamma(2 - alpha);
  for (std::size_t n = 0; n < f.size(); ++n) {
    double sum = 0;
    for (std::size_t k = 0; k < n; ++k) {
      sum += b[static_cast<Index>(k)] * (f[n - k] - f[n - k - 1]);
    }
    out[n] = scale * sum;
  }
}

void product_trapezoid(double alpha, double dt, std::span<const double> f, std::span<double> out) {
  check_series(dt, f, out);
  check_order(alpha);
  const double scale = std::pow(dt, alpha) / std::tgamma(alpha + 2);
  const auto power = [alpha](double x) { return std::pow(x, alpha + 1); };
  for (std::size_t n = 0; n < f.size(); ++n) {
    const double steps = static_cast<double>(n);
    double sum = n == 0 ? 0 : f[n];
    for (std::size_t j = 1; j < n; ++j) {
      const double k = static_cast<double>(n - j);
      sum += (power(k + 1) + power(k - 1) - 2 * power(k)) * f[j];
    }
    if (n > 0) sum += (power(steps - 1) - (steps - 1 - alpha) * std::pow(steps, alpha)) * f[0];
    out[n] = scale * sum;
  }
}

template <class T>
FractionalIntegral<T>::FractionalIntegral(double alpha, double dt, const PowerLawRule& rule,
                                          Index size)
    : poles_(rule.poles()), states_(rule.poles() * size), last_(size), tail_(size) {
  check_order(alpha);
  LIOR_CHECK(dt > 0 && std::isfinite(dt), "dt = {} is no step; expected a finite number > 0", dt);
  const double cell = std::pow(dt, alpha);
  newest_ = cell / std::tgamma(alpha + 2);
  previous_ = alpha * newest_;
  const ExponentialSum sum = rule.sum(1 - alpha);
  for (int j = 0; j < poles_; ++j) {
    // A cell's integral of e^{-x (1 - u)} (f_{n-1} (1 - u) + f_n u) over u in [0, 1], x = rate dt.
    const double x = sum.rate[j], decay = std::exp(-x);
    double older = (1 - decay * (1 + x)) / (x * x), newer = (x - 1 + decay) / (x * x);
    if (x < 1e-2) {  // where that cancels, its series
      older = 1.0 / 2 - x / 3 + x * x / 8 - x * x * x / 30 + x * x * x * x / 144;
      newer = 1.0 / 2 - x / 6 + x * x / 24 - x * x * x / 120 + x * x * x * x / 720;
    }
    pole_[j] = {.decay = std::expm1(-x),
                .older = decay * older,
                .newer = decay * newer,
                .weight = sum.weight[j] * cell / std::tgamma(alpha)};
  }
}

template <class T>
void FractionalIntegral<T>::start(std::span<const T> f) {
  LIOR_CHECK(static_cast<Index>(f.size()) == last_.size(), "f has {} functions; expected {}",
             f.size(), last_.size());
  std::fill(states_.begin(), states_.end(), 0.0);
  for (Index i = 0; i < last_.size(); ++i) {
    last_[i] = f[static_cast<std::size_t>(i)];
    tail_[i] = static_cast<T>(previous_ * last_[i]);
  }
}

template <class T>
void FractionalIntegral<T>::accept(std::span<const T> f) {
  LIOR_CHECK(static_cast<Index>(f.size()) == last_.size(), "f has {} functions; expected {}",
             f.size(), last_.size());
  constexpr Index kBlock = 256;  // functions whose sums stay in the first cache
  const Index size = last_.size();
  parallel_for((size + kBlock - 1) / kBlock, 16, [&](Index begin, Index end, int) {
    double older[kBlock], newer[kBlock], sum[kBlock];
    for (Index block = begin; block < end; ++block) {
      const Index first = block * kBlock, count = std::min(kBlock, size - first);
      for (Index i = 0; i < count; ++i) {
        older[i] = last_[first + i];
        newer[i] = f[static_cast<std::size_t>(first + i)];
        sum[i] = previous_ * newer[i];
      }
      for (int j = 0; j < poles_; ++j) {
        const Pole pole = pole_[j];
        double* h = states_.data() + j * size + first;
        for (Index i = 0; i < count; ++i) {
          h[i] += pole.decay * h[i] + (pole.older * older[i] + pole.newer * newer[i]);
          sum[i] += pole.weight * h[i];
        }
      }
      for (Index i = 0; i < count; ++i) {
        last_[first + i] = static_cast<T>(newer[i]);
        tail_[first + i] = static_cast<T>(sum[i]);
      }
    }
  });
}

template class FractionalIntegral<float>;
template class FractionalIntegral<double>;

double mittag_leffler(double alpha, double z) {
  LIOR_CHECK(alpha >= 0.3 && std::abs(z) <= 10,
             "E_{}({}) is out of reach of the power series; expected alpha >= .3, |z| <= 10", alpha,
             z);
  double sum = 0;
  for (int k = 0; k < 2000; ++k) {
    const double log_size = k * std::log(std::abs(z)) - std::lgamma(alpha * k + 1);
    if (k > 0 && log_size < -60) break;
    sum += (z < 0 && k % 2 == 1 ? -1 : 1) * (k == 0 ? 1 : std::exp(log_size));
  }
  return sum;
}

}  // namespace lior::memory
