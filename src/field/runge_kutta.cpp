// SPDX-License-Identifier: Apache-2.0
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "field/kernels/sweep.inl.h"
#include <hwy/foreach_target.h>
#include "field/kernels/sweep.inl.h"

#if HWY_ONCE
#include <unistd.h>

#include <cmath>
#include <optional>
#include <utility>

#include "core/parallel_workers.h"
#include "field/row_sums.h"
#include "lior/core/parallel.h"
#include "lior/field/integrator.h"
#include "lior/simd/dispatch.h"

namespace lior::field {
namespace {

constexpr Index kStreamedBytes = 32 << 20;  // a field that no cache holds until it is read again
constexpr Index kLevelsAtOnce = 8;          // stages of one sweep, where no sum is in between
constexpr Index kMostLevels = 64;
constexpr Index kLanesMost = 16;

/// Bytes of rows that a thread keeps. Of several steps, three quarters of its second cache, as the
/// system names it. Of one a constant: the sums of Bayes' normaliser follow the tiles, and a run
/// that goes on elsewhere must repeat their bits.
Index cache_bytes(Index steps) {
  if (steps == 1) return 384 << 10;
  static const Index bytes = [] {
    const long second = sysconf(_SC_LEVEL2_CACHE_SIZE);
    return std::clamp<Index>(second / 4 * 3, 192 << 10, 1536 << 10);
  }();
  return bytes;
}

Index wrap(Index i, Index count) { return ((i % count) + count) % count; }

template <class T>
const T* reals(ConstField<T> t) {
  return t.empty() ? nullptr : reinterpret_cast<const T*>(t.data());
}

template <class T>
using StageFunction = void (*)(const StageRow<T>&, Index, Index) noexcept;

template <class T>
StageFunction<T> stage_function(bool varies, bool source, bool slope) {
  if (slope) {
    return varies ? LIOR_SIMD_TABLE(stage_row<true, true, true, T>).chosen()
                  : LIOR_SIMD_TABLE(stage_row<false, true, true, T>).chosen();
  }
  if (source) {
    return varies ? LIOR_SIMD_TABLE(stage_row<true, true, false, T>).chosen()
                  : LIOR_SIMD_TABLE(stage_row<false, true, false, T>).chosen();
  }
  return varies ? LIOR_SIMD_TABLE(stage_row<true, false, false, T>).chosen()
                : LIOR_SIMD_TABLE(stage_row<false, false, false, T>).chosen();
}

/// The last few rows of one kind, by their number.
template <class T>
struct Ring {
  T* data = nullptr;
  Index rows = 1, planes = 2, pitch = 0;
  T* plane(Index row, Index which) const { return data + ((row % rows) * planes + which) * pitch; }
  Planes<T> operator[](Index row) const {
    if (data == nullptr) return {};
    return {plane(row, 0), plane(row, 1)};
  }
};

}  // namespace

template <class T>
double largest_stable_step(const Hamiltonian<T>& h, View<const double, 2> u) {
  double v = 0;
  for (Index k = 0; k < h.v().size(); ++k) {
    v = std::max(v, std::abs(h.v().data()[k] + (u.empty() ? 0 : u.data()[k])));
  }
  v = largest_of(h.grid().share, v);
  double kinetic = 0;  // H's largest row sum without V
  if (h.has_full_stencil()) {
    const double lowest = *std::min_element(h.v().begin(), h.v().end());
    kinetic = h.highest() + largest_of(h.grid().share, -lowest);
  } else {
    double sum = 0;
    for (const T side : h.sides()) sum += side;
    kinetic = 2 * std::abs(sum);
  }
  return 2.82 * h.physics().hbar / (v + kinetic);
}

template <class T>
double largest_stable_step(const Hamiltonian<T>& h) {
  return largest_stable_step(h, {});
}

/// How one sweep cuts the grid. A tile is a range of columns with a margin of one cell a level on
/// both sides; its rows run from margin to margin, level l one row behind level l - 1. Margins are
/// computed by both neighbours, alike, so that no cut shows in the result.
template <class T>
struct RungeKutta<T>::Plan {
  Index levels, stages, cell, tiles, width, pitch, stencil_planes;
  bool source, slope;

