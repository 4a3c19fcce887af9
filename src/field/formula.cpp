// SPDX-License-Identifier: Apache-2.0
#include "lior/field/formula.h"

#include <algorithm>
#include <cmath>

#include "lior/core/text.h"
#include "lior/expr/parse.h"

namespace lior::field {
namespace {

using Complex = std::complex<double>;

enum Input : Index { kX, kY, kZ, kTime, kEntryRow, kEntryColumn, kInputs };

constexpr Index kChunk = 128;  // cells at once

/// Throws unless each parameter and definition may have its name, which no other one has.
void check_names(const FormulaNames& names) {
  std::vector<std::string_view> taken{"x", "y", "z", "t", "i", "j", "Lx", "Ly", "Lz"};
  const auto check = [&](std::string_view name, const std::string& where) {
    expr::check_name(name, where);
    LIOR_CHECK(std::ranges::find(taken, name) == taken.end(),
               "{}: '{}' is there already; choose another name", where, name);
    taken.push_back(name);
  };
  for (const expr::Parameter& parameter : names.parameters) {
    const std::string where = "parameters." + shown(parameter.name);
    check(parameter.name, where);
    LIOR_CHECK(std::isfinite(parameter.value), "{}: is {}; expected a finite number", where,
               parameter.value);
  }
  for (const expr::NamedFormula& definition : names.definitions) {
    check(definition.name, definition.where);
  }
}

/// A row at a later time: what is not finite there is a run's failure, not a wrong argument.
template <class Evaluate>
void evaluate_in_run(const Evaluate& evaluate) {
  try {
    evaluate();
  } catch (const Error& error) {
    throw RunError(error.what());
  }
}

}  // namespace

void check_names_are_read(const FormulaNames& names, std::span<const std::string> formulas) {
  std::vector<std::string_view> texts(formulas.begin(), formulas.end());
  std::vector<bool> read(names.definitions.size());
  for (std::size_t at = 0; at < texts.size(); ++at) {
    for (std::size_t k = 0; k < read.size(); ++k) {
      if (read[k] || !expr::has_name(texts[at], names.definitions[k].name)) continue;
      read[k] = true;
      texts.push_back(names.definitions[k].text);
    }
  }
  const auto is_read = [&](const std::string& name) {
    return std::ranges::any_of(texts, [&](auto text) { return expr::has_name(text, name); });
  };
  std::string known;
  for (const expr::Parameter& parameter : names.parameters) {
    if (is_read(parameter.name)) known += (known.empty() ? "" : ", ") + parameter.name;
  }
  const std::string_view others = known.empty() ? "" : "; they read ";
  for (const expr::Parameter& parameter : names.parameters) {
    LIOR_CHECK(is_read(parameter.name), "parameters.{}: no formula reads it{}{}",
               shown(parameter.name), others, shown(known));
  }
  for (std::size_t k = 0; k < read.size(); ++k) {
    LIOR_CHECK(read[k], "{}: no formula reads it", names.definitions[k].where);
  }
}

GridFormula::GridFormula(const Grid& grid, std::string_view formula, std::string_view where,
                         const FormulaNames& names)
    : grid_(grid), where_(where) {
  grid.check();
  check_names(names);
  expr::Graph graph;
  std::vector<std::pair<std::string_view, expr::Id>> known{
      {"x", graph.input(kX)}, {"y", graph.input(kY)}, {"z", graph.input(kZ)}};
  if (names.time) known.emplace_back("t", graph.input(kTime));
  if (names.entry) {
    known.emplace_back("i", graph.input(kEntryRow));
    known.emplace_back("j", graph.input(kEntryColumn));
  }
  known.insert(known.end(), {{"Lx", graph.constant(grid.length_x())},
                             {"Ly", graph.constant(grid.length_y())},
                             {"Lz", graph.constant(grid.length_z())}});
  for (const expr::Parameter& parameter : names.parameters) {
    known.emplace_back(parameter.name, graph.constant(parameter.value));
  }
  expr::Scope scope;
  expr::Definitions definitions(names.definitions, [&](const expr::NamedFormula& definition) {
    return expr::parse(graph, definition.text, scope,
                       fmt::format("{}: {}", where, definition.where));
  });
  scope.find = [&](std::string_view word) -> std::optional<expr::Id> {
    const auto found = std::ranges::find(known, word, [](const auto& name) { return name.first; });
    if (found == known.end()) return definitions.find(word);
    reads_time_ |= word == "t";
    reads_entry_ |= word == "i" || word == "j";
    return found->second;
  };
  for (const auto& [name, id] : known) scope.names.emplace_back(name);
  for (const expr::NamedFormula& one : names.definitions) scope.names.push_back(one.name);
  const expr::Id value = expr::parse(graph, formula, scope, where);
  tape_ = expr::Tape(graph, {&value, 1}, kInputs);
}

void GridFormula::evaluate(double time, Index row, Index first, std::span<double> values, Index i,
                           Index j) const {
  double inputs[kInputs][kChunk];
  const double* pointers[kInputs];
  for (Index k = 0; k < kInputs; ++k) pointers[k] = inputs[k];
  const double x = grid_.x(row);
  std::fill_n(inputs[kX], kChunk, x);
  std::fill_n(inputs[kTime], kChunk, time);
  std::fill_n(inputs[kEntryRow], kChunk, static_cast<double>(i));
  std::fill_n(inputs[kEntryColumn], kChunk, static_cast<double>(j));
  const auto count = static_cast<Index>(values.size());
  const std::array<Axis, 3> axes = grid_.axes();
  Index at_y = grid_.j_of(first), at_z = grid_.k_of(first);
  for (Index begin = 0; begin < count; begin += kChunk) {
    const Index cells = std::min(kChunk, count - begin);
    double *const y = inputs[kY], *const z = inputs[kZ];
    for (Index k = 0; k < cells; ++k) {
      y[k] = axes[1].place(at_y);
      z[k] = axes[2].place(at_z);
      if (++at_z == grid_.nz) at_z = 0, ++at_y;
    }
    double* const out = values.data() + begin;
    tape_.run<double>(pointers, out, cells, cells);
    for (Index k = 0; k < cells; ++k) {
      LIOR_CHECK(std::isfinite(out[k]),
                 "{}: is {} at x = {}, y = {}{}{}{}; expected finite numbers "
                 "on the whole grid",
                 where_, out[k], x, y[k],
                 grid_.axis_count() == 3 ? fmt::format(", z = {}", z[k]) : "",
                 reads_time_ ? fmt::format(", t = {}", time) : "",
                 reads_entry_ ? fmt::format(", i = {}, j = {}", i, j) : "");
    }
  }
}

PolarFormula::PolarFormula(const Grid& grid, Text modulus, Text phase, const FormulaNames& names)
    : grid_(grid),
      modulus_(grid, modulus.formula, modulus.where, names),
      phase_(grid, phase.formula.empty() ? "0" : phase.formula, phase.where, names) {}

template <class T>
void PolarFormula::evaluate(double time, Index row, std::span<std::complex<T>> numbers) const {
  const Index d = grid_.d;
  const bool by_entry = modulus_.reads_entry() || phase_.reads_entry();
  double size[kChunk], angle[kChunk];
  for (Index first = 0; first < grid_.row_cells(); first += kChunk) {
    const auto cells = static_cast<std::size_t>(std::min(kChunk, grid_.row_cells() - first));
    for (Index entry = 0; entry < d * d; ++entry) {
      const Index i = entry / d, j = entry % d;
      if (entry == 0 || by_entry) {
        modulus_.evaluate(time, row, first, {size, cells}, i, j);
        phase_.evaluate(time, row, first, {angle, cells}, i, j);
      }
      const double share = by_entry || i == j ? 1 : 0.5;
      for (std::size_t k = 0; k < cells; ++k) {
        const Complex value = size[k] * Complex(std::cos(angle[k]), std::sin(angle[k]));
        const std::size_t cell = static_cast<std::size_t>(first) + k;
        numbers[cell * static_cast<std::size_t>(d * d) + static_cast<std::size_t>(entry)] =
            std::complex<T>(share * value);
      }
    }
  }
}

void PolarFormula::fill(Field<double> t) const {
  check_shape(t, grid_.shape(), "the field");
  const auto numbers = static_cast<std::size_t>(grid_.row_cells() * grid_.d * grid_.d);
  for (Index row = 0; row < grid_.nx; ++row) {
    evaluate<double>(0, row, {&t(row, 0, 0, 0), numbers});
  }
}

void fill_formula(const Grid& grid, std::string_view formula, std::string_view where,
                  View<double, 2> out, const FormulaNames& names) {
  check_shape(out, grid.cell_shape(), "the values of a formula");
  const GridFormula parsed(grid, formula, where, names);
  for (Index row = 0; row < grid.nx; ++row) parsed.evaluate(0, row, 0, out[row].span());
}

PotentialInTime potential_in_time(GridFormula formula) {
  const Grid& grid = formula.grid();
  Buffer<double> row(grid.row_cells());
  for (Index i = 0; i < grid.nx; ++i) formula.evaluate(0, i, 0, row.span());
  const auto shared = std::make_shared<const GridFormula>(std::move(formula));
  return [shared](double time, Index i, std::span<double> u) {
    evaluate_in_run([&] { shared->evaluate(time, i, 0, u); });
  };
}

template <class T>
CurrentInTime<T> current_in_time(PolarFormula formula) {
  const Grid& grid = formula.grid();
  Buffer<std::complex<T>> row(grid.row_cells() * grid.d * grid.d);
  for (Index i = 0; i < grid.nx; ++i) formula.evaluate<T>(0, i, row.span());
  const auto shared = std::make_shared<const PolarFormula>(std::move(formula));
  return [shared](double time, Index i, std::span<std::complex<T>> j) {
    evaluate_in_run([&] { shared->evaluate<T>(time, i, j); });
  };
}

#define LIOR_INSTANTIATE(T)                                                              \
  template void PolarFormula::evaluate(double, Index, std::span<std::complex<T>>) const; \
  template CurrentInTime<T> current_in_time(PolarFormula)
LIOR_INSTANTIATE(float);
LIOR_INSTANTIATE(double);
#undef LIOR_INSTANTIATE

}  // namespace lior::field
