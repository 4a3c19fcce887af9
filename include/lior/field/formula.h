// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Formulas (lior/expr/parse.h) at the cells of a grid: potentials, fields, and what of them
/// follows the time.
///
/// Names: x, y and z from the grid's middle (grid.h) in units of length, 0 along an axis of one
/// cell; Lx = Nx dx, Ly = Ny dy and Lz = Nz dz; t, the time, and i and j, the row and the column of
/// the tensor's entry from 0 on, parameters and definitions, where FormulaNames has them. Each
/// function throws lior::Error, opened by `where`, that shows the place where a text is no formula,
/// or a cell where its value is not finite.

#include <string>
#include <string_view>

#include "lior/expr/definitions.h"
#include "lior/expr/tape.h"
#include "lior/field/inputs.h"

namespace lior::field {

/// The names of a formula beside places and lengths.
struct FormulaNames {
  bool time = false;   ///< t
  bool entry = false;  ///< i, j
  /// Finite numbers, such as a depth.
  std::vector<expr::Parameter> parameters{};
  /// Formulas of all these names, such as a radius; they may read each other.
  std::vector<expr::NamedFormula> definitions{};
};

/// Throws lior::Error where none of `formulas` reads a parameter or a definition, itself or by
/// definitions: it may be misspelt.
void check_names_are_read(const FormulaNames& names, std::span<const std::string> formulas);

/// One formula, parsed once. Threads may share it; nothing is allocated per call but, once a
/// thread, the tape's workspace.
class GridFormula {
 public:
  GridFormula(const Grid& grid, std::string_view formula, std::string_view where,
              const FormulaNames& names = {});

  const Grid& grid() const { return grid_; }
  bool reads_time() const { return reads_time_; }
  bool reads_entry() const { return reads_entry_; }
  /// values[k] is that at cell first + k of a row, of the entry T_ij.
  void evaluate(double time, Index row, Index first, std::span<double> values, Index i = 0,
                Index j = 0) const;

 private:
  Grid grid_;
  std::string where_;
  bool reads_time_ = false, reads_entry_ = false;
  expr::Tape tape_;
};

/// A field modulus e^{i phase}; the modulus may be negative, an empty phase is 0. Where neither
/// formula reads i or j, that is T_ii, and half of it T_ij off the diagonal.
class PolarFormula {
 public:
  /// A formula, and the words that open its errors.
  struct Text {
    std::string_view formula, where;
  };
  PolarFormula(const Grid& grid, Text modulus, Text phase, const FormulaNames& names);

  const Grid& grid() const { return grid_; }
  bool reads_time() const { return modulus_.reads_time() || phase_.reads_time(); }
  /// The numbers of a row, [Ny Nz, D, D].
  template <class T>
  void evaluate(double time, Index row, std::span<std::complex<T>> numbers) const;
  /// The field at t = 0: [Nx, Ny, D, D].
  void fill(Field<double> t) const;

 private:
  Grid grid_;
  GridFormula modulus_, phase_;
};

/// The values of a formula at the time 0. out: [Nx, Ny].
void fill_formula(const Grid& grid, std::string_view formula, std::string_view where,
                  View<double, 2> out, const FormulaNames& names = {});

/// The potential of a formula that may read t. Throws where a value at t = 0 is not finite; the
/// function throws lior::RunError where one is not later.
PotentialInTime potential_in_time(GridFormula formula);
/// The current of formulas that may read t, i and j, likewise.
template <class T>
CurrentInTime<T> current_in_time(PolarFormula formula);

}  // namespace lior::field