  Plan(const Hamiltonian<T>& h, int order, Index steps, bool with_source, bool with_slope)
      : levels(order * steps),
        stages(order),
        cell(h.grid().d * h.grid().d),
        stencil_planes(h.has_full_stencil() ? 5 : 1),
        source(with_source),
        slope(with_slope) {
    const Index ny = h.grid().ny, numbers = cache_bytes(steps) / static_cast<Index>(sizeof(T));
    const Index most = numbers / (planes() * cell) - 2 * levels;
    width = std::clamp<Index>(most, std::min<Index>(8, ny), ny);
    tiles = (ny + width - 1) / width;
    width = (ny + tiles - 1) / tiles;
    // An odd number of cache lines: rows do not fall on one another's place in the cache.
    constexpr Index kLine = static_cast<Index>(kAlignment / sizeof(T));
    const Index lines = ((width + 2 * levels) * cell + kLanesMost + kLine - 1) / kLine;
    pitch = (lines | 1) * kLine;
  }
  bool starts_step(Index level) const { return level % stages == 0; }
  Index ring_rows(Index level) const {
    if (level == levels) return 1;
    return starts_step(level) ? std::max<Index>(3, stages + 1) : 3;
  }
  Index planes() const {
    Index rows = (source ? levels + 1 : 0) + (slope ? levels + 1 : 0);
    for (Index level = 0; level <= levels; ++level) rows += ring_rows(level);
    return 2 * rows + stencil_planes * (levels + 1);
  }
  Index numbers() const { return planes() * pitch; }
};

/// Where the numbers of a row begin that a sweep reads; terms: those of its sources.
template <class T>
struct RungeKutta<T>::RowRead {
  const T* field;
  SourceTerms<T> terms;
  const T* stencil;
};

/// The numbers that a sweep reads of the rows beside a rank's own: of the field, of its sources and
/// of H.
template <class T>
struct RungeKutta<T>::Edges {
  Edges(const Hamiltonian<T>& h, Index most_levels)
      : share(*h.grid().share),
        numbers(h.grid().ny * h.grid().d * h.grid().d),
        most(most_levels),
        field(share, most, 2 * numbers, "rk4"),
        stencil(share, most, h.grid().ny * h.stencil().extent(2), "rk4") {
    stencil.exchange(h.stencil().data());
  }

  /// Collective.
  void exchange(Index levels, const T* t, const SourceTerms<T>& terms) {
    field.exchange(t, levels);
    const auto exchange_part = [&](std::optional<Halo<T>>& part, const T* numbers_of, Index row) {
      if (numbers_of == nullptr) return;
      if (!part) part.emplace(share, most, row, "rk4");
      part->exchange(numbers_of, levels);
    };
    exchange_part(evidence, terms.evidence, 2 * numbers);
    exchange_part(constant, terms.constant, 2 * numbers);
    exchange_part(term, terms.term, 2 * numbers);
    exchange_part(term_before, terms.term_before, 2 * numbers);
    exchange_part(root, terms.root, numbers);
  }
  /// Row i of -levels .. rows + levels - 1.
  RowRead row(Index i, const T* t, const SourceTerms<T>& terms, const T* factors) const {
    const auto part = [i](const std::optional<Halo<T>>& halo, const T* own) {
      return own == nullptr ? nullptr : halo->row(own, i);
    };
    SourceTerms<T> moved = terms;
    moved.evidence = part(evidence, terms.evidence);
    moved.constant = part(constant, terms.constant);
    moved.term = part(term, terms.term);
    moved.term_before = part(term_before, terms.term_before);
    moved.root = part(root, terms.root);
    return {field.row(t, i), moved, stencil.row(factors, i)};
  }

  const Share& share;
  Index numbers, most;  ///< numbers of a row; rows on either side
  Halo<T> field, stencil;
  std::optional<Halo<T>> evidence, constant, term, term_before, root;
};

template <class T>
struct RungeKutta<T>::Workspace {
  Array<std::complex<T>, 4> next;
  std::optional<Edges> edges;    ///< where ranks share the grid
  Buffer<T> rows;                ///< Plan::numbers() a thread
  std::vector<BayesSums> parts;  ///< [Nx, tiles], of all rows
  std::vector<Index> part_ends;  ///< of each rank's parts
  BayesSums sums;                ///< of the field last written
  Buffer<T> roots, next_roots;   ///< of its weights, and of those of the field under way

