// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which way from x to y is short: polygons that are pulled tight, where shooting then starts.

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <vector>

#include "lior/core/stop.h"
#include "lior/geometry/metric.h"
#include "lior/linalg/small_matrix.h"

namespace lior::geometry {

/// A polygon from a point x, its corners counted from x, one after another: [kSegments + 1, d].
template <class T>
struct Polygon {
  static constexpr Index kSegments = 24;  // a multiple of the segments of shooting

  std::vector<T> corners;
  T length = 0;

  const T* corner(Index k, Index d) const { return corners.data() + k * d; }
  T* corner(Index k, Index d) { return corners.data() + k * d; }

  /// The same way from the other end.
  Polygon reversed(Index d) const {
    Polygon out = *this;
    for (Index k = 0; k <= kSegments; ++k) {
      for (Index m = 0; m < d; ++m) {
        out.corner(k, d)[m] = corner(kSegments - k, d)[m] - corner(kSegments, d)[m];
      }
    }
    return out;
  }
};

/// Short ways from x to y on a Riemannian metric. Each begins as the straight line in coordinates,
/// around each circle both ways, or as an arc beside it, and is relaxed: its energy,
///     E = sum_k D_k^T g(middle_k) D_k, D_k the k-th side,
/// falls step by step to a minimum, so the way gets shorter and never crosses to a saddle. The
/// steps are those of Newton's method without second derivatives of g: one block tridiagonal solve
/// each.
template <class T>
class Relaxation {
 public:
  using Vector = std::array<T, kMostDimensions>;

  explicit Relaxation(const AnyMetric<T>& metric)
      : metric_(metric), d_(metric.dimension()), entries_(d_ * d_) {}

  /// The ways found from x to x + displacement, the shortest first; `displacement` is the shorter
  /// way round of coordinates with a period. Empty where the straight line leaves the domain.
  std::vector<Polygon<T>> ways(const Vector& x, const Vector& displacement) {
    origin_ = x;
    found_.clear();
    std::vector<Polygon<T>> lines = straight_lines(displacement);
    if (lines.size() > kMostLines) lines.resize(kMostLines);
    for (Polygon<T>& line : lines) keep_relaxed(line);
    if (found_.empty()) return {};
    const Polygon<T> straight = found_.front();  // the one that begins without a turn
    add_arcs(straight);
    std::sort(found_.begin(), found_.end(),
              [](const auto& a, const auto& b) { return a.length < b.length; });
    return found_;
  }

 private:
  static constexpr Index kSegments = Polygon<T>::kSegments;
  static constexpr std::size_t kMostLines = 6, kMostTurned = 8, kMostArcs = 8;
  static constexpr int kMostIterations = 60, kMostHalvings = 12;
  static constexpr T kStill = T(1e-6);     // part of the energy that a last step may win
  static constexpr T kPromising = T(1.3);  // a half circle of flat space is 1.5 of its diameter
  static constexpr T kSmallArc = T(0.05), kHalfCircle = T(0.5);  // heights, in lengths of the way

  Polygon<T> line(const Vector& displacement) {
    Polygon<T> out;
    out.corners.resize(static_cast<std::size_t>((kSegments + 1) * d_));
    for (Index k = 0; k <= kSegments; ++k) {
      for (Index m = 0; m < d_; ++m) {
        out.corner(k, d_)[m] = displacement[m] * static_cast<T>(k) / static_cast<T>(kSegments);
      }
    }
    return out;
  }

