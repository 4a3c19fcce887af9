// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "core/parallel_workers.h"
#include "lior/comm/loan.h"
#include "lior/core/parallel.h"
#include "lior/field/diagnostics.h"
#include "lior/field/integrator.h"
#include "lior/simd/math.h"

namespace lior::field {
namespace {

constexpr Index kColumns = 8;  // complex numbers side by side in a block of column transforms

/// The Laplacian's eigenvalue along one axis: -(4/dx^2) sin^2(k dx/2), or -k^2.
double eigenvalue(const Axis& axis, Index index, Symbol symbol) {
  const double k = wave_number(axis, index), dx = axis.spacing;
  if (symbol == Symbol::continuous) return -k * k;
  const double sine = std::sin(k * dx / 2);
  return -4 / (dx * dx) * sine * sine;
}

/// The eigenvalue of a first derivative along an axis over i: sin(k dx) / dx, or k, 0 for the wave
/// that is as much one of -k.
double slope_eigenvalue(const Axis& axis, Index index, Symbol symbol) {
  const double k = wave_number(axis, index), dx = axis.spacing;
  if (2 * index == axis.count) return 0;
  return symbol == Symbol::continuous ? k : std::sin(k * dx) / dx;
}

/// Fractions of dt: kicks a_0..a_s and drifts b_1..b_s, of which the second half is the first one
/// backwards.
struct Composition {
  int stages;  // s
  std::vector<double> kicks, drifts;
};

Composition composition(int order) {
  if (order == 2) return {1, {0.5}, {1}};
  const double outer = 1 / (2 - std::cbrt(2.0)), inner = 1 - 2 * outer;
  return {3, {outer / 2, (outer + inner) / 2}, {outer, inner}};
}

/// data *= factor, complex, written out: operator* would test for NaN.
template <class T>
void multiply(std::complex<T>* data, std::complex<T> factor, Index count) {
  T* numbers = reinterpret_cast<T*>(data);
  const T re = factor.real(), im = factor.imag();
  for (Index k = 0; k < 2 * count; k += 2) {
    const T a = numbers[k], b = numbers[k + 1];
    numbers[k] = re * a - im * b;
    numbers[k + 1] = re * b + im * a;
  }
}

/// data -= i amount source.
template <class T>
void subtract_i(std::complex<T>* data, T amount, const std::complex<T>* source, Index count) {
  T* numbers = reinterpret_cast<T*>(data);
  const T* s = reinterpret_cast<const T*>(source);
  for (Index k = 0; k < 2 * count; k += 2) {
    numbers[k] += amount * s[k + 1];
    numbers[k + 1] -= amount * s[k];
  }
}

template <class T>
T square(const std::complex<T>& z) {
  return z.real() * z.real() + z.imag() * z.imag();
}

constexpr Index kChunk = 128;

/// value(k), of the entries k from `first` to first + kChunk or to `count`.
template <class T, class Value>
std::span<T> chunk_of(T* values, Index first, Index count, const Value& value) {
  const Index numbers = std::min(kChunk, count - first);
  for (Index k = 0; k < numbers; ++k) values[k] = value(first + k);
  return {values, static_cast<std::size_t>(numbers)};
}

/// data[k] *= e^{i angle(k)}.
template <class T, class Angle>
void turn(std::complex<T>* data, Index count, const Angle& angle) {
  T angles[kChunk], real[kChunk], imaginary[kChunk];
  for (Index first = 0; first < count; first += kChunk) {
    const std::span<T> chunk = chunk_of(angles, first, count, angle);
    simd::evaluate<T>(simd::Elementary::cos, chunk, {real, chunk.size()});
    simd::evaluate<T>(simd::Elementary::sin, chunk, {imaginary, chunk.size()});
    for (std::size_t k = 0; k < chunk.size(); ++k) {
      std::complex<T>& at = data[first + static_cast<Index>(k)];
      const T a = at.real(), b = at.imag();
      at = {real[k] * a - imaginary[k] * b, real[k] * b + imaginary[k] * a};
    }
  }
}

/// data[k] *= e^{exponent(k)}.
template <class T, class Exponent>
void scale(std::complex<T>* data, Index count, const Exponent& exponent) {
  T exponents[kChunk], factors[kChunk];
  for (Index first = 0; first < count; first += kChunk) {
    const std::span<T> chunk = chunk_of(exponents, first, count, exponent);
    simd::evaluate<T>(simd::Elementary::exp, chunk, {factors, chunk.size()});
    for (std::size_t k = 0; k < chunk.size(); ++k)
      data[first + static_cast<Index>(k)] *= factors[k];
  }
}

/// The time for which |T|^2 of the start turns as much as one that falls as e^{-2 w s} does until
/// `time`: the integral of e^{-2 w s}.
double time_of_density(double w, double time) {
  return w == 0 ? time : -std::expm1(-2 * w * time) / (2 * w);
}

}  // namespace

/// Waves of a field whose rows ranks share: each rank's rows, cut into the columns of each rank,
/// which takes them on loan to transform them.
template <class T>
struct Splitting<T>::Transpose {
  explicit Transpose(const Grid& grid)
      : share(*grid.share),
        cell(grid.d * grid.d),
        ends(comm::even_ends(grid.row_cells(), share.ranks().size())),
        parts(share.ranks(), numbers_lent(), numbers_taken()) {
    for (Index r = 0; r < share.ranks().size(); ++r) {
      columns.push_back({parts.taken(r), share.count_of(r)});
    }
  }