  void fit(const Plan& plan, const Grid& grid) {
    const Index size = threads() * plan.numbers();
    if (rows.size() < size) rows = Buffer<T>(size);
    const auto count = static_cast<std::size_t>(grid.all_nx() * plan.tiles);
    if (parts.size() < count) parts.resize(count);
  }
  /// Row i of this rank's in a tile.
  BayesSums& part(const Plan& plan, const Grid& grid, Index i, Index tile) {
    return parts[static_cast<std::size_t>((grid.first_row() + i) * plan.tiles + tile)];
  }
  template <class Add>
  void each_part(const Plan& plan, const Grid& grid, const Add& add) {
    const std::span<BayesSums> all(parts.data(),
                                   static_cast<std::size_t>(grid.all_nx() * plan.tiles));
    if (grid.share != nullptr) {
      part_ends.assign(grid.share->ends().begin(), grid.share->ends().end());
      for (Index& end : part_ends) end *= plan.tiles;
      grid.share->ranks().all_gather(all, part_ends);
    }
    sums = {};
    for (const BayesSums& part : all) add(part);
  }
  void add(const Plan& plan, const Grid& grid) {
    each_part(plan, grid, [this](const BayesSums& part) { sums.add(part); });
  }
  void merge(const Plan& plan, const Grid& grid) {
    each_part(plan, grid, [this](const BayesSums& part) { sums.merge(part); });
  }
};

template <class T>
RungeKutta<T>::RungeKutta(const Hamiltonian<T>& h, double dt, int order)
    : h_(&h), dt_(dt), order_(order), work_(std::make_unique<Workspace>()) {
  LIOR_CHECK(std::isfinite(dt) && dt != 0, "the time step is {}; expected a finite number != 0",
             dt);
  LIOR_CHECK(order == 1 || order == 4, "a Runge-Kutta step of order {}; expected 1 or 4", order);
  LIOR_CHECK(h.grid().axis_count() == 2,
             "the sweep of RungeKutta goes over rows of one dimension, and the grid is {} cells; "
             "expected RungeKuttaInTime",
             h.grid().size_text());
  LIOR_CHECK(!h.is_oblique(),
             "the sweep of RungeKutta reads no corners, and the inverse metric has parts off its "
             "diagonal; expected RungeKuttaInTime");
  const double largest = largest_stable_step(h);
  LIOR_CHECK(order == 1 || std::abs(dt) < largest,
             "rk4 is not stable at dt = {}; the largest step that is stable is {:.6g}", dt,
             largest);
  work_->next = Array<std::complex<T>, 4>(h.grid().shape());
  if (h.grid().share != nullptr) work_->edges.emplace(h, order * steps_at_once());
  for (const Index steps : {Index{1}, steps_at_once()}) {
    for (const bool slope : {false, true}) {
      work_->fit(Plan(h, order, steps, slope, slope), h.grid());
      work_->fit(Plan(h, order, steps, true, slope), h.grid());
    }
  }
}

template <class T>
RungeKutta<T>::~RungeKutta() = default;

template <class T>
Index RungeKutta<T>::steps_at_once() const {
  const Share* const share = h_->grid().share;  // a neighbour has the rows beside a rank's own
  const Index rows = share == nullptr ? kLevelsAtOnce : share->rows() / share->ranks().size();
  return std::max<Index>(1, std::min(kLevelsAtOnce, rows) / order_);
}

template <class T>
void RungeKutta<T>::run(Array<std::complex<T>, 4>& t, Index steps, const Sources<T>& sources,
                        Index at_once) {
  const Grid& grid = h_->grid();
  check_shape(t.view(), grid.shape(), "the field");
  const auto check_part = [&](ConstField<T> part, const char* name) {
    if (!part.empty()) check_shape(part, grid.shape(), name);
  };
  check_part(sources.constant, "the constant source");
  check_part(sources.evidence, "the evidence");
  check_part(sources.term, "the memory's term");
  check_part(sources.term_before, "the memory's term before");
  LIOR_CHECK(sources.term.empty() || steps <= 1,
             "{} steps with one term of memory; expected 1: it changes with each", steps);
  LIOR_CHECK(at_once >= 0 && at_once * order_ <= kMostLevels,
             "{} steps of order {} at once; expected at most {}", at_once, order_,
             kMostLevels / order_);
  const bool bayes = !sources.evidence.empty();
  LIOR_CHECK(!bayes || (sources.tau > 0 && std::isfinite(sources.tau)),
             "tau is {}; expected a finite number > 0", sources.tau);

  SourceTerms<T> terms{.evidence = reals<T>(sources.evidence),
                       .constant = reals<T>(sources.constant),
                       .term = reals<T>(sources.term),
                       .term_before = reals<T>(sources.term_before)};
  terms.lambda = static_cast<T>(sources.lambda);
  terms.lambda_f = static_cast<T>(sources.lambda_f);
  if (bayes) terms.rate = bayes_rate<T>(sources.tau);
  Index most = bayes ? 1 : at_once > 0 ? at_once : steps_at_once();
  if (work_->edges) most = std::min(most, steps_at_once());
  const bool known = sources.carried && work_->roots.size() >= t.size();
  for (bool summed = known; steps > 0; summed = true) {
    const Index now = std::min(steps, most);
    const Plan plan(*h_, order_, now, terms.any(), terms.term != nullptr);
    work_->fit(plan, grid);
    if (bayes) {
      if (!summed) keep_roots_of(plan, t.view(), terms);
      const bool near = work_->sums.least <= kNearEvidence &&
                        work_->sums.template in_range<T>(grid.all_numbers());
      if (!near) sum_for_bayes(plan, t.view(), terms);
      terms.root = near ? work_->roots.data() : nullptr;
      terms.least = static_cast<T>(near || std::isinf(work_->sums.least) ? 0 : work_->sums.least);
      terms.scale = static_cast<T>(sources.lambda * work_->sums.scale());
    }
    sweep(plan, t.view(), work_->next.view(), terms);
    std::swap(t, work_->next);
    if (bayes) std::swap(work_->roots, work_->next_roots);
    steps -= now;
  }
}

/// sum(first number, numbers) of each row's part in each tile.
template <class T>
template <class Sum>
void RungeKutta<T>::sum_parts(const Plan& plan, const Sum& sum) {
  const Grid& grid = h_->grid();
  parallel_for(grid.nx, grid.row_grain(), [&](Index begin, Index end, int) {
    for (Index i = begin; i < end; ++i) {
      for (Index tile = 0; tile < plan.tiles; ++tile) {
        const Index first = tile * plan.width, last = std::min(first + plan.width, grid.ny);
        work_->part(plan, grid, i, tile) =
            sum((i * grid.ny + first) * plan.cell, (last - first) * plan.cell);
      }
    }
  });
}

/// The roots and sums of a field that no sweep wrote.
template <class T>
void RungeKutta<T>::keep_roots_of(const Plan& plan, ConstField<T> t, const SourceTerms<T>& terms) {
  const auto keep = LIOR_SIMD_TABLE(keep_roots_of_numbers<T>).chosen();
  for (Buffer<T>* roots : {&work_->roots, &work_->next_roots}) {
    if (roots->size() < t.size()) *roots = Buffer<T>(t.size());
  }
  sum_parts(plan, [&](Index at, Index numbers) {
    return keep(reals<T>(t) + 2 * at, terms.evidence + 2 * at, numbers, terms.rate,
                work_->roots.data() + at);
  });
  work_->add(plan, h_->grid());
}

/// The sums of a field that is nowhere near its evidence, relative to where it is nearest, and of
/// one whose squares leave T's range.
template <class T>
void RungeKutta<T>::sum_for_bayes(const Plan& plan, ConstField<T> t, const SourceTerms<T>& terms) {
  const auto sum = LIOR_SIMD_TABLE(bayes_sums_of_numbers<T>).chosen();
  const auto sums_of = [&](T unit) {
    sum_parts(plan, [&](Index at, Index numbers) {
      return sum(reals<T>(t) + 2 * at, terms.evidence + 2 * at, numbers, terms.rate, unit);
    });
    work_->merge(plan, h_->grid());
  };
  sums_of(1);
  const Grid& grid = h_->grid();
  if (!work_->sums.template in_range<T>(grid.all_numbers()))
    sums_of(unit_of<T>(t.span(), grid.share));
}

/// State shared by all tiles of one sweep.
template <class T>
struct RungeKutta<T>::Sweep {
  const Hamiltonian<T>& h;
  const Plan& plan;
  const SourceTerms<T>& terms;
  Workspace& work;
  double dt;
  const T* from;
  T* to;
  bool around;  ///< the caches
  StageFunction<T> stage = stage_function<T>(h.has_full_stencil(), plan.source, plan.slope);

