// SPDX-License-Identifier: Apache-2.0
#include "lior/memory/fractional.h"

#include <cmath>

#include "lior/core/checked.h"
#include "lior/core/parallel.h"
#include "lior/core/stop.h"

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

/// (1 + x)^p - 1 - p x, p = 1 + alpha, |x| <= 1, to all digits: by its series where that cancels.
double beyond_linear(double alpha, double x) {
  if (std::abs(x) > 0.125) {
    const double grown = x > -1 ? (1 + x) * std::expm1(alpha * std::log1p(x)) : 0;
    return grown - alpha * x;
  }
  // Terms C(p, j) x^j from j = 2: |C| < 1 and 8^-18 = 6e-17.
  double sum = 0, term = (1 + alpha) * x;
  for (int j = 2; j < 20; ++j) {
    term *= (2 + alpha - j) / j * x;
    sum += term;
  }
  return sum;
}

/// (x - 1 + e^{-x}) / x^2, |x| <= a few, or x > 0: its series where that cancels.
double second_phi(double x) {
  if (std::abs(x) > 1) return (x + std::expm1(-x)) / (x * x);
  double sum = 0, term = 0.5;  // (-x)^k / (k + 2)!; 1 / 20! = 4e-19
  for (int k = 0; k < 18; ++k) {
    sum += term;
    term *= -x / (k + 3);
  }
  return sum;
}

/// out_k = weight(k), from k = 0 on.
template <class Weight>
void each_weight(std::span<double> out, Weight weight) {
  constexpr Index kTogether = 1 << 20;  // up to .1 s
  in_pieces(std::ssize(out), kTogether, [&](Index begin, Index end) {
    for (Index k = begin; k < end; ++k) {
      out[static_cast<std::size_t>(k)] = weight(static_cast<double>(k));
    }
  });
}

/// w_k = w_{k-1} (k - 1 - order) / k, one after another, beside what rounding has taken: by plain
/// products w_k would be off by a part k eps.
class GrunwaldLetnikovWeight {
 public:
  explicit GrunwaldLetnikovWeight(double order) : order_(order) {}

  double value() const { return value_; }
  void advance() {
    const double whole = k_, factor = whole - order_, taken = factor - whole;
    const double rest_of_factor = (whole - (factor - taken)) - (order_ + taken);
    const double product = value_ * factor, quotient = product / ++k_;
    if (!std::isfinite(product)) {
      value_ = quotient, rest_ = 0;
      return;
    }
    const double rest_of_product =
        std::fma(value_, factor, -product) + value_ * rest_of_factor + rest_ * factor;
    const double rest = (std::fma(-quotient, k_, product) + rest_of_product) / k_;
    value_ = quotient + rest;
    rest_ = rest - (value_ - quotient);
  }

 private:
  double order_, value_ = 1, rest_ = 0, k_ = 0;
};

}  // namespace

void grunwald_letnikov_weights(double order, std::span<double> out) {
  GrunwaldLetnikovWeight w(order);
  each_weight(out, [&](double k) {
    if (k > 0) w.advance();
    return w.value();
  });
}

void l1_weights(double alpha, std::span<double> out) {
  check_order(alpha);
  const double order = 1 - alpha;
  each_weight(out, [=](double k) {
    return k == 0 ? 1 : std::pow(k, order) * std::expm1(order * std::log1p(1 / k));
  });
}

void grunwald_letnikov(double order, double dt, std::span<const double> f, std::span<double> out) {
  check_series(dt, f, out);
  Buffer<double> w(static_cast<Index>(f.size()));
  grunwald_letnikov_weights(order, w.span());
  const double scale = std::pow(dt, -order);
  for (std::size_t n = 0; n < f.size(); ++n) {
    check_stop();
    double sum = 0;
    for (std::size_t k = 0; k <= n; ++k) sum += w[static_cast<Index>(k)] * f[n - k];
    out[n] = scale * sum;
  }
}

