// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which way from x to y is short: polygons that are pulled tight, where shooting then starts.

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <vector>

#include "geometry/metric_solver.h"
#include "lior/core/stop.h"
#include "lior/geometry/metric.h"
#include "lior/linalg/small_matrix.h"

namespace lior::geometry {

/// A place, coordinate by coordinate the sum base + rest: a place beside another one keeps the
/// digits of the way between them, one beside an edge at 0 those of its distance from there.
template <class T>
struct Place {
  using Vector = std::array<T, kMostDimensions>;
  Vector base{}, rest{};

  T at(Index m) const { return base[m] + rest[m]; }
  /// This place from another one.
  T from(const Place& other, Index m) const {
    return (base[m] - other.base[m]) + (rest[m] - other.rest[m]);
  }
  void add(Index m, T step) {
    const T sum = base[m] + step, back = sum - base[m];
    rest[m] += (base[m] - (sum - back)) + (step - back);
    base[m] = sum;
  }
};

/// A polygon by its corners.
template <class T>
struct Polygon {
  std::vector<Place<T>> corners;
  T length = 0;

  Index sides() const { return static_cast<Index>(corners.size()) - 1; }

  /// The same way from the other end, which is x up to periods.
  Polygon reversed(const typename Place<T>::Vector& x, Index d) const {
    Polygon out{{corners.rbegin(), corners.rend()}, length};
    for (Index m = 0; m < d; ++m) {
      const T turn = x[m] - out.corners[0].at(m);
      for (Place<T>& corner : out.corners) corner.add(m, turn);
    }
    return out;
  }
};

/// Short ways from x to y on a Riemannian metric. Each begins as the straight line in coordinates,
/// around each circle both ways, or as an arc beside it, and is relaxed: its energy,
///     E = sum_k D_k^T g_k D_k, D_k the k-th side and g_k Simpson's mean of g along it,
/// falls step by step to a minimum, so the way gets shorter and never crosses to a saddle. (With g
/// of a side's middle alone one long side could leap where g changes much: from y = 1 to y = 1e6 in
/// the half plane it would be 2 long, and not 14.) The steps are Gauss's
/// and Newton's, without second derivatives of g: one block tridiagonal solve each.
template <class T>
class Relaxation {
 public:
  using Vector = std::array<T, kMostDimensions>;

  explicit Relaxation(const AnyMetric<T>& metric)
      : metric_(metric),
        d_(metric.dimension()),
        entries_(d_ * d_),
        solver_(metric),
        slopes_(static_cast<std::size_t>(d_ * d_ * d_)) {}

  /// The ways found from x to y, the shortest first; y lies the shorter way round of coordinates
  /// with a period. Empty where the straight line leaves the domain.
  std::vector<Polygon<T>> ways(const Place<T>& x, const Place<T>& y) {
    found_.clear();
    std::vector<Polygon<T>> lines = straight_lines(x, y);
    if (lines.size() > kMostLines) lines.resize(kMostLines);
    for (Polygon<T>& line : lines) keep_relaxed(line);
    if (found_.empty()) return {};
    const Polygon<T> straight = found_.front();  // the one that begins without a turn
    add_arcs(straight);
    std::sort(found_.begin(), found_.end(),
              [](const auto& a, const auto& b) { return a.length < b.length; });
    return found_;
  }

  /// `way` with more corners, pulled tight again; as it is where that fails.
  Polygon<T> refined(const Polygon<T>& way) {
    Polygon<T> out;
    for (Index k = 0; k < way.sides(); ++k) {
      add_side(way.corners[k], way.corners[k + 1], kFiner, out);
    }
    out.corners.push_back(way.corners.back());
    return relax(out) ? out : way;
  }

 private:
  using Matrix = std::array<T, kMostDimensions * kMostDimensions>;
  static constexpr Index kSides = 48, kFiner = 4;  // a multiple of the segments of shooting
  static constexpr std::size_t kMostLines = 6, kMostTurned = 8, kMostArcs = 8;
  static constexpr int kMostIterations = 200, kMostHalvings = 100;
  static constexpr std::array<T, 3> kParts{0, T(0.5), 1};  // Simpson's rule
  static constexpr std::array<T, 3> kWeights{T(1) / 6, T(4) / 6, T(1) / 6};
  static constexpr T kStill = T(1e-6);     // part of the energy that a last step may win
  static constexpr T kPromising = T(1.3);  // a half circle of flat space is 1.5 of its diameter
  static constexpr T kSmallArc = T(0.05), kHalfCircle = T(0.5);  // heights, in lengths of the way

