// SPDX-License-Identifier: Apache-2.0
// A metric by formulas: its tapes, each made when it is first needed, and the metric around them.
#include "lior/geometry/expression_metric.h"

#include <atomic>
#include <mutex>

#include "geometry/metric_formulas.h"
#include "geometry/metric_solver.h"
#include "lior/expr/tape.h"

namespace lior::geometry {
namespace {

using expr::Graph;
using expr::Id;
using expr::Op;
using expr::Tape;

/// The inverse of a block of g by Cramer's rule, which needs no pivots; of larger ones it would
/// need too many products.
constexpr std::size_t kLargestSymbolicBlock = 4;

constexpr Index pairs_of(Index d) { return d * (d + 1) / 2; }

/// Numbers of a thread that a call may use.
template <class T>
T* scratch(Index size) {
  static thread_local Buffer<T> numbers;
  if (numbers.size() < size) numbers = Buffer<T>(size);
  return numbers.data();
}

/// The outputs of the tapes of a metric's formulas.
class MetricNodes {
 public:
  explicit MetricNodes(MetricFormulas& formulas)
      : formulas_(formulas), graph_(formulas.graph()), d_(formulas.dimension()) {
    const auto blocks = formulas_.blocks();
    symbolic_inverse_ = std::all_of(blocks.begin(), blocks.end(), [](const auto& block) {
      return block.size() <= kLargestSymbolicBlock;
    });
  }

  bool symbolic_inverse() const { return symbolic_inverse_; }

  /// g_mn, m <= n.
  std::vector<Id> value() const {
    std::vector<Id> out;
    for (Index m = 0; m < d_; ++m) {
      for (Index n = m; n < d_; ++n) out.push_back(formulas_.entry(m, n));
    }
    return out;
  }
  /// g, then d_k of it.
  std::vector<Id> first() {
    std::vector<Id> out = value();
    for (Index k = 0; k < d_; ++k) {
      for (const Id id : value()) out.push_back(graph_.derivative(id, k));
    }
    return out;
  }
  /// Those, then d_k d_m of it, k <= m.
  std::vector<Id> second() {
    std::vector<Id> out = first();
    for (Index k = 0; k < d_; ++k) {
      for (Index m = k; m < d_; ++m) {
        for (const Id id : value()) {
          out.push_back(graph_.derivative(graph_.derivative(id, k), m));
        }
      }
    }
    return out;
  }
  std::vector<Id> domain() const { return {formulas_.horizon(), formulas_.edge()}; }

  /// Gamma^l_mn, m <= n, of which the first is NaN where the point is outside or g cannot be
  /// inverted. Without the inverse: whether the point is inside, g, and c_rmn.
  std::vector<Id> symbols(bool riemannian) {
    std::vector<Id> out;
    if (!symbolic_inverse_) out = unsolved();
    const std::vector<Id> inverse = symbolic_inverse_ ? invert() : std::vector<Id>();
    for (Index l = 0; l < d_; ++l) {
      for (Index m = 0; m < d_; ++m) {
        for (Index n = m; n < d_; ++n) {
          if (!symbolic_inverse_) {
            out.push_back(lower(l, m, n));
            continue;
          }
          Id sum = graph_.constant(0);
          for (Index r = 0; r < d_; ++r) {
            sum = graph_.add(sum, graph_.multiply(inverse[l * d_ + r], lower(r, m, n)));
          }
          out.push_back(sum);
        }
      }
    }
    if (symbolic_inverse_) out[0] = only_inside(out[0], riemannian);
    return out;
  }

  /// a^l = -g^lr c_rmn v^m v^n, the first NaN as above; or what is to be solved for.
  std::vector<Id> accelerations(bool riemannian) {
    std::vector<Id> forces;
    for (Index r = 0; r < d_; ++r) {
      Id sum = graph_.constant(0);
      for (Index m = 0; m < d_; ++m) {
        for (Index n = m; n < d_; ++n) {
          const Id squares = graph_.multiply(formulas_.velocity(m), formulas_.velocity(n));
          const Id twice = graph_.multiply(graph_.constant(m == n ? 1 : 2), lower(r, m, n));
          sum = graph_.add(sum, graph_.multiply(twice, squares));
        }
      }
      forces.push_back(graph_.negate(sum));
    }
    if (!symbolic_inverse_) {
      std::vector<Id> out = unsolved();
      out.insert(out.end(), forces.begin(), forces.end());
      return out;
    }
    const std::vector<Id> inverse = invert();
    std::vector<Id> out;
    for (Index l = 0; l < d_; ++l) {
      Id sum = graph_.constant(0);
      for (Index r = 0; r < d_; ++r) {
        sum = graph_.add(sum, graph_.multiply(inverse[l * d_ + r], forces[r]));
      }
      out.push_back(sum);
    }
    out[0] = only_inside(out[0], riemannian);
    return out;
  }

