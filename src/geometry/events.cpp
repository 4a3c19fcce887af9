// SPDX-License-Identifier: Apache-2.0
#include "lior/geometry/events.h"

#include <algorithm>
#include <cmath>

#include "lior/core/stop.h"
#include "lior/expr/parse.h"
#include "lior/expr/tape.h"

namespace lior::geometry {
namespace {

/// The formula at points and velocities in planes.
class EventFormula {
 public:
  EventFormula(const AnyMetric<double>& metric, std::string_view formula) : d_(metric.dimension()) {
    expr::Graph graph;
    std::vector<std::string> names;
    for (const char* prefix : {"", "d"}) {
      for (const Coordinate& x : metric.chart().coordinates) names.push_back(prefix + x.name);
    }
    const expr::Scope scope{.find = [&](std::string_view name) -> std::optional<expr::Id> {
                              const auto found = std::find(names.begin(), names.end(), name);
                              if (found == names.end()) return {};
                              return graph.input(found - names.begin());
                            },
                            .names = names};
    const auto read = [&](std::string_view text) {
      return expr::parse(graph, text, scope, "event");
    };
    const std::size_t equals = expr::find_equals(formula);
    const expr::Id id = equals == formula.npos ? read(formula)
                                               : graph.subtract(read(formula.substr(0, equals)),
                                                                read(formula.substr(equals + 1)));
    tape_ = expr::Tape(graph, {&id, 1}, 2 * d_);
  }

  /// x, v: planes [d, count].
  std::vector<double> operator()(const double* x, const double* v, Index count) const {
    std::vector<const double*> rows;
    for (const double* planes : {x, v}) {
      for (Index m = 0; m < d_; ++m) rows.push_back(planes + m * count);
    }
    std::vector<double> values(static_cast<std::size_t>(count));
    tape_.run(rows.data(), values.data(), count, count);
    return values;
  }

 private:
  Index d_;
  expr::Tape tape_;
};

/// A sign that changes between two fractions of the way from one sample to the next.
struct Bracket {
  Index path, sample;
  double low = 0, high = 1, f_low, f_high;
  std::vector<double> x{}, v{};  // at the high end
  int same_side = 0;  // trials that moved one end only: < 0 the low one, > 0 the high one
};

/// The fraction to try next: the chord's zero, with the end that does not move counted half
/// (Illinois), or the middle where that leaves the bracket.
double next_fraction(const Bracket& at) {
  const double weight_low = at.same_side > 1 ? 0.5 : 1, weight_high = at.same_side < -1 ? 0.5 : 1;
  const double low = weight_low * at.f_low, high = weight_high * at.f_high;
  const double zero = at.low - low * (at.high - at.low) / (high - low);
  return zero > at.low && zero < at.high ? zero : (at.low + at.high) / 2;
}

/// Moves one end to the fraction; whether it is the high one.
bool narrow(Bracket& at, double fraction, double f) {
  if (!std::isfinite(f) || f == 0 || (f < 0) != (at.f_low < 0)) {
    at.high = fraction, at.f_high = f;
    at.same_side = std::max(at.same_side, 0) + 1;
    return true;
  }
  at.low = fraction, at.f_low = f;
  at.same_side = std::min(at.same_side, 0) - 1;
  return false;
}

class Locator {
 public:
  Locator(const AnyMetric<double>& metric, const EventFormula& formula, View<const double, 3> x,
          View<const double, 3> v, std::span<const double> times, const GeodesicOptions& options)
      : metric_(metric), formula_(formula), x_(x), v_(v), times_(times), options_(options) {}

  /// Narrows all brackets, one integration of them all at a time.
  void locate(std::vector<Bracket>& brackets) const {
    constexpr int kMostTrials = 60;  // of which halving alone needs 53
    std::vector<Bracket*> open;
    for (Bracket& bracket : brackets) open.push_back(&bracket);
    for (int trial = 0; trial < kMostTrials; ++trial) {
      std::erase_if(open, [&](const Bracket* at) { return narrow_enough(*at); });
      if (open.empty()) return;
      follow(open);
    }
  }

