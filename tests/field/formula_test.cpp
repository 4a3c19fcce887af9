// SPDX-License-Identifier: Apache-2.0
// Formulas at the cells of a grid: values, names, and errors that show the place.
#include "lior/field/formula.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "support/error_of.h"

namespace lior::field {
namespace {

using Number = std::complex<double>;

const Grid kGrid{.nx = 4, .ny = 3, .d = 2, .dx = 0.5};

TEST(Formulas, FillPotentialsAndFields) {
  Array<double, 2> v({4, 3});
  fill_formula(kGrid, "x + 10*y + Lx*100 + Ly", "potential", v.view());
  EXPECT_EQ(v(0, 0), -1 - 7.5 + 200 + 1.5);
  EXPECT_EQ(v(3, 2), 0.5 + 2.5 + 200 + 1.5);
  Array<Number, 4> t(kGrid.shape());
  PolarFormula(kGrid, {"x + 10*y + 204", "size"}, {"where(x > 0, pi/2, 0)", "angle"}, {})
      .fill(t.view());
  EXPECT_LT(std::abs(t(3, 2, 1, 1) - Number(0, 207)), 1e-12);
  EXPECT_LT(std::abs(t(3, 2, 0, 1) - Number(0, 103.5)), 1e-12);
  EXPECT_LT(std::abs(t(2, 0, 0, 0) - Number(196.5, 0)), 1e-12);
}

TEST(Formulas, OfTheTensorsEntryAreTakenAsTheyStand) {
  Array<Number, 4> t(kGrid.shape());
  PolarFormula(kGrid, {"x + 100*i + 10*j", "size"}, {}, {.entry = true}).fill(t.view());
  for (Index i = 0; i < 2; ++i) {
    for (Index j = 0; j < 2; ++j) {
      EXPECT_EQ(t(3, 1, i, j),
                Number(0.5 + 100 * static_cast<double>(i) + 10 * static_cast<double>(j)));
    }
  }
}

TEST(Formulas, OfTheTimeAreTakenAtIt) {
  const Grid wide{.nx = 2, .ny = 300, .d = 2, .dx = 1};  // more than one chunk of cells
  const PotentialInTime u =
      potential_in_time(GridFormula(wide, "x + 2*y + 5*t", "potential", {.time = true}));
  Buffer<double> row(wide.ny);
  u(0.5, 1, row.span());
  for (Index k = 0; k < wide.ny; ++k) EXPECT_EQ(row[k], 2 * static_cast<double>(k - 150) + 2.5);
  const auto j = current_in_time<float>(
      PolarFormula(wide, {"y*t", "size"}, {"pi*t", "angle"}, {.time = true, .entry = true}));
  Buffer<std::complex<float>> numbers(wide.ny * 4);
  j(0.5, 0, numbers.span());
  EXPECT_LT(std::abs(numbers[4 * 299] - std::complex<float>(0, 74.5F)), 1e-4F);
  EXPECT_LT(std::abs(numbers[4 * 299 + 1] - std::complex<float>(0, 37.25F)), 1e-4F);
}

TEST(Formulas, ShareParametersAndDefinitions) {
  const FormulaNames names{
      .parameters = {{"depth", 3}, {"k", 0.5}},
      .definitions = {{"r2", "x^2 + y^2", "definitions.r2"},
                      {"well", "-depth*where(r2 < k, 1, 0)", "definitions.well"}}};
  Array<double, 2> named({4, 3}), written({4, 3});
  fill_formula(kGrid, "well + k*x", "potential", named.view(), names);
  fill_formula(kGrid, "-3*where(x^2 + y^2 < 0.5, 1, 0) + 0.5*x", "potential", written.view());
  for (Index k = 0; k < named.size(); ++k) EXPECT_EQ(named.data()[k], written.data()[k]);

  // What a definition reads, the formula that names it does.
  const FormulaNames moving{.time = true, .entry = true, .definitions = {{"s", "t*i", "s"}}};
  EXPECT_TRUE(GridFormula(kGrid, "s", "v", moving).reads_time());
  EXPECT_TRUE(GridFormula(kGrid, "s", "v", moving).reads_entry());
  EXPECT_FALSE(GridFormula(kGrid, "x", "v", moving).reads_time());
}

TEST(Formulas, RefuseNamesThatAreNone) {
  const auto error = [](std::string_view text, const FormulaNames& names) {
    return error_of([&] { GridFormula(kGrid, text, "potential.expression", names); });
  };
  EXPECT_EQ(error("x*q", {.parameters = {{"a", 1}}, .definitions = {{"r", "x", "r"}}}),
            "potential.expression: unknown name 'q'; expected one of x, y, z, Lx, Ly, Lz, a, r at "
            "column 3: x*▶q");
  EXPECT_EQ(error("r", {.definitions = {{"r", "x + t", "definitions.r"}}}),
            "potential.expression: definitions.r: unknown name 't'; expected one of x, y, z, Lx, "
            "Ly, Lz, r at column 5: x + ▶t");
  EXPECT_EQ(error("x", {.definitions = {{"x", "y", "definitions.x"}}}),
            "definitions.x: 'x' is there already; choose another name");
  EXPECT_EQ(error("x", {.parameters = {{"t", 1}}}),
            "parameters.t: 't' is there already; choose another name");
  EXPECT_EQ(error("x", {.parameters = {{"a", 1}}, .definitions = {{"a", "y", "definitions.a"}}}),
            "definitions.a: 'a' is there already; choose another name");
  EXPECT_EQ(error("x", {.parameters = {{"sin", 1}}}),
            "parameters.sin: 'sin' has a meaning in formulas; choose another name");
  EXPECT_EQ(error("x", {.parameters = {{"a", NAN}}}),
            "parameters.a: is nan; expected a finite number");
}

TEST(Formulas, ReadAllNamesOrSayWhichTheyDoNot) {
  const auto error = [](const FormulaNames& names, std::vector<std::string> formulas) {
    return error_of([&] { check_names_are_read(names, formulas); });
  };
  const FormulaNames names{.parameters = {{"a", 1}, {"b", 1}},
                           .definitions = {{"late", "a*x", "definitions.late"},
                                           {"early", "late + b", "definitions.early"}}};
  EXPECT_EQ(error(names, {"", "early"}), "no error");
  EXPECT_EQ(error(names, {"late"}), "parameters.b: no formula reads it; they read a");
  EXPECT_EQ(error(names, {"late*b"}), "definitions.early: no formula reads it");
  EXPECT_EQ(error(names, {"ab + late2"}), "parameters.a: no formula reads it");
  EXPECT_EQ(error({}, {}), "no error");
}

TEST(Formulas, AreRefusedWithTheirPlace) {
  Array<double, 2> v({4, 3});
  EXPECT_EQ(error_of([&] { fill_formula(kGrid, "1/x", "potential.expression", v.view()); }),
            "potential.expression: is inf at x = 0, y = -0.75; expected finite numbers on the "
            "whole grid");
  EXPECT_EQ(error_of([&] { fill_formula(kGrid, "x + t", "potential.expression", v.view()); }),
            "potential.expression: unknown name 't'; expected one of x, y, z, Lx, Ly, Lz at column "
            "5: x + "
            "▶t");
  const auto in_time = [](std::string_view text) {
    return potential_in_time(GridFormula(kGrid, text, "potential.expression", {.time = true}));
  };
  EXPECT_EQ(error_of([&] { in_time("1/t"); }),
            "potential.expression: is inf at x = -1, y = -0.75, t = 0; expected finite numbers on "
            "the whole grid");
  const PotentialInTime late = in_time("log(2 - t)");
  Buffer<double> row(3);
  EXPECT_EQ(run_error_of([&] { late(2, 0, row.span()); }),
            "potential.expression: is -inf at x = -1, y = -0.75, t = 2; expected finite numbers "
            "on the whole grid");
  Array<Number, 4> t(kGrid.shape());
  EXPECT_EQ(
      error_of([&] {
        PolarFormula(kGrid, {"1/(i - 1)", "source.expression"}, {}, {.entry = true}).fill(t.view());
      }),
      "source.expression: is inf at x = -1, y = -0.75, i = 1, j = 0; expected finite numbers "
      "on the whole grid");
}

}  // namespace
}  // namespace lior::field