 private:
  Id inside() { return graph_.multiply(formulas_.horizon(), formulas_.edge()); }

  std::vector<Id> unsolved() {
    std::vector<Id> out{inside()};
    for (const Id id : value()) out.push_back(id);
    return out;
  }

  Id only_inside(Id id, bool riemannian) {
    Id condition = inside();
    if (riemannian) {
      for (const auto& block : formulas_.blocks()) {
        for (std::size_t size = 1; size <= block.size(); ++size) {
          const std::vector<Index> leading(block.begin(),
                                           block.begin() + static_cast<std::ptrdiff_t>(size));
          const Id positive =
              graph_.make(Op::less, graph_.constant(0), determinant(leading, leading));
          condition = graph_.multiply(condition, positive);
        }
      }
    }
    const Id nothing = graph_.constant(std::numeric_limits<double>::quiet_NaN());
    return graph_.make(Op::where, condition, id, nothing);
  }

  /// c_rmn = (d_m g_nr + d_n g_mr - d_r g_mn) / 2.
  Id lower(Index r, Index m, Index n) {
    const auto slope = [&](Index k, Index i, Index j) {
      return graph_.derivative(formulas_.entry(i, j), k);
    };
    const Id sum = graph_.subtract(graph_.add(slope(m, n, r), slope(n, m, r)), slope(r, m, n));
    return graph_.multiply(graph_.constant(0.5), sum);
  }

  /// Of these rows and columns of g, by the first row.
  Id determinant(const std::vector<Index>& rows, const std::vector<Index>& columns) {
    if (rows.empty()) return graph_.constant(1);
    Id sum = graph_.constant(0);
    const std::vector<Index> below(rows.begin() + 1, rows.end());
    for (std::size_t j = 0; j < columns.size(); ++j) {
      const Id entry = formulas_.entry(rows[0], columns[j]);
      if (graph_.value(entry) == 0.0) continue;
      const Id term = graph_.multiply(entry, determinant(below, without(columns, j)));
      sum = j % 2 == 0 ? graph_.add(sum, term) : graph_.subtract(sum, term);
    }
    return sum;
  }
  static std::vector<Index> without(std::vector<Index> items, std::size_t place) {
    items.erase(items.begin() + static_cast<std::ptrdiff_t>(place));
    return items;
  }

  std::vector<Id> invert() {
    std::vector<Id> inverse(static_cast<std::size_t>(d_ * d_), graph_.constant(0));
    for (const auto& block : formulas_.blocks()) {
      const Id whole = graph_.divide(graph_.constant(1), determinant(block, block));
      for (std::size_t i = 0; i < block.size(); ++i) {
        for (std::size_t j = i; j < block.size(); ++j) {
          Id minor = determinant(without(block, i), without(block, j));
          if ((i + j) % 2 == 1) minor = graph_.negate(minor);
          inverse[block[i] * d_ + block[j]] = inverse[block[j] * d_ + block[i]] =
              graph_.multiply(minor, whole);
        }
      }
    }
    return inverse;
  }

  MetricFormulas& formulas_;
  Graph& graph_;
  Index d_;
  bool symbolic_inverse_;
};

/// The tapes of a metric, which both precisions share.
class MetricTapes {
 public:
  enum Kind { kValue, kFirst, kSecond, kDomain, kSymbols, kAccelerations, kPlane, kKinds };

  MetricTapes(const MetricDescription& description, std::span<const double> values)
      : description_(description), formulas_(description_, values), nodes_(formulas_) {
    d = formulas_.dimension();
    negative_directions = description_.negative_directions;
    symbolic_inverse = nodes_.symbolic_inverse();
    Graph& graph = formulas_.graph();
    unbounded = graph.value(formulas_.horizon()) == 1.0 && graph.value(formulas_.edge()) == 1.0;
    for (Index m = 0; m < d; ++m) {
      bool contained = false;
      for (const Id id : nodes_.value()) contained = contained || graph.contains(id, m);
      ignorable.push_back(!contained);
    }
  }