  /// Row i, which may lie up to `levels` rows beside those of the grid.
  RowRead row(Index i) const {
    if (work.edges) return work.edges->row(i, from, terms, h.stencil().data());
    const Index at = wrap(i, h.grid().nx);
    const Index first = at * h.grid().ny * plan.cell;
    return {from + 2 * first, terms.from(first), &h.stencil()(at, 0, 0)};
  }
};

/// The part of a sweep that goes through one tile, row by row: a row is read, then each level
/// advances one row, each one row behind the level that it reads.
///
///     row 0             +--------------------------------------+
///                       |  margin, `levels` cells all round:   |
///     levels            |    +----------------------------+    |
///                       |    |  the tile: rows x width,   |    |
///                       |    |  the only part written     |    |
///     levels + rows     |    +----------------------------+    |
///                       |  cells of the neighbours' tiles      |
///     rows + 2 levels   +--------------------------------------+
///                column 0  levels            levels + width   width + 2 levels
///
/// Rows and columns are counted from the margin's corner, and wrap around the grid. A stage reads
/// one cell to each side, so that level l is right in rows and columns l to (their number - l):
/// the last level in the tile itself.
template <class T>
struct RungeKutta<T>::Tile {
  const Sweep& sweep;
  Index number, first_row, rows;       ///< of the tile, in the grid
  Index first_column, width, columns;  ///< columns: with both margins
  std::array<Ring<T>, kMostLevels + 1> level_rows;
  Ring<T> stencil, source, slope;