  Polygon<T> line(const Place<T>& x, const Place<T>& y) const {
    Polygon<T> out;
    add_side(x, y, kSides, out);
    out.corners.push_back(y);
    return out;
  }

  /// The line from x to y without y, in so many parts.
  void add_side(const Place<T>& x, const Place<T>& y, Index parts, Polygon<T>& out) const {
    for (Index k = 0; k < parts; ++k) {
      out.corners.push_back(x);
      for (Index m = 0; m < d_; ++m) {
        out.corners.back().add(m, y.from(x, m) * static_cast<T>(k) / static_cast<T>(parts));
      }
    }
  }

  /// The straight line, and those that go the other way round some of the circles, by length.
  std::vector<Polygon<T>> straight_lines(const Place<T>& x, const Place<T>& y) {
    std::vector<Place<T>> ends{y};
    const auto turn_also = [&](std::size_t known, Index m) {
      const T period = static_cast<T>(metric_.chart().coordinates[m].period);
      if (!(period > 0)) return;
      for (std::size_t i = 0; i < known; ++i) {
        Place<T> other = ends[i];
        other.add(m, y.from(x, m) > 0 ? -period : period);
        ends.push_back(other);
      }
    };
    for (Index m = 0; m < d_; ++m) turn_also(std::min<std::size_t>(ends.size(), kMostTurned), m);
    std::vector<Polygon<T>> lines;
    for (const Place<T>& end : ends) {
      lines.push_back(line(x, end));
      if (!measure(lines.back())) lines.pop_back();
    }
    if (lines.size() > 1) {
      std::sort(lines.begin() + 1, lines.end(),
                [](const auto& a, const auto& b) { return a.length < b.length; });
    }
    return lines;
  }

  void keep_relaxed(Polygon<T>& way) {
    if (relax(way)) found_.push_back(way);
  }

  /// What begins beside `way`: low arcs, which tell whether it is a saddle, and high ones, which
  /// lie on the other side of what it crosses.
  void add_arcs(const Polygon<T>& way) {
    std::vector<T> g(static_cast<std::size_t>(entries_));
    Vector middle{};
    for (Index m = 0; m < d_; ++m) middle[m] = way.corners[kSides / 2].at(m);
    metric_.value(middle.data(), g.data());
    const T energy = energy_of(way);
    std::size_t tried = 0;
    for (Index m = 0; m < d_; ++m) {
      const T unit = way.length / std::sqrt(g[static_cast<std::size_t>(m * d_ + m)]);
      const T period = static_cast<T>(metric_.chart().coordinates[m].period);
      for (const T side : {T(1), T(-1)}) {
        Polygon<T> low = arc(way, m, side * kSmallArc * unit);
        if (tried < kMostArcs && energy_of(low) < energy) ++tried, keep_relaxed(low);
        Polygon<T> high = arc(way, m, side * (period > 0 ? period / 2 : kHalfCircle * unit));
        if (tried < kMostArcs && measure(high) && high.length < kPromising * shortest()) {
          ++tried, keep_relaxed(high);
        }
      }
    }
  }

  T shortest() const {
    T least = found_.front().length;
    for (const Polygon<T>& way : found_) least = std::min(least, way.length);
    return least;
  }

  Polygon<T> arc(const Polygon<T>& way, Index m, T height) const {
    Polygon<T> out = way;
    for (Index k = 1; k < kSides; ++k) {
      const T part = static_cast<T>(k) / static_cast<T>(kSides);
      out.corners[k].add(m, height * std::sin(std::numbers::pi_v<T> * part));
    }
    return out;
  }

  /// That part of the way along side k.
  Vector place(const Polygon<T>& way, Index k, T part) const {
    const Place<T>&from = way.corners[k], &to = way.corners[k + 1];
    Vector out{};
    for (Index m = 0; m < d_; ++m) {
      out[m] = part < 1 ? from.base[m] + (from.rest[m] + part * to.from(from, m)) : to.at(m);
    }
    return out;
  }

  Vector side(const Polygon<T>& way, Index k) const {
    Vector out{};
    for (Index m = 0; m < d_; ++m) out[m] = way.corners[k + 1].from(way.corners[k], m);
    return out;
  }

  T square(const T* g, const Vector& v) const {
    T sum = 0;
    for (Index i = 0; i < entries_; ++i) sum += g[i] * v[i / d_] * v[i % d_];
    return sum;
  }