  const Tape& tape(Kind kind) const {
    if (const Tape* ready = ready_[kind].load(std::memory_order_acquire)) return *ready;
    const std::lock_guard lock(making_);
    if (!tapes_[kind]) {
      tapes_[kind] = std::make_unique<const Tape>(make(kind));
      ready_[kind].store(tapes_[kind].get(), std::memory_order_release);
    }
    return *tapes_[kind];
  }

  std::string fault(std::span<const double> x, Index m, Index n,
                    std::span<const Index> axes) const {
    const std::lock_guard lock(making_);
    return formulas_.fault(x, m, n, axes);
  }

  Chart chart() const { return formulas_.chart(); }
  bool has_plane() const { return !formulas_.plane().empty(); }

  Index d, negative_directions;
  bool symbolic_inverse, unbounded;
  std::vector<bool> ignorable;

 private:
  Tape make(Kind kind) const {
    const bool riemannian = negative_directions == 0;
    std::vector<Id> outputs;
    switch (kind) {
      case kValue: outputs = nodes_.value(); break;
      case kFirst: outputs = nodes_.first(); break;
      case kSecond: outputs = nodes_.second(); break;
      case kDomain: outputs = nodes_.domain(); break;
      case kSymbols: outputs = nodes_.symbols(riemannian); break;
      case kAccelerations: outputs = nodes_.accelerations(riemannian); break;
      default: outputs = formulas_.plane();
    }
    return Tape(formulas_.graph(), outputs, kind == kAccelerations ? 2 * d : d);
  }

  MetricDescription description_;
  mutable std::mutex making_;  // of what follows
  mutable MetricFormulas formulas_;
  mutable MetricNodes nodes_;
  mutable std::array<std::unique_ptr<const Tape>, kKinds> tapes_;
  mutable std::array<std::atomic<const Tape*>, kKinds> ready_{};
};

template <class T>
class ExpressionMetric {
 public:
  explicit ExpressionMetric(std::shared_ptr<const MetricTapes> tapes)
      : tapes_(std::move(tapes)), d_(tapes_->d) {}

  Index dimension() const { return d_; }
  Index negative_directions() const { return tapes_->negative_directions; }
  bool unbounded() const { return tapes_->unbounded; }
  bool ignorable(Index m) const { return tapes_->ignorable[m]; }
  static bool kernels_know_domain() { return true; }
  const char* remedy() const {
    return negative_directions() > 0
               ? nullptr
               : "expected a metric that can be inverted there; one with minus signs says so by "
                 "its signature, such as \"- + + +\"";
  }
  std::string fault(const double* x, Index m, Index n, std::span<const Index> axes) const {
    return tapes_->fault({x, static_cast<std::size_t>(d_)}, m, n, axes);
  }
  Chart chart() const {
    Chart chart = tapes_->chart();
    if (!tapes_->has_plane()) return chart;
    chart.plane.project = [tapes = tapes_](const double* x) {
      std::array<double, 2> point;
      run_at_point(tapes->tape(MetricTapes::kPlane), x, point.data());
      return point;
    };
    return chart;
  }

  Domain domain(const T* x) const {
    std::array<T, 2> inside;
    run_at_point(tapes_->tape(MetricTapes::kDomain), x, inside.data());
    return inside[0] == 0 ? Domain::horizon : inside[1] == 0 ? Domain::edge : Domain::inside;
  }

  void operator()(const T* x, T* g) const {
    T* packed = scratch<T>(pairs_of(d_));
    run_at_point(tapes_->tape(MetricTapes::kValue), x, packed);
    unpack(packed, g);
  }
  void first(const T* x, T* g, T* dg) const {
    T* packed = scratch<T>((1 + d_) * pairs_of(d_));
    run_at_point(tapes_->tape(MetricTapes::kFirst), x, packed);
    unpack_first(packed, g, dg);
  }
  void second(const T* x, T* g, T* dg, T* ddg) const {
    const Index pairs = pairs_of(d_), d2 = d_ * d_;
    T* packed = scratch<T>((1 + d_ + pairs) * pairs);
    run_at_point(tapes_->tape(MetricTapes::kSecond), x, packed);
    unpack_first(packed, g, dg);
    packed += (1 + d_) * pairs;
    for (Index k = 0; k < d_; ++k) {
      for (Index m = k; m < d_; ++m, packed += pairs) {
        unpack(packed, ddg + (k * d_ + m) * d2);
        if (m > k) unpack(packed, ddg + (m * d_ + k) * d2);
      }
    }
  }
  void forces(const T* x, const T* v, T* g, T* along, T* gradient) const {
    std::array<T, kMostDimensions * kMostDimensions * kMostDimensions> dg;
    first(x, g, dg.data());
    std::fill_n(along, d_ * d_, T(0));
    for (Index m = 0; m < d_; ++m) {
      gradient[m] = 0;
      for (Index i = 0; i < d_ * d_; ++i) {
        const T slope = dg[m * d_ * d_ + i];
        along[i] += v[m] * slope;
        gradient[m] += v[i / d_] * v[i % d_] * slope;
      }
    }
  }