  /// `memory`: Plan::numbers() of it.
  Tile(const Sweep& all, Index tile, Index first, Index count, T* memory)
      : sweep(all), number(tile), first_row(first), rows(count) {
    const Plan& plan = sweep.plan;
    first_column = tile * plan.width;
    width = std::min(plan.width, sweep.h.grid().ny - first_column);
    columns = width + 2 * plan.levels;
    const auto take = [&](Index ring_rows, Index planes) {
      const Ring<T> ring{memory, ring_rows, planes, plan.pitch};
      memory += ring_rows * planes * plan.pitch;
      return ring;
    };
    for (Index level = 0; level <= plan.levels; ++level) {
      level_rows[level] = take(plan.ring_rows(level), 2);
    }
    stencil = take(plan.levels + 1, plan.stencil_planes);
    if (plan.source) source = take(plan.levels + 1, 2);
    if (plan.slope) slope = take(plan.levels + 1, 2);
  }

  void run() {
    const Index levels = sweep.plan.levels;
    for (Index arrived = 0; arrived < rows + 2 * levels; ++arrived) {
      read(arrived);
      for (Index level = 1; level <= levels && 2 * level <= arrived; ++level) {
        advance(level, arrived - level);
      }
      if (sweep.terms.evidence && arrived >= 2 * levels) sum(arrived - levels);
    }
  }

  /// A row of T, of the sources and of the stencil, into planes.
  void read(Index row) {
    const Plan& plan = sweep.plan;
    const Index nx = sweep.h.grid().nx, ny = sweep.h.grid().ny, cell = plan.cell;
    const RowRead from_row = sweep.row(first_row - plan.levels + row);
    const auto unpack_cells = LIOR_SIMD_TABLE(unpack<T>).chosen();
    const auto spread_cells = LIOR_SIMD_TABLE(spread<T>).chosen();
    const auto fill_source = LIOR_SIMD_TABLE(source_row<T>).chosen();
    const Index i = wrap(first_row - plan.levels + row, nx);
    const bool is_edge = sweep.work.edges && (i != first_row - plan.levels + row || i + 1 == nx);
    const Index ahead = is_edge ? 0 : (wrap(i + 1, nx) - i) * ny * cell;
    for (Index column = 0, count = 0; column < columns; column += count) {
      const Index j = wrap(first_column - plan.levels + column, ny);
      count = std::min(columns - column, ny - j);
      const Index at = column * cell, from = j * cell;
      const auto shifted = [at](Planes<T> planes) {
        return planes.re ? Planes<T>{planes.re + at, planes.im + at} : planes;
      };
      const Planes<T> here = shifted(level_rows[0][row]);
      unpack_cells(from_row.field + 2 * from, here, count * cell);
      if (plan.source) {
        fill_source(from_row.terms.from(from), here, shifted(source[row]), shifted(slope[row]),
                    count * cell, ahead);
      }
      for (Index side = 0; side < plan.stencil_planes; ++side) {
        spread_cells(from_row.stencil + j * plan.stencil_planes + side, plan.stencil_planes, count,
                     cell, stencil.plane(row, side) + at);
      }
    }
  }