 private:
  double interval(const Bracket& at) const { return times_[at.sample + 1] - times_[at.sample]; }

  bool narrow_enough(const Bracket& at) const {
    const double size = std::max(std::abs(times_[at.sample + 1]), interval(at));
    return at.f_high == 0 ||
           (at.high - at.low) * interval(at) <= 4 * std::numeric_limits<double>::epsilon() * size;
  }

  /// One more fraction of each. A fraction of the way is the way of that part of the velocity.
  void follow(const std::vector<Bracket*>& open) const {
    constexpr double kWhole[] = {1.0};
    const Index d = metric_.dimension(), count = std::ssize(open);
    Array<double, 2> from({d, count}), velocity({d, count});
    Array<double, 3> x({1, d, count}), v({1, d, count});
    Array<PathStatus, 1> status({count});
    Array<double, 1> reached({count});
    std::vector<double> fractions, parts;
    for (Index n = 0; n < count; ++n) {
      const Bracket& at = *open[n];
      fractions.push_back(next_fraction(at));
      parts.push_back(fractions[n] * interval(at));
      for (Index m = 0; m < d; ++m) {
        from(m, n) = x_(at.sample, m, at.path);
        velocity(m, n) = parts[n] * v_(at.sample, m, at.path);
      }
    }
    geodesics<double>(metric_, from.view(), velocity.view(), kWhole, options_,
                      {x.view(), v.view(), status.view(), reached.view()});
    for (Index n = 0; n < count; ++n) {
      for (Index m = 0; m < d; ++m) v(0, m, n) /= parts[n];
    }
    const std::vector<double> f = formula_(x.data(), v.data(), count);
    for (Index n = 0; n < count; ++n) {
      Bracket& at = *open[n];
      if (!narrow(at, fractions[n], f[n])) continue;
      for (Index m = 0; m < d; ++m) at.x[m] = x(0, m, n), at.v[m] = v(0, m, n);
    }
  }

  const AnyMetric<double>& metric_;
  const EventFormula& formula_;
  View<const double, 3> x_, v_;
  std::span<const double> times_;
  const GeodesicOptions& options_;
};

}  // namespace

std::vector<PathEvent> find_events(const AnyMetric<double>& metric, std::string_view formula,
                                   View<const double, 3> x, View<const double, 3> v,
                                   std::span<const double> times, View<const double, 1> reached,
                                   const GeodesicOptions& options) {
  const Index samples = std::ssize(times), d = metric.dimension(), count = x.extent(2);
  check_shape(x, {samples, d, count}, "x");
  check_shape(v, x.shape(), "v");
  check_shape(reached, {count}, "reached");
  const EventFormula event(metric, formula);
  std::vector<Bracket> brackets;
  std::vector<double> before, now;
  for (Index k = 0; k < samples; ++k, before = std::move(now)) {
    check_stop();
    now = event(&x.data()[k * d * count], &v.data()[k * d * count], count);
    for (Index n = 0; k > 0 && n < count; ++n) {
      const bool changes = (before[n] < 0 && now[n] >= 0) || (before[n] > 0 && now[n] <= 0);
      if (!changes || times[k] > reached(n)) continue;
      Bracket bracket{.path = n, .sample = k - 1, .f_low = before[n], .f_high = now[n]};
      for (Index m = 0; m < d; ++m) {
        bracket.x.push_back(x(k, m, n));
        bracket.v.push_back(v(k, m, n));
      }
      brackets.push_back(std::move(bracket));
    }
  }
  std::sort(brackets.begin(), brackets.end(), [](const Bracket& a, const Bracket& b) {
    return std::pair(a.path, a.sample) < std::pair(b.path, b.sample);
  });
  Locator(metric, event, x, v, times, options).locate(brackets);
  std::vector<PathEvent> events;
  for (const Bracket& at : brackets) {
    const double part = at.high * (times[at.sample + 1] - times[at.sample]);
    events.push_back({at.path, times[at.sample] + part, at.f_low < 0, at.x, at.v});
  }
  return events;
}

}  // namespace lior::geometry