  /// Simpson's rule for the sum over all sides of f(D^T g D); NaN outside the domain.
  template <class F>
  T sum_of_sides(const Polygon<T>& way, const F& f) const {
    std::array<T, kMostDimensions * kMostDimensions> g;
    T sum = 0;
    for (Index k = 0; k < way.sides(); ++k) {
      const Vector step = side(way, k);
      for (std::size_t i = 0; i < kParts.size(); ++i) {
        const Vector x = place(way, k, kParts[i]);
        if (metric_.domain(x.data()) != Domain::inside) return T(NAN);
        metric_.value(x.data(), g.data());
        sum += kWeights[i] * f(square(g.data(), step));
      }
    }
    return sum;
  }

  /// Sets the length; whether the way lies in the domain and has one.
  bool measure(Polygon<T>& way) const {
    way.length = sum_of_sides(way, [](T square) { return std::sqrt(square); });
    return std::isfinite(way.length);
  }

  /// Infinite outside the domain.
  T energy_of(const Polygon<T>& way) const {
    const T energy = sum_of_sides(way, [](T square) { return square; });
    return std::isfinite(energy) ? energy : std::numeric_limits<T>::infinity();
  }

  /// Pulls the way tight and measures it.
  bool relax(Polygon<T>& way) {
    T energy = energy_of(way);
    if (!std::isfinite(energy)) return false;
    for (int iteration = 0; iteration < kMostIterations; ++iteration) {
      check_stop();
      const T slope = descent(way);
      if (!(slope > kStill * energy) || !step_down(way, energy, slope, safe_part(way))) break;
    }
    return measure(way);
  }

  /// The part of step_, 1 at most, by which no corner goes further than g says what comes: where g
  /// would change by more than itself, at first order. Past y = 0 of the half plane lies its mirror
  /// image, where a formula without a domain is as good, and no corner of a polygon stands at 0.
  T safe_part(const Polygon<T>& way) {
    Matrix g;
    T most = 1;
    for (Index k = 1; k < way.sides(); ++k) {
      const T* const step = step_.data() + (k - 1) * d_;
      metric_.first(place(way, k, 0).data(), g.data(), slopes_.data());
      for (Index i = 0; i < entries_; ++i) {
        T change = 0;
        for (Index m = 0; m < d_; ++m) change += step[m] * slopes_[m * entries_ + i];
        const Index r = i / d_, n = i % d_;
        most = std::max(most, std::abs(change) / std::sqrt(g[r * d_ + r] * g[n * d_ + n]));
      }
    }
    return 1 / most;
  }

  /// The longest part of step_, `part` at most, by which the energy falls as its slope says; where
  /// that is not all of it, halved on while the energy falls further, since g may change by powers
  /// of ten along it.
  bool step_down(Polygon<T>& way, T& energy, T slope, T part) const {
    Polygon<T> best;
    const T before = energy;
    for (int halving = 0; halving < kMostHalvings; ++halving, part /= 2) {
      Polygon<T> trial = moved(way, part);
      const T next = energy_of(trial);
      const bool enough = next < before - part * slope / 10;
      if (enough && next < energy) {
        energy = next, best = std::move(trial);
        if (halving == 0) break;
      } else if (energy < before) {
        break;
      }
    }
    if (!(energy < before)) return false;
    way = std::move(best);
    return true;
  }

  Polygon<T> moved(const Polygon<T>& way, T part) const {
    Polygon<T> out = way;
    for (Index k = 1; k < way.sides(); ++k) {
      for (Index m = 0; m < d_; ++m) out.corners[k].add(m, -part * step_[(k - 1) * d_ + m]);
    }
    return out;
  }

  /// step_ = A^-1 dE for the inner corners, A the second derivatives of E by Gauss and Newton;
  /// returns dE . step_, NaN where there is none.
  T descent(const Polygon<T>& way) {
    const auto numbers = static_cast<std::size_t>((way.sides() - 1) * d_);
    step_.assign(numbers, T(0));
    diagonal_.assign(numbers * static_cast<std::size_t>(d_), T(0));
    beside_.assign(diagonal_.size(), T(0));
    for (Index k = 0; k < way.sides(); ++k) {
      for (std::size_t i = 0; i < kParts.size(); ++i) {
        if (!add_terms(way, k, kParts[i], kWeights[i])) return T(NAN);
      }
    }
    const std::vector<T> force = step_;
    if (!solve(way.sides() - 1)) return T(NAN);
    T slope = 0;
    for (std::size_t i = 0; i < force.size(); ++i) slope += force[i] * step_[i];
    return slope;
  }