  void symbols(const T* x, Index x_stride, T* gamma, Index stride, Index count) const {
    const Tape& tape = tapes_->tape(MetricTapes::kSymbols);
    std::array<const T*, kMostDimensions> rows;
    for (Index m = 0; m < d_; ++m) rows[m] = x + m * x_stride;
    if (tapes_->symbolic_inverse) return tape.run(rows.data(), gamma, stride, count);
    const Index columns = pairs_of(d_);
    solve(tape, rows.data(), columns, gamma, stride, count);
  }

  void accelerations(const T* x, const T* v, T* a, Index stride, Index count) const {
    const Tape& tape = tapes_->tape(MetricTapes::kAccelerations);
    std::array<const T*, 2 * kMostDimensions> rows;
    for (Index m = 0; m < d_; ++m) rows[m] = x + m * stride, rows[d_ + m] = v + m * stride;
    if (tapes_->symbolic_inverse) return tape.run(rows.data(), a, stride, count);
    solve(tape, rows.data(), 1, a, stride, count);
  }

 private:
  template <class N>
  static void run_at_point(const Tape& tape, const N* x, N* out) {
    std::array<const N*, kMostDimensions> rows;
    for (Index m = 0; m < tape.inputs(); ++m) rows[m] = x + m;
    tape.run(rows.data(), out, 1, 1);
  }

  void unpack(const T* packed, T* g) const {
    for (Index m = 0; m < d_; ++m) {
      for (Index n = m; n < d_; ++n) g[m * d_ + n] = g[n * d_ + m] = *packed++;
    }
  }
  void unpack_first(const T* packed, T* g, T* dg) const {
    unpack(packed, g);
    for (Index k = 0; k < d_; ++k) unpack(packed + (1 + k) * pairs_of(d_), dg + k * d_ * d_);
  }

  /// out = g^-1 of `columns` vectors a point, [d, columns], where the tape gives whether the point
  /// is inside, g, and the vectors.
  void solve(const Tape& tape, const T* const* rows, Index columns, T* out, Index stride,
             Index count) const {
    constexpr Index kBlock = 64;
    const Index pairs = pairs_of(d_);
    T* numbers = scratch<T>(tape.outputs() * kBlock);
    MetricSolver<T> solver(d_, negative_directions() == 0);
    std::array<const T*, 2 * kMostDimensions> at;
    std::array<T, kMostDimensions * kMostDimensions> g;
    std::array<T, kMostDimensions * kMostDimensions / 2 + kMostDimensions> packed;
    std::array<T, kMostDimensions> column;
    for (Index begin = 0; begin < count; begin += kBlock) {
      const Index points = std::min(kBlock, count - begin);
      for (Index m = 0; m < tape.inputs(); ++m) at[m] = rows[m] + begin;
      tape.run(at.data(), numbers, kBlock, points);
      for (Index n = 0; n < points; ++n) {
        for (Index i = 0; i < pairs; ++i) packed[i] = numbers[(1 + i) * kBlock + n];
        unpack(packed.data(), g.data());
        const bool good = numbers[n] != 0 && !solver.factor(g.data());
        for (Index j = 0; j < columns; ++j) {
          for (Index l = 0; l < d_; ++l) {
            column[l] = numbers[(1 + pairs + l * columns + j) * kBlock + n];
          }
          if (good) solver.solve(column.data());
          for (Index l = 0; l < d_; ++l) {
            out[(l * columns + j) * stride + begin + n] =
                good ? column[l] : std::numeric_limits<T>::quiet_NaN();
          }
        }
      }
    }
  }

  std::shared_ptr<const MetricTapes> tapes_;
  Index d_;
};

}  // namespace

template <class T>
AnyMetric<T> metric_from_expression(const MetricDescription& description,
                                    std::span<const double> values) {
  return ExpressionMetric<T>(std::make_shared<const MetricTapes>(description, values));
}

template AnyMetric<float> metric_from_expression(const MetricDescription&, std::span<const double>);
template AnyMetric<double> metric_from_expression(const MetricDescription&,
                                                  std::span<const double>);

}  // namespace lior::geometry