  /// The straight line, and those that go the other way round some of the circles, by length.
  std::vector<Polygon<T>> straight_lines(const Vector& displacement) {
    std::vector<Vector> ends{displacement};
    const auto turn_also = [&](std::size_t known, Index m) {
      const T period = static_cast<T>(metric_.chart().coordinates[m].period);
      if (!(period > 0)) return;
      for (std::size_t i = 0; i < known; ++i) {
        Vector other = ends[i];
        other[m] += displacement[m] > 0 ? -period : period;
        ends.push_back(other);
      }
    };
    for (Index m = 0; m < d_; ++m) turn_also(std::min<std::size_t>(ends.size(), kMostTurned), m);
    std::vector<Polygon<T>> lines;
    for (const Vector& end : ends) {
      lines.push_back(line(end));
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
    for (Index m = 0; m < d_; ++m) middle[m] = origin_[m] + way.corner(kSegments / 2, d_)[m];
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
    for (Index k = 1; k < kSegments; ++k) {
      const T part = static_cast<T>(k) / static_cast<T>(kSegments);
      out.corner(k, d_)[m] += height * std::sin(std::numbers::pi_v<T> * part);
    }
    return out;
  }

  /// The middle of side k, and the side; false outside the domain.
  bool side(const Polygon<T>& way, Index k, Vector& middle, Vector& step) const {
    const T *from = way.corner(k, d_), *to = way.corner(k + 1, d_);
    Vector corner{};
    for (Index m = 0; m < d_; ++m) {
      middle[m] = origin_[m] + (from[m] + to[m]) / 2;
      corner[m] = origin_[m] + to[m];
      step[m] = to[m] - from[m];
    }
    return metric_.domain(middle.data()) == Domain::inside &&
           metric_.domain(corner.data()) == Domain::inside;
  }

  T square(const T* g, const Vector& v) const {
    T sum = 0;
    for (Index i = 0; i < entries_; ++i) sum += g[i] * v[i / d_] * v[i % d_];
    return sum;
  }

  /// Sets the length; whether the way lies in the domain and has one.
  bool measure(Polygon<T>& way) const {
    std::array<T, kMostDimensions * kMostDimensions> g;
    Vector middle{}, step{};
    way.length = 0;
    for (Index k = 0; k < kSegments; ++k) {
      if (!side(way, k, middle, step)) return false;
      metric_.value(middle.data(), g.data());
      way.length += std::sqrt(square(g.data(), step));
    }
    return std::isfinite(way.length);
  }

  /// Infinite outside the domain.
  T energy_of(const Polygon<T>& way) const {
    std::array<T, kMostDimensions * kMostDimensions> g;
    Vector middle{}, step{};
    T energy = 0;
    for (Index k = 0; k < kSegments; ++k) {
      if (!side(way, k, middle, step)) return std::numeric_limits<T>::infinity();
      metric_.value(middle.data(), g.data());
      energy += square(g.data(), step);
    }
    return std::isfinite(energy) ? energy : std::numeric_limits<T>::infinity();
  }

  /// Pulls the way tight and measures it.
  bool relax(Polygon<T>& way) {
    T energy = energy_of(way);
    if (!std::isfinite(energy)) return false;
    for (int iteration = 0; iteration < kMostIterations; ++iteration) {
      check_stop();
      const T slope = descent(way);
      if (!(slope > kStill * energy)) break;
      Polygon<T> trial = way;
      T part = 1, next = energy;
      for (int halving = 0; halving < kMostHalvings; ++halving, part /= 2) {
        for (Index i = d_; i < kSegments * d_; ++i) {
          trial.corners[i] = way.corners[i] - part * step_[i - d_];
        }
        next = energy_of(trial);
        if (next < energy - part * slope / 10) break;
      }
      if (!(next < energy)) break;
      way = trial, energy = next;
    }
    return measure(way);
  }

  /// step_ = A^-1 dE for the inner corners, A the second derivatives of E with g held fast; returns
  /// dE . step_.
  T descent(const Polygon<T>& way) {
    const Index inner = kSegments - 1;
    g_.resize(static_cast<std::size_t>(kSegments * entries_));
    step_.assign(static_cast<std::size_t>(inner * d_), T(0));
    Vector middle{}, d{}, gradient{};
    std::array<T, kMostDimensions * kMostDimensions> along;
    for (Index k = 0; k < kSegments; ++k) {
      side(way, k, middle, d);
      T* g = g_.data() + k * entries_;
      metric_.forces(middle.data(), d.data(), g, along.data(), gradient.data());
      for (Index m = 0; m < d_; ++m) {
        T pull = 0;
        for (Index n = 0; n < d_; ++n) pull += 2 * g[m * d_ + n] * d[n];
        if (k > 0) step_[(k - 1) * d_ + m] += gradient[m] / 2 - pull;
        if (k < inner) step_[k * d_ + m] += gradient[m] / 2 + pull;
      }
    }
    const std::vector<T> force = step_;
    if (!solve()) return T(NAN);
    T slope = 0;
    for (std::size_t i = 0; i < force.size(); ++i) slope += force[i] * step_[i];
    return slope;
  }

  /// Gauss's elimination by blocks: A_jj = 2 (g_{j-1} + g_j), A_{j,j+1} = -2 g_j.
  bool solve() {
    const Index inner = kSegments - 1;
    const auto block = static_cast<std::size_t>(entries_);
    std::vector<T> pivot(block), column(static_cast<std::size_t>(d_));
    std::vector<int> order(static_cast<std::size_t>(d_));
    upper_.resize(static_cast<std::size_t>(inner * entries_));
    for (Index j = 0; j < inner; ++j) {
      const T *before = g_.data() + j * entries_, *after = before + entries_;
      T* const right = step_.data() + j * d_;
      for (Index i = 0; i < entries_; ++i) pivot[i] = 2 * (before[i] + after[i]);
      if (j > 0) {  // the row above times -A_{j,j-1} = 2 g_{j-1}
        const T *up = upper_.data() + (j - 1) * entries_, *left = right - d_;
        for (Index m = 0; m < d_; ++m) {
          for (Index r = 0; r < d_; ++r) {
            const T factor = 2 * before[m * d_ + r];
            right[m] += factor * left[r];
            for (Index n = 0; n < d_; ++n) pivot[m * d_ + n] += factor * up[r * d_ + n];
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
        for (Index m = 0; m < d_; ++m) column[m] = -2 * after[m * d_ + n];
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
  Vector origin_{};
  std::vector<Polygon<T>> found_;
  std::vector<T> g_, step_, upper_;  // metric of each side; the step; blocks above the diagonal
};

}  // namespace lior::geometry