  /// A row of `level` from three of the level before.
  void advance(Index level, Index row) {
    const Plan& plan = sweep.plan;
    const Hamiltonian<T>& h = sweep.h;
    const Index before = level - 1, start = before / plan.stages * plan.stages;
    const Index divisor = plan.stages - before % plan.stages;  // Taylor's, innermost first
    const Index nx = h.grid().nx, ny = h.grid().ny, cell = plan.cell;
    const Ring<T>& x = level_rows[before];
    StageRow<T> work{.west = x[row - 1].re,
                     .here = x[row].re,
                     .east = x[row + 1].re,
                     .base = level_rows[start][row].re,
                     .source = source[row].re,
                     .slope = slope[row].re,
                     .out = level_rows[level][row].re,
                     .imaginary = plan.pitch};
    for (Index side = 0; side < plan.stencil_planes; ++side) {
      work.stencil[side] = stencil.plane(row, side);
    }
    work.along_x = h.sides()[0];
    work.along_y = h.sides()[2];
    work.a = static_cast<T>(sweep.dt / (h.physics().hbar * static_cast<double>(divisor)));
    work.share = divisor == plan.stages ? T(0) : static_cast<T>(1.0 / (divisor + 1.0));
    work.cell = cell;
    if (level == 1) {
      const Index i = wrap(first_row - plan.levels + row + 2, nx);
      work.next = sweep.from + 2 * (i * ny + first_column) * cell;
    }
    if (level == plan.levels) {
      work.result = sweep.to + 2 * ((first_row - plan.levels + row) * ny + first_column) * cell;
      work.around = sweep.around;
    }
    sweep.stage(work, level * cell, (columns - level) * cell);
  }

  /// A finished row's part of Bayes' normaliser.
  void sum(Index row) {
    const Plan& plan = sweep.plan;
    const Index nx = sweep.h.grid().nx, ny = sweep.h.grid().ny, cell = plan.cell;
    const auto keep = LIOR_SIMD_TABLE(keep_roots<T>).chosen();
    const Index i = first_row - plan.levels + row, margin = plan.levels * cell;
    const Planes<T> done = level_rows[plan.levels][row];
    const Index at = (i * ny + first_column) * cell, ahead = i + 1 < nx ? ny * cell : 0;
    sweep.work.part(plan, sweep.h.grid(), i, number) =
        keep({done.re + margin, done.im + margin}, sweep.terms.evidence + 2 * at, width * cell,
             sweep.terms.rate, sweep.work.next_roots.data() + at, ahead, sweep.around);
  }
};

template <class T>
void RungeKutta<T>::sweep(const Plan& plan, ConstField<T> from, Field<T> to,
                          const SourceTerms<T>& terms) {
  const Grid& grid = h_->grid();
  if (work_->edges) work_->edges->exchange(plan.levels, reals<T>(from), terms);
  const bool around = to.size() * static_cast<Index>(2 * sizeof(T)) >= kStreamedBytes;
  const Sweep shared{.h = *h_,
                     .plan = plan,
                     .terms = terms,
                     .work = *work_,
                     .dt = dt_,
                     .from = reals<T>(from),
                     .to = reinterpret_cast<T*>(to.data()),
                     .around = around};
  const Index workers = work_->rows.size() / plan.numbers();
  parallel_for_workers(grid.nx, std::max(grid.row_grain(), 2 * plan.levels), workers,
                       [&](Index begin, Index end, int worker) {
                         T* const memory = work_->rows.data() + worker * plan.numbers();
                         for (Index tile = 0; tile < plan.tiles; ++tile) {
                           Tile(shared, tile, begin, end - begin, memory).run();
                         }
                         if (around) hwy::FlushStream();
                       });
  if (terms.evidence) work_->add(plan, grid);
}

#define LIOR_INSTANTIATE(T)                                   \
  template double largest_stable_step(const Hamiltonian<T>&); \
  template double largest_stable_step(const Hamiltonian<T>&, View<const double, 2>)
LIOR_INSTANTIATE(float);
LIOR_INSTANTIATE(double);
#undef LIOR_INSTANTIATE
template class RungeKutta<float>;
template class RungeKutta<double>;

}  // namespace lior::field
#endif