void caputo_l1(double alpha, double dt, std::span<const double> f, std::span<double> out) {
  check_series(dt, f, out);
  Buffer<double> b(static_cast<Index>(f.size()));
  l1_weights(alpha, b.span());
  const double scale = std::pow(dt, -alpha) / std::tgamma(2 - alpha);
  for (std::size_t n = 0; n < f.size(); ++n) {
    check_stop();
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
  // Of the sample k steps back, k^{alpha+1} times (1 + 1/k)^{alpha+1} + (1 - 1/k)^{alpha+1} - 2; of
  // the first one, n back, n^{alpha+1} times (1 - 1/n)^{alpha+1} - 1 + (alpha + 1) / n.
  const auto size = static_cast<Index>(f.size());
  Buffer<double> inner(size), first(size);
  for (Index k = 1; k < size; ++k) {
    const double x = 1 / static_cast<double>(k);
    const double power = std::pow(static_cast<double>(k), alpha + 1);
    first[k] = power * beyond_linear(alpha, -x);
    inner[k] = power * (beyond_linear(alpha, x) + beyond_linear(alpha, -x));
  }
  const double scale = std::pow(dt, alpha) / std::tgamma(alpha + 2);
  for (std::size_t n = 0; n < f.size(); ++n) {
    check_stop();
    double sum = n == 0 ? 0 : f[n];
    for (std::size_t j = 1; j < n; ++j) sum += inner[static_cast<Index>(n - j)] * f[j];
    if (n > 0) sum += first[static_cast<Index>(n)] * f[0];
    out[n] = scale * sum;
  }
}

template <class T>
FractionalIntegral<T>::FractionalIntegral(double alpha, double dt, const PowerLawRule& rule,
                                          Index size)
    : poles_(rule.poles()),
      horizon_(rule.horizon()),
      states_(checked_product(rule.poles(), size, "states of a fractional integral")),
      last_(size),
      tail_(size) {
  check_order(alpha);
  LIOR_CHECK(1 - alpha < 1, "alpha is {}, and 1 - alpha is 1 in double; expected at least 1.2e-16",
             alpha);
  LIOR_CHECK(dt > 0 && std::isfinite(dt), "dt = {} is no step; expected a finite number > 0", dt);
  const double cell = std::pow(dt, alpha);
  newest_ = cell / std::tgamma(alpha + 2);
  previous_ = alpha * newest_;
  const ExponentialSum sum = rule.sum(1 - alpha);
  for (int j = 0; j < poles_; ++j) {
    // A cell's integral of e^{-x (1 - u)} (f_{n-1} (1 - u) + f_n u) over u in [0, 1], x = rate dt.
    const double x = sum.rate[j], decay = std::exp(-x);
    const double older = x > 1 ? (1 - decay * (1 + x)) / (x * x) : decay * second_phi(-x);
    const double newer = second_phi(x);
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
  step_ = 0;
  for (Index i = 0; i < last_.size(); ++i) {
    last_[i] = f[static_cast<std::size_t>(i)];
    tail_[i] = static_cast<T>(previous_ * last_[i]);
  }
}

template <class T>
void FractionalIntegral<T>::check_horizon(Index step) const {
  if (static_cast<double>(step) <= horizon_) return;
  throw RunError(
      fmt::format("the rule of a fractional integral holds for {} steps, and step {} was reached; "
                  "expected a rule with a horizon of {} or more",
                  horizon_, step, step));
}

template <class T>
std::span<const T> FractionalIntegral<T>::tail() const {
  check_horizon(step_ + 1);
  return tail_.span();
}

template <class T>
void FractionalIntegral<T>::accept(std::span<const T> f) {
  LIOR_CHECK(static_cast<Index>(f.size()) == last_.size(), "f has {} functions; expected {}",
             f.size(), last_.size());
  check_horizon(step_ + 1);
  ++step_;
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

}  // namespace lior::memory
