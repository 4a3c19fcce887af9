// SPDX-License-Identifier: Apache-2.0
#include "lior/memory/exponential_sum.h"

#include <cmath>
#include <complex>
#include <numbers>

#include "lior/core/worst.h"
#include "memory/one_minus_exp.h"

namespace lior::memory {
namespace {

/// The sum in units of dt, for a real delta, or for a complex one whose imaginary part carries a
/// derivative. `gamma` is Gamma(1 + delta) in the same sense: 1 / Gamma(delta) = delta / gamma, and
/// that delta is taken out of the moments, so that nothing cancels or underflows as delta -> 0.
template <class S>
void evaluate(S delta, S gamma, double h, double first, int nodes, S* rate, S* weight) {
  // Moments of the nodes below `first`, by rates in units of e^{u_1}: sum_{j>=1} h e^{delta u_j}
  // e^{k (u_j - u_1)} / Gamma(delta), u_j = first - j h. They are m0, delta m1, delta m2, delta m3.
  const S size = h * std::exp(delta * (first - h)) / gamma;
  const auto moment = [&](int k) { return size / one_minus_exp((delta + double(k)) * h); };
  const S m0 = delta * moment(0), m1 = moment(1), m2 = moment(2), m3 = moment(3);
  // x^2 + p x + q is orthogonal to 1 and x.
  const S determinant = m0 * m2 - delta * m1 * m1;
  const S p = (delta * m1 * m2 - m0 * m3) / determinant;
  const S q = delta * (m1 * m3 - m2 * m2) / determinant;
  const S high = (-p + std::sqrt(p * p - 4.0 * q)) / 2.0;
  const S low = q / high;
  const double scale = std::exp(first - h);
  rate[0] = low * scale;
  rate[1] = high * scale;
  weight[1] = (delta * m1 - low * m0) / (high - low);
  weight[0] = m0 - weight[1];
  for (int j = 0; j < nodes; ++j) {
    const double u = first + j * h;
    rate[2 + j] = std::exp(u);
    weight[2 + j] = delta * (h * std::exp(delta * u) / gamma);
  }
}

/// The top of the parabola through three values at equal steps; 0 where it is not among them.
double crest(double before, double middle, double after) {
  const double slope = (after - before) / 2, bend = before - 2 * middle + after;
  return bend < 0 && std::abs(slope) <= -bend ? middle - slope * slope / (2 * bend) : 0;
}

/// Below it t^-delta is 1 to all digits, and the sum for it is theirs too.
constexpr double kSmallestDelta = 1e-300;

void check_delta(double delta) {
  LIOR_CHECK(delta > 0 && delta < 1, "delta = {} is no order of a power law here; expected (0, 1)",
             delta);
}

}  // namespace

double ExponentialSum::operator()(double t) const {
  double sum = 0;
  for (int j = 0; j < poles; ++j) sum += weight[j] * std::exp(-rate[j] * t);
  return sum;
}

PowerLawRule::PowerLawRule(double tolerance, double horizon, double delta_low, double delta_high)
    : tolerance_(tolerance), horizon_(horizon), delta_low_(delta_low), delta_high_(delta_high) {
  LIOR_CHECK(tolerance >= 1e-10 && tolerance < 1,
             "the tolerance of a sum of exponentials is {}; expected 1e-10 <= tolerance < 1",
             tolerance);
  LIOR_CHECK(horizon >= 1 && std::isfinite(horizon),
             "the horizon of a sum of exponentials is {} steps; expected a finite number >= 1",
             horizon);
  LIOR_CHECK(0 <= delta_low && delta_low <= delta_high && delta_high <= 1,
             "the range of delta is [{}, {}]; expected 0 <= low <= high <= 1", delta_low,
             delta_high);
  // At t = 1 the rates past `last` add less than e^{-e^last}.
  const double last = std::log(std::log(1 / tolerance) + 4);
  // The widest step first, with a tail too short to matter; then the longest tail for that step.
  const auto with = [&](double h, double tail) {
    h_ = h;
    first_ = std::log(tail / horizon);
    nodes_ = std::max(1, static_cast<int>(std::ceil((last - first_) / h)));
    LIOR_CHECK(poles() <= kMostPoles,
               "a power law to {} over {} steps takes more than {} exponentials; expected a larger "
               "tolerance or a shorter horizon",
               tolerance, horizon, kMostPoles);
    return error_ = certified_error();
  };
  constexpr double kShare = 0.7;  // of the tolerance, for the step; the tail gets the rest
  const double short_tail = 0.1 * std::pow(tolerance, 0.25);
  double h = 10.5 / std::log(4 / tolerance);
  while (with(h, short_tail) > kShare * tolerance) h *= 0.97;
  double tail = 4;
  while (with(h, tail) > tolerance) tail *= 0.85;
  // The last nodes may be worth nothing.
  while (nodes_ > 1) {
    --nodes_;
    const double error = certified_error();
    if (error > tolerance) {
      ++nodes_;
      break;
    }
    error_ = error;
  }
  LIOR_CHECK(error_ <= tolerance,
             "a sum of exponentials for delta in [{}, {}] has the error {:.3g}; {:.3g} was asked",
             delta_low, delta_high, error_, tolerance);
}

double PowerLawRule::certified_error() const {
  constexpr int kDeltas = 9, kPointsPerUnit = 41;
  const int points = 2 + static_cast<int>(kPointsPerUnit * std::log(horizon_));
  const int deltas = delta_low_ == delta_high_ ? 1 : kDeltas;
  std::array<double, kDeltas> at;
  Worst<double> largest;
  for (int i = 0; i < deltas; ++i) {
    // The ends 0 and 1 are limits: the smallest and the largest delta stand for them.
    const double delta = std::clamp(delta_low_ + (delta_high_ - delta_low_) * i / (kDeltas - 1),
                                    kSmallestDelta, std::nextafter(1.0, 0.0));
    at[i] = largest_relative_error(sum(delta), delta, 1, horizon_, points);
    largest.add(at[i]);
    if (i >= 2) largest.add(crest(at[i - 2], at[i - 1], at[i]));
  }
  // In ln t the error is a ripple of period h_: its crest is at most half a step of the grid away.
  // In delta crest() was .04 % too low at most, over 200 rules.
  constexpr double kCrestMisses = 1.001;
  return kCrestMisses * largest.value() / std::cos(std::numbers::pi / (kPointsPerUnit * h_));
}

ExponentialSum PowerLawRule::sum(double delta) const {
  check_delta(delta);
  delta = std::max(delta, kSmallestDelta);
  ExponentialSum sum{.poles = poles(), .rate = {}, .weight = {}};
  evaluate(delta, std::tgamma(1 + delta), h_, first_, nodes_, sum.rate.data(), sum.weight.data());
  return sum;
}

ExponentialSum PowerLawRule::sum_derivative(double delta) const {
  check_delta(delta);
  delta = std::max(delta, kSmallestDelta);
  // A complex step: f(delta + i tiny) = f + i tiny f', exact to rounding, no cancellation.
  constexpr double kTiny = 1e-100;
  const double gamma = std::tgamma(1 + delta);
  std::array<std::complex<double>, kMostPoles> rate, weight;
  evaluate<std::complex<double>>({delta, kTiny}, {gamma, gamma * digamma(1 + delta) * kTiny}, h_,
                                 first_, nodes_, rate.data(), weight.data());
  ExponentialSum slope{.poles = poles(), .rate = {}, .weight = {}};
  for (int j = 0; j < poles(); ++j) {
    slope.rate[j] = rate[j].imag() / kTiny;
    slope.weight[j] = weight[j].imag() / kTiny;
  }
  return slope;
}

double largest_relative_error(const ExponentialSum& sum, double delta, double first, double last,
                              int points) {
  Worst<double> largest;
  for (int i = 0; i < points; ++i) {
    const double t = first * std::pow(last / first, points > 1 ? double(i) / (points - 1) : 0);
    largest.add(std::abs(sum(t) * std::pow(t, delta) - 1));
  }
  return largest.value();
}

double digamma(double x) {
  double shift = 0;
  for (; x < 12; ++x) shift -= 1 / x;  // psi(x) = psi(x + 1) - 1/x
  const double y = 1 / (x * x);        // then the asymptotic series
  return shift + std::log(x) - 0.5 / x -
         y * (1.0 / 12 - y * (1.0 / 120 - y * (1.0 / 252 - y * (1.0 / 240 - y / 132))));
}

}  // namespace lior::memory