  /// Adds what the metric at part s of side D gives: with w its weight, dx = (1 - s) dx_k + s
  /// dx_{k+1} and H_rm = d_m g_rn D^n / 2, that D^T g D changes by 2 D^T (g dD + H dx), and its
  /// second derivatives are near 2 (g dD + H dx)^T g^-1 (g dD + H dx), which is never negative.
  bool add_terms(const Polygon<T>& way, Index k, T s, T w) {
    const Vector d = side(way, k);
    Matrix g, h, raised, squared{};
    metric_.first(place(way, k, s).data(), g.data(), slopes_.data());
    for (Index i = 0; i < entries_; ++i) {
      const Index r = i / d_, m = i % d_;
      h[i] = 0;
      for (Index n = 0; n < d_; ++n) h[i] += slopes_[(m * d_ + r) * d_ + n] * d[n] / 2;
    }
    if (solver_.factor(g.data())) return false;
    for (Index m = 0; m < d_; ++m) {
      Vector column{};
      for (Index r = 0; r < d_; ++r) column[r] = h[r * d_ + m];
      solver_.solve(column.data());
      for (Index r = 0; r < d_; ++r) raised[r * d_ + m] = column[r];
    }
    for (Index i = 0; i < entries_; ++i) {
      for (Index r = 0; r < d_; ++r) squared[i] += h[r * d_ + i / d_] * raised[r * d_ + i % d_];
    }
    const Index from = k - 1, to = k, inner = way.sides() - 1;  // inner corners at both ends
    for (Index i = 0; i < entries_; ++i) {
      const Index m = i / d_, n = i % d_;
      const T both = h[i] + h[n * d_ + m], rest = 1 - s, pull = g[i] * d[n];
      if (from >= 0) {
        diagonal_[from * entries_ + i] += 2 * w * (g[i] - rest * both + rest * rest * squared[i]);
        step_[from * d_ + m] += 2 * w * (rest * h[n * d_ + m] * d[n] - pull);
      }
      if (to < inner) {
        diagonal_[to * entries_ + i] += 2 * w * (g[i] + s * both + s * s * squared[i]);
        step_[to * d_ + m] += 2 * w * (s * h[n * d_ + m] * d[n] + pull);
      }
      if (from >= 0 && to < inner) {
        beside_[from * entries_ + i] -=
            2 * w * (g[i] + s * h[i] - rest * h[n * d_ + m] - s * rest * squared[i]);
      }
    }
    return true;
  }

  /// Gauss's elimination by blocks A_jj and A_j,j+1, the transpose of A_j+1,j, for so many corners.
  bool solve(Index inner) {
    std::vector<T> pivot(static_cast<std::size_t>(entries_)), column(static_cast<std::size_t>(d_));
    std::vector<int> order(static_cast<std::size_t>(d_));
    upper_.resize(diagonal_.size());
    for (Index j = 0; j < inner; ++j) {
      T* const right = step_.data() + j * d_;
      std::copy_n(diagonal_.data() + j * entries_, entries_, pivot.data());
      if (j > 0) {  // the row above times A_j,j-1
        const T *up = upper_.data() + (j - 1) * entries_, *left = right - d_;
        const T* lower = beside_.data() + (j - 1) * entries_;
        for (Index m = 0; m < d_; ++m) {
          for (Index r = 0; r < d_; ++r) {
            const T factor = lower[r * d_ + m];
            right[m] -= factor * left[r];
            for (Index n = 0; n < d_; ++n) pivot[m * d_ + n] -= factor * up[r * d_ + n];
          }
        }
      }
      if (!linalg::lu<T>({pivot.data(), {d_, d_}}, order)) return false;
      const auto divide = [&](std::span<T> b) {
        linalg::lu_solve<T>({pivot.data(), {d_, d_}}, order, b);
      };
      divide({right, static_cast<std::size_t>(d_)});
      T* const up = upper_.data() + j * entries_;
      for (Index n = 0; n < d_; ++n) {
        for (Index m = 0; m < d_; ++m) column[m] = beside_[j * entries_ + m * d_ + n];
        divide(column);
        for (Index m = 0; m < d_; ++m) up[m * d_ + n] = column[m];
      }
    }
    for (Index j = inner - 2; j >= 0; --j) {
      T *here = step_.data() + j * d_, *next = here + d_;
      const T* up = upper_.data() + j * entries_;
      for (Index i = 0; i < entries_; ++i) here[i / d_] -= up[i] * next[i % d_];
    }
    return true;
  }

  const AnyMetric<T>& metric_;
  Index d_, entries_;
  std::vector<Polygon<T>> found_;
  MetricSolver<T> solver_;
  std::vector<T> slopes_;                    // d_m g_nr at a place
  std::vector<T> step_, diagonal_, beside_;  // of all inner corners; A's blocks
  std::vector<T> upper_;                     // blocks above the diagonal, eliminated
};

}  // namespace lior::geometry