  Index first_column(Index rank) const {
    return rank == 0 ? 0 : ends[static_cast<std::size_t>(rank - 1)];
  }
  Index column_count(Index rank) const {
    return ends[static_cast<std::size_t>(rank)] - first_column(rank);
  }
  /// Cells of a row of this rank's columns.
  Index own_columns() const { return column_count(share.ranks().rank()); }

  /// A row of this rank's, from `row` and into it.
  void put(Index i, const Number* row) const {
    each_part(i,
              [row](Number* part, Index at, Index count) { std::copy_n(row + at, count, part); });
  }
  void get(Index i, Number* row) const {
    each_part(i,
              [row](Number* part, Index at, Index count) { std::copy_n(part, count, row + at); });
  }

  const Share& share;
  Index cell;
  std::vector<Index> ends;  ///< of each rank's columns
  comm::Loan<Number> parts;
  std::vector<RowsOfColumns> columns;  ///< this rank's, in all rows

 private:
  std::vector<Index> numbers_lent() const {
    std::vector<Index> counts;
    for (Index r = 0; r < share.ranks().size(); ++r) {
      counts.push_back(share.count() * column_count(r) * cell);
    }
    return counts;
  }
  std::vector<Index> numbers_taken() const {
    std::vector<Index> counts;
    for (Index r = 0; r < share.ranks().size(); ++r) {
      counts.push_back(share.count_of(r) * own_columns() * cell);
    }
    return counts;
  }
  /// copy(what each rank has of row i, its place in the row, its numbers).
  template <class Copy>
  void each_part(Index i, const Copy& copy) const {
    for (Index r = 0; r < share.ranks().size(); ++r) {
      const Index count = column_count(r) * cell;
      copy(parts.lent(r) + i * count, first_column(r) * cell, count);
    }
  }
};

template <class T>
Splitting<T>::Splitting(const Hamiltonian<T>& h, double dt, int order, Symbol symbol, Time time,
                        double nonlinearity, View<const double, 2> absorption,
                        const PotentialInTime& potential)
    : grid_(h.grid()),
      time_(time),
      dt_(dt),
      hbar_(h.physics().hbar),
      v_(grid_.cell_shape()),
      moving_(h, potential),
      row_(grid_),
      column_(grid_.axes()[0], kColumns),
      row_sums_(2 * grid_.all_nx()),
      ones_(grid_.cell_shape()) {
  LIOR_CHECK(!h.varies(),
             "an FFT splitting cannot use a metric that varies in "
             "space; expected crank_nicolson, "
             "rk4 or chebyshev");
  LIOR_CHECK(std::isfinite(dt) && dt != 0, "the time step is {}; expected a finite number != 0",
             dt);
  LIOR_CHECK(order == 2 || (order == 4 && time == Time::real),
             "a splitting of order {} in {} time; expected 2, or 4 in real time", order,
             time == Time::real ? "real" : "imaginary");
  LIOR_CHECK(time == Time::real || !moving_.moves(),
             "a splitting in imaginary time with a potential that follows the time; expected real "
             "time");
  if (time == Time::imaginary && nonlinearity != 0) density_ = Buffer<T>(grid_.numbers());
  const double hbar = h.physics().hbar;
  // e^{-i E f dt / hbar}, or e^{-E f dt / hbar}.
  const auto phase = [&](double e, double fraction) {
    const double angle = e * fraction * dt / hbar;
    return time == Time::real ? std::polar(1.0, -angle) : std::complex<double>(std::exp(-angle));
  };
  if (!absorption.empty()) check_shape(absorption, grid_.cell_shape(), "the absorption");
  together(grid_.share, [&] {
    for (const double w : absorption) {
      LIOR_CHECK(w >= 0 && std::isfinite(w),
                 "the absorption is {} somewhere; expected numbers >= 0", w);
    }
  });
  if (!absorption.empty()) {
    absorption_ = Buffer<double>(grid_.cells());
    std::copy(absorption.begin(), absorption.end(), absorption_.data());
  }
  const Composition parts = composition(order);
  stages_ = parts.stages;
  for (int stage = 0; stage + 1 < stages_; ++stage) {
    const auto drift = static_cast<std::size_t>(std::min(stage, stages_ - 1 - stage));
    ends_.push_back((ends_.empty() ? 0 : ends_.back()) + parts.drifts[drift]);
  }
  ends_.push_back(1);
  std::vector<double> kicks = parts.kicks;
  kicks.push_back(2 * parts.kicks.front());
  for (const double fraction : kicks) {
    Kick kick{.factors = Buffer<Number>(grid_.cells()),
              .fraction = fraction,
              .angle = static_cast<T>(nonlinearity * fraction * dt / hbar)};
    if (nonlinearity != 0 && !absorption.empty()) kick.angles = Buffer<T>(grid_.cells());
    parallel_for(grid_.nx, grid_.row_grain(), [&](Index begin, Index end, int) {
      for (Index c = begin * grid_.row_cells(); c < end * grid_.row_cells(); ++c) {
        const double w = absorption.empty() ? 0 : absorption.data()[c];
        if (kick.angles.size() > 0) {
          kick.angles[c] =
              static_cast<T>(nonlinearity / hbar * time_of_density(w / hbar, fraction * dt));
        }
        kick.factors[c] =
            Number(phase(h.v().data()[c], fraction) * std::exp(-w * fraction * dt / hbar));
      }
    });
    kicks_.push_back(std::move(kick));
  }
  const double unit = -hbar * hbar / (2 * h.physics().mass);
  if (grid_.share != nullptr) transpose_ = std::make_shared<Transpose>(grid_);
  const Index first = transpose_ ? transpose_->first_column(grid_.share->ranks().rank()) : 0;
  const Index columns = transpose_ ? transpose_->own_columns() : grid_.row_cells();
  const std::array<Axis, 3> axes = grid_.axes();
  const std::array<double, 3>& g = h.constant_metric();
  std::array<std::vector<double>, 3> curvature, slope;  // of the waves along each axis
  for (std::size_t axis = 0; axis < axes.size(); ++axis) {
    for (Index wave = 0; wave < axes[axis].count; ++wave) {
      curvature[axis].push_back(eigenvalue(axes[axis], wave, symbol));
      slope[axis].push_back(slope_eigenvalue(axes[axis], wave, symbol));
    }
  }
  const auto kinetic = [&](Index i, Index cell) {
    const Index waves[] = {i, grid_.j_of(cell), grid_.k_of(cell)};
    double laplacian = g[0] * curvature[0][i];
    for (int axis = 1; axis < grid_.axis_count(); ++axis) {
      laplacian += g[axis] * curvature[axis][waves[axis]];
    }
    const auto add_cross = [&](double component, int a, int b) {
      if (component == 0) return;
      laplacian -= 2 * component * slope[a][waves[a]] * slope[b][waves[b]];
    };
    const auto& [gxy, gxz, gyz] = h.constant_cross();
    add_cross(gxy, 0, 1), add_cross(gxz, 0, 2), add_cross(gyz, 1, 2);
    return unit * laplacian;
  };
  const auto for_waves = [&](auto&& value) {
    const Index nx = grid_.all_nx();
    Buffer<Number> values(nx * columns);
    const double unit = row_.unit() * column_.unit();
    parallel_for(columns, grid_.row_grain(), [&](Index begin, Index end, int) {
      for (Index j = begin; j < end; ++j) {
        for (Index i = 0; i < nx; ++i) {
          values[j * nx + i] = Number(value(kinetic(i, first + j)) / unit);
        }
      }
    });
    return values;
  };
  for (const double fraction : parts.drifts) {
    drifts_.push_back(for_waves([&](double energy) { return phase(energy, fraction); }));
  }
  kinetic_ = for_waves([](double energy) { return std::complex<double>(energy); });
  std::copy(h.v().begin(), h.v().end(), v_.data());
  std::fill(ones_.span().begin(), ones_.span().end(), 1.0);
}

/// U at a time in steps, in the factors of a kick. Nothing where the potential stays.
template <class T>
void Splitting<T>::move_to(double step, Kick* kick) {
  if (!moving_.moves()) return;
  moving_.move_to(step * dt_);
  parallel_for(grid_.nx, grid_.row_grain(), [&](Index begin, Index end, int) {
    std::complex<double> factors[kChunk];
    const Index last = end * grid_.row_cells();
    for (Index first = begin * grid_.row_cells(); first < last; first += kChunk) {
      const Index cells = std::min(kChunk, last - first);
      const double *u = moving_.u().data() + first, *v = v_.data() + first;
      const double unit = kick->fraction * dt_ / hbar_;
      for (Index c = 0; c < cells; ++c) {
        factors[c] = absorption_.size() == 0 ? 1 : std::exp(-absorption_[first + c] * unit);
      }
      turn(factors, cells, [=](Index c) { return -(v[c] + u[c]) * unit; });
      for (Index c = 0; c < cells; ++c) kick->factors[first + c] = Number(factors[c]);
    }
  });
}

/// Per row, in one sweep: back from frequencies, the kick, the source, the kick of the next step,
/// forth to frequencies. Null: left out.
template <class T>
void Splitting<T>::rows(Number* data, const RowSweep& sweep) {
  const Index cells = grid_.row_cells(), cell = grid_.d * grid_.d, width = cells * cell;
  // Whole lines of the cache, so that rows of all threads are aligned alike.
  const Index pitch = (width + kColumns - 1) / kColumns * kColumns;
  if (rows_.size() < 2 * threads() * pitch) rows_ = Buffer<Number>(2 * threads() * pitch);
  const auto sweep_rows = [&](Index begin, Index end, int worker) {
    for (Index i = begin; i < end; ++i) {
      Number* const in_field = data + i * width;
      // Between two transforms a row is in the thread's own, as those out of place are faster. A
      // plan in place may give other bits, so ranks have one where a process alone has.
      Number* const own = rows_.data() + 2 * worker * pitch;
      const bool is_turned = sweep.back && sweep.forth;
      Number* const row = is_turned ? own : in_field;
      Number* const waves = is_turned && transpose_ ? own + pitch : in_field;
      const auto kick = [&](const Kick& by) {
        if (by.angles.size() > 0) {
          const T* angles = by.angles.data() + i * cells;
          turn(row, width, [&](Index k) { return -angles[k / cell] * square(row[k]); });
        } else if (density_.size() > 0) {
          const T* density = density_.data() + i * width;
          scale(row, width, [&](Index k) { return -by.angle * density[k]; });
        } else if (by.angle != 0) {
          turn(row, width, [&](Index k) { return -by.angle * square(row[k]); });
        }
        for (Index c = 0; c < cells; ++c) {
          multiply(row + c * cell, by.factors[i * cells + c], cell);
        }
      };
      if (sweep.back) {
        if (transpose_) transpose_->get(i, waves);
        row_.inverse(waves, row);
      }
      if (sweep.kick) kick(*sweep.kick);
      if (sweep.source) subtract_i(row, sweep.amount, sweep.source + i * width, width);
      if (sweep.next_kick) kick(*sweep.next_kick);
      if (sweep.forth) {
        row_.forward(row, waves);
        if (transpose_) transpose_->put(i, waves);
      }
    }
  };
  parallel_for_workers(grid_.nx, grid_.row_grain(), rows_.size() / (2 * pitch), sweep_rows);
}

template <class T>
void Splitting<T>::columns(Number* data, const Number* drift) {
  if (!transpose_) {
    const RowsOfColumns all{data, grid_.nx};
    return whole_columns({&all, 1}, grid_.row_cells(), drift);
  }
  transpose_->parts.lend();
  whole_columns(transpose_->columns, transpose_->own_columns(), drift);
  transpose_->parts.give_back();
}

/// Those of so many cells, whose rows lie in `parts`, per block, in the order that is transformed
/// fastest: there strides of powers of two do not fight for one cache set.
template <class T>
void Splitting<T>::whole_columns(std::span<const RowsOfColumns> parts, Index cells,
                                 const Number* drift) {
  const Index nx = grid_.all_nx(), cell = grid_.d * grid_.d, width = cells * cell;
  const Index stride = column_.stride(), distance = column_.distance();
  const Index blocks_size = 2 * column_.size(), wanted = threads() * blocks_size;
  if (columns_.size() < wanted) columns_ = Buffer<Number>(wanted);
  const Index blocks = (width + kColumns - 1) / kColumns, workers = columns_.size() / blocks_size;
  /// body(row of the grid, its numbers from the column `first` on).
  const auto each_row = [&](Index first, const auto& body) {
    Index i = 0;
    for (const RowsOfColumns& part : parts) {
      for (Index row = 0; row < part.rows; ++row) body(i++, part.data + row * width + first);
    }
  };
  const auto turn_block = [&](Index first, Index count, Number* block, Number* waves) {
    if (count < kColumns) std::fill_n(block, column_.size(), Number{});
    each_row(first, [&](Index i, const Number* row) {
      for (Index c = 0; c < count; ++c) block[i * stride + c * distance] = row[c];
    });
    column_.forward(block, waves, count);
    for (Index c = 0; c < count; ++c) {
      const Number* const factors = drift + (first + c) / cell * nx;
      for (Index i = 0; i < nx; ++i) multiply(waves + i * stride + c * distance, factors[i], 1);
    }
    column_.inverse(waves, block, count);
    each_row(first, [&](Index i, Number* row) {
      for (Index c = 0; c < count; ++c) row[c] = block[i * stride + c * distance];
    });
  };
  parallel_for_workers(
      blocks, 1 + 16384 / (nx * kColumns), workers, [&](Index begin, Index end, int worker) {
        Number* const block = columns_.data() + worker * blocks_size;
        for (Index b = begin; b < end; ++b) {
          const Index first = b * kColumns;
          turn_block(first, std::min(kColumns, width - first), block, block + column_.size());
        }
      });
}

template <class T>
Index Splitting<T>::run_real(Number* data, Index steps, const Number* source, const Stop& stop,
                             Index first_step) {
  Kick *const first = &kicks_.front(), *const both = &kicks_.back();
  const T half = static_cast<T>(dt_ / (2 * hbar_));
  move_to(static_cast<double>(first_step), first);
  rows(data, {.source = source, .amount = half, .next_kick = first, .forth = true});
  for (Index step = 0; step < steps; ++step) {
    const bool last = step + 1 == steps || (stop && stop());
    for (int stage = 1; stage <= stages_; ++stage) {
      columns(data, drifts_[std::min(stage - 1, stages_ - stage)].data());
      const double now = static_cast<double>(first_step + step) + ends_[stage - 1];
      if (stage < stages_) {
        Kick* const kick = &kicks_[std::min(stage, stages_ - stage)];
        move_to(now, kick);
        rows(data, {.back = true, .kick = kick, .forth = true});
      } else if (last) {
        move_to(now, first);
        rows(data, {.back = true, .kick = first, .source = source, .amount = half});
      } else if (source != nullptr) {
        move_to(now, first);
        rows(data, {.back = true,
                    .kick = first,
                    .source = source,
                    .amount = 2 * half,
                    .next_kick = first,
                    .forth = true});
      } else {
        move_to(now, both);
        rows(data, {.back = true, .kick = both, .forth = true});
      }
    }
    if (last) return step + 1;
  }
  return steps;
}

template <class T>
Index Splitting<T>::run(Field<T> t, Index steps, ConstField<T> source, const Stop& stop,
                        Index first) {
  check_shape(t, grid_.shape(), "the field");
  if (!source.empty()) check_shape(source, grid_.shape(), "the source");
  LIOR_CHECK(source.empty() || (stages_ == 1 && time_ == Time::real),
             "a splitting of order {} in {} time with a source; expected 2 in "
             "real time",
             stages_ == 1 ? 2 : 4, time_ == Time::real ? "real" : "imaginary");
  if (steps <= 0) return 0;
  const Number* const s = source.empty() ? nullptr : source.data();
  if (time_ == Time::real) return run_real(t.data(), steps, s, stop, first);
  for (Index step = 0; step < steps; ++step) {
    const RowSums sums(row_sums_.span(), grid_);
    const double before = norm<T>(t, ones_.view(), sums);
    for (Index k = 0; k < density_.size(); ++k) density_[k] = square(t.data()[k]);
    run_real(t.data(), 1, nullptr, {}, 0);
    const double after = norm<T>(t, ones_.view(), sums);
    if (after > 0) {
      const T scale = static_cast<T>(std::sqrt(before / after));
      for (Number& entry : t) entry *= scale;
    }
    if (stop && stop()) return step + 1;
  }
  return steps;
}

template <class T>
void Splitting<T>::apply(ConstField<T> in, Field<T> out) {
  check_shape(in, grid_.shape(), "the field");
  check_shape(out, grid_.shape(), "H of the field");
  const Index cell = grid_.d * grid_.d;
  std::copy(in.begin(), in.end(), out.data());
  rows(out.data(), {.forth = true});
  columns(out.data(), kinetic_.data());
  rows(out.data(), {.back = true});
  for (Index k = 0; k < out.size(); ++k) {
    out.data()[k] += static_cast<T>(v_.data()[k / cell]) * in.data()[k];
  }
}

template class Splitting<float>;
template class Splitting<double>;

}  // namespace lior::field
