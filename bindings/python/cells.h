// SPDX-License-Identifier: Apache-2.0
#pragma once
// Grids of two and three dimensions as Python says them, and their arrays: with an axis z or
// without one there, rows of cells in the library (field/grid.h).

#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <variant>

#include "arrays.h"
#include "lior/field/grid.h"

namespace lior::python {

using field::Grid;

/// One word for all axes, or one each.
using Boundaries = std::variant<std::string, std::pair<std::string, std::string>,
                                std::tuple<std::string, std::string, std::string>>;
/// A place or a wave's vector; two parts have none along z.
using Vector = std::variant<std::pair<double, double>, std::tuple<double, double, double>>;

/// Python's words for a grid beside its counts. dy, dz: None for dx.
struct GridWords {
  double dx;
  std::optional<double> dy, dz;
  Boundaries boundary;
};
/// A grid, and whether its arrays have an axis z, which may have one cell.
struct Cells {
  Grid grid;
  bool has_z = false;
};

inline std::array<field::Boundary, 3> boundaries_of(const Boundaries& words, bool has_z) {
  const auto parse = [](const std::string& word) {
    return parse_name<field::Boundary>(word, "boundary");
  };
  if (const auto* all = std::get_if<std::string>(&words)) {
    return {parse(*all), parse(*all), has_z ? parse(*all) : field::Boundary::periodic};
  }
  const auto* two = std::get_if<std::pair<std::string, std::string>>(&words);
  LIOR_CHECK((two == nullptr) == has_z,
             "boundary has {} words, and the grid {} axes; expected one word, or one an axis",
             two ? 2 : 3, has_z ? 3 : 2);
  if (two) return {parse(two->first), parse(two->second), field::Boundary::periodic};
  const auto& [x, y, z] = std::get<2>(words);
  return {parse(x), parse(y), parse(z)};
}

/// nz: None where arrays have no axis z.
inline Cells cells_of(Index nx, Index ny, std::optional<Index> nz, Index d,
                      const GridWords& words) {
  for (const auto& [name, spacing] : {std::pair("dy", words.dy), {"dz", words.dz}}) {
    LIOR_CHECK(!spacing || *spacing > 0,
               "the grid's spacing {} is {}; expected a finite number > 0", name,
               spacing.value_or(0));
  }
  LIOR_CHECK(nz || !words.dz, "dz is {}, and the grid has no axis z", words.dz.value_or(0));
  const auto [x, y, z] = boundaries_of(words.boundary, nz.has_value());
  const Grid grid{.nx = nx,
                  .ny = ny,
                  .d = d,
                  .dx = words.dx,
                  .spacing_y = words.dy.value_or(0),
                  .boundary_x = x,
                  .boundary_y = y,
                  .nz = nz.value_or(1),
                  .spacing_z = words.dz.value_or(0),
                  .boundary_z = z};
  grid.check();
  return {grid, nz.has_value()};
}

inline std::array<double, 3> vector_of(const char* name, const Vector& parts, const Cells& cells) {
  if (const auto* two = std::get_if<0>(&parts)) return {two->first, two->second, 0};
  LIOR_CHECK(cells.has_z, "{} has three parts, and the grid has no axis z", name);
  const auto& [x, y, z] = std::get<1>(parts);
  return {x, y, z};
}

/// An array of a number a cell, (Nx, Ny) or (Nx, Ny, Nz), as the library has it; so below.
template <class N>
View<const N, 2> values_in(Call& call, const char* name, const Argument& values,
                           const Cells& cells) {
  const Grid& grid = cells.grid;
  if (!cells.has_z) return call.in<N>(name, values, {grid.nx, grid.ny});
  return call.in<N>(name, values, {grid.nx, grid.ny, grid.nz})
      .template reshaped<2>(grid.cell_shape());
}
template <class N>
View<const N, 2> values_in_or_none(Call& call, const char* name, const Argument& values,
                                   const Cells& cells) {
  return values.is_none() ? View<const N, 2>() : values_in<N>(call, name, values, cells);
}
inline View<double, 2> values_out(Call& call, const Cells& cells) {
  const Grid& grid = cells.grid;
  if (!cells.has_z) return call.out<double>({grid.nx, grid.ny});
  return call.out<double>({grid.nx, grid.ny, grid.nz}).reshaped<2>(grid.cell_shape());
}

/// A field, (Nx, Ny, D, D) or (Nx, Ny, Nz, D, D).
template <class T>
field::ConstField<T> field_in(Call& call, const char* name, const Argument& t, const Cells& cells) {
  using C = std::complex<T>;
  const auto& [grid, has_z] = cells;
  if (!has_z) return call.in<C>(name, t, {grid.nx, grid.ny, grid.d, grid.d});
  return call.in<C>(name, t, {grid.nx, grid.ny, grid.nz, grid.d, grid.d})
      .template reshaped<4>(grid.shape());
}
template <class T>
field::ConstField<T> field_in_or_none(Call& call, const char* name, const Argument& t,
                                      const Cells& cells) {
  return t.is_none() ? field::ConstField<T>() : field_in<T>(call, name, t, cells);
}
template <class T>
field::Field<T> field_out(Call& call, const Cells& cells) {
  using C = std::complex<T>;
  const auto& [grid, has_z] = cells;
  if (!has_z) return call.out<C>({grid.nx, grid.ny, grid.d, grid.d});
  return call.out<C>({grid.nx, grid.ny, grid.nz, grid.d, grid.d})
      .template reshaped<4>(grid.shape());
}

/// Whether an argument is an array of so many axes.
inline bool has_axes(const Argument& argument, std::size_t count) {
  return argument.array.is_valid() && argument.array.ndim() == count;
}
/// (Nx, Ny, Nz) as the library has it.
template <class N>
View<N, 2> merged(View<N, 3> values) {
  return values.template reshaped<2>({values.extent(0), values.extent(1) * values.extent(2)});
}

/// Sums of rows: the workspace of everything that sums over a field of Nx rows.
inline Buffer<double> row_sums(Index nx) { return Buffer<double>(3 * nx); }

/// A field of whatever axes it has, in a call without a grid; `deep`: with z.
template <class T>
field::ConstField<T> any_field_in(Call& call, const char* name, const Argument& t, bool deep) {
  using C = std::complex<T>;
  if (!deep) return call.in<C>(name, t, {'X', 'Y', 'D', 'D'});
  const auto all = call.in<C>(name, t, {'X', 'Y', 'Z', 'D', 'D'});
  return all.template reshaped<4>({call['X'], call['Y'] * call['Z'], call['D'], call['D']});
}
template <class T>
field::Field<T> any_field_out(Call& call, bool deep) {
  using C = std::complex<T>;
  if (!deep) return call.out<C>({'X', 'Y', 'D', 'D'});
  const auto all = call.out<C>({'X', 'Y', 'Z', 'D', 'D'});
  return all.template reshaped<4>({call['X'], call['Y'] * call['Z'], call['D'], call['D']});
}

}  // namespace lior::python
