// SPDX-License-Identifier: Apache-2.0
// Functions of fields: what they start from, Bayes' rule, collapse, entropies.
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/variant.h>

#include "bindings.h"
#include "cells.h"
#include "formula_names.h"
#include "lior/field/bayes.h"
#include "lior/field/collapse.h"
#include "lior/field/diagnostics.h"
#include "lior/field/setup.h"

namespace lior::python {
namespace {

NumPy potential(const std::string& kind, double strength, Index nx, Index ny, double dx,
                std::optional<Index> nz, std::optional<double> dy, std::optional<double> dz,
                const Boundaries& boundary) {
  const Cells cells = cells_of(nx, ny, nz, 1, {dx, dy, dz, boundary});
  const field::Potential named = parse_name<field::Potential>(kind, "potential");
  Call call;
  const auto v = values_out(call, cells);
  return call.run_watched([&] { field::fill_potential(named, strength, cells.grid, v); });
}

NumPy formula(const std::string& text, Index nx, Index ny, std::optional<Index> nz, double dx,
              std::optional<double> dy, std::optional<double> dz, const Boundaries& boundary,
              std::optional<double> t, const Parameters& parameters,
              const Definitions& definitions) {
  const Cells cells = cells_of(nx, ny, nz, 1, {dx, dy, dz, boundary});
  Call call;
  const auto values = values_out(call, cells);
  return call.run_watched([&] {
    const field::GridFormula parsed(cells.grid, text, "formula",
                                    names_of(parameters, definitions, t.has_value(), false));
    for (Index i = 0; i < nx; ++i) parsed.evaluate(t.value_or(0), i, 0, values[i].span());
  });
}

bool reads_time(const std::string& text, const Parameters& parameters,
                const Definitions& definitions) {
  const Grid grid{.nx = 1, .ny = 1};
  const field::FormulaNames names = names_of(parameters, definitions, true, true);
  return field::GridFormula(grid, text, "formula", names).reads_time();
}

/// A new field of complex128 that `fill` fills.
template <class Fill>
NumPy new_field(const Cells& cells, Fill fill) {
  Call call;
  const auto t = field_out<double>(call, cells);
  return call.run_watched([&] { fill(cells.grid, t); });
}

NumPy polar(const std::string& modulus, const std::string& phase, Index nx, Index ny,
            std::optional<Index> nz, Index d, double dx, std::optional<double> dy,
            std::optional<double> dz, const Boundaries& boundary, const Parameters& parameters,
            const Definitions& definitions) {
  const field::FormulaNames names = names_of(parameters, definitions, false, true);
  const Cells cells = cells_of(nx, ny, nz, d, {dx, dy, dz, boundary});
  return new_field(cells, [&](const Grid& grid, field::Field<double> t) {
    field::PolarFormula(grid, {modulus, "modulus"}, {phase, "phase"}, names).fill(t);
  });
}

NumPy packet(Index nx, Index ny, std::optional<Index> nz, Index d, double dx,
             std::optional<double> dy, std::optional<double> dz, const Boundaries& boundary,
             double width, const Vector& centre, const Vector& k) {
  const Cells cells = cells_of(nx, ny, nz, d, {dx, dy, dz, boundary});
  const auto [x0, y0, z0] = vector_of("centre", centre, cells);
  const auto [kx, ky, kz] = vector_of("k", k, cells);
  const field::Packet wanted{
      .width = width, .x0 = x0, .y0 = y0, .kx = kx, .ky = ky, .z0 = z0, .kz = kz};
  return new_field(cells, [&](const Grid& grid, field::Field<double> t) {
    field::fill_packet(grid, wanted, t);
  });
}

NumPy plane_wave(Index nx, Index ny, const Vector& k, std::optional<Index> nz, Index d, double dx,
                 std::optional<double> dy, std::optional<double> dz, const Boundaries& boundary) {
  const Cells cells = cells_of(nx, ny, nz, d, {dx, dy, dz, boundary});
  const std::array<double, 3> wave = vector_of("k", k, cells);
  return new_field(cells, [&](const Grid& grid, field::Field<double> t) {
    field::fill_plane_wave(grid, wave[0], wave[1], t, wave[2]);
  });
}

NumPy spots(Index nx, Index ny, std::optional<Index> nz, Index d, double dx,
            std::optional<double> dy, std::optional<double> dz, const Boundaries& boundary) {
  return new_field(cells_of(nx, ny, nz, d, {dx, dy, dz, boundary}), field::fill_spots);
}

NumPy posterior(const Argument& t, const Argument& evidence, double tau, const Outputs& out) {
  return for_complex("t", t, [&]<class T>() {
    Call call(out, InPlace::allowed);
    const bool deep = has_axes(t, 5);
    const auto prior = any_field_in<T>(call, "t", t, deep);
    const auto e = any_field_in<T>(call, "evidence", evidence, deep);
    const auto belief = any_field_out<T>(call, deep);
    return call.run_watched([&] {
      auto sums = row_sums(prior.extent(0));
      field::posterior<T>(prior, e, tau, belief, sums.span());
    });
  });
}

Pair collapse(const Argument& t, const std::string& outcome, std::uint64_t seed, std::uint64_t step,
              const Argument& basis, const Outputs& out) {
  const auto how = parse_name<field::Outcome>(outcome, "outcome");
  return for_complex("t", t, [&]<class T>() {
    Call call(out, InPlace::allowed);
    const bool deep = has_axes(t, 5);
    const auto before = any_field_in<T>(call, "t", t, deep);
    const auto kets = call.in_or_none<std::complex<T>>("basis", basis, {'D', 'D'});
    const auto after = any_field_out<T>(call, deep);
    const auto chosen =
        deep ? merged(call.out<Index>({'X', 'Y', 'Z'})) : call.out<Index>({'X', 'Y'});
    return call.run_watched([&] {
      if (after.data() != before.data()) std::copy(before.begin(), before.end(), after.begin());
      field::collapse<T>(after, how, seed, step, kets, chosen);
    });
  });
}

double entropy(const Argument& t) {
  return for_complex("t", t, [&]<class T>() {
    Call call;
    const auto in = any_field_in<T>(call, "t", t, has_axes(t, 5));
    double result = 0;
    call.run_watched([&] {
      auto sums = row_sums(in.extent(0));
      result = field::entropy<T>(in, sums.span());
    });
    return result;
  });
}

double variable_order_entropy(const Argument& t, const Argument& nu) {
  return for_complex("t", t, [&]<class T>() {
    Call call;
    const bool deep = has_axes(t, 5);
    const auto in = any_field_in<T>(call, "t", t, deep);
    const auto orders = deep ? merged(call.in<double>("nu", nu, {'X', 'Y', 'Z'}))
                             : call.in<double>("nu", nu, {'X', 'Y'});
    double result = 0;
    call.run_watched([&] {
      auto sums = row_sums(in.extent(0));
      result = field::variable_order_entropy<T>(in, orders, sums.span());
    });
    return result;
  });
}

}  // namespace

void bind_field_functions(nb::module_& m) {
  m.def(
      "potential", &potential, "kind"_a, "strength"_a, "nx"_a, "ny"_a, "dx"_a = 1.0, nb::kw_only(),
      "nz"_a.none() = nb::none(), "dy"_a.none() = nb::none(), "dz"_a.none() = nb::none(),
      "boundary"_a = "periodic",
      R"((nx, ny) float64, with nz (nx, ny, nz), of the distance r from the grid's middle (nx/2, ny/2):
'zero', 'constant', 'harmonic' strength r^2 / 2, 'gaussian_well' and 'gaussian_barrier' -/+ strength
exp(-r^2 / 2 s^2) with s a quarter of the shortest side (axes of one cell left out). dy, dz: None for
dx.)");
  m.def(
      "formula", &formula, "text"_a, "nx"_a, "ny"_a, nb::kw_only(), "nz"_a.none() = nb::none(),
      "dx"_a = 1.0, "dy"_a.none() = nb::none(), "dz"_a.none() = nb::none(),
      "boundary"_a = "periodic", "t"_a.none() = nb::none(), "parameters"_a.none() = nb::none(),
      "definitions"_a.none() = nb::none(),
      R"((nx, ny) float64, with nz (nx, ny, nz): the values of a formula of x, y and z, from the grid's
middle (nx/2, ny/2, nz/2) times dx, dy and dz (None: dx; 0 where an axis has one cell; from the middle
between walls, where `boundary` says that there are some, as for Hamiltonian), of Lx = nx dx, Ly and
Lz, and, where it is given, of the time t, such as '(x^2 + y^2)/2' or 'where(abs(x) < 2, 1, 0)';
and of names of your own: `parameters` are numbers, {'depth': 0.5}, `definitions` formulas,
{'r': 'sqrt(x^2 + y^2)'}, which may read each other; what of them nothing reads is no fault. Error that shows the place where the text is no formula, or names a cell where it is not finite.
Grammar: docs/math/conventions.md, 6.6.)");
  m.def("_reads_time", &reads_time, "formula"_a, "parameters"_a.none(), "definitions"_a.none(),
        "Whether a formula reads t.");
  m.def(
      "polar", &polar, "modulus"_a, "phase"_a = "", nb::kw_only(), "nx"_a, "ny"_a,
      "nz"_a.none() = nb::none(), "d"_a = 1, "dx"_a = 1.0, "dy"_a.none() = nb::none(),
      "dz"_a.none() = nb::none(), "boundary"_a = "periodic", "parameters"_a.none() = nb::none(),
      "definitions"_a.none() = nb::none(),
      R"((nx, ny, d, d) complex128, with nz (nx, ny, nz, d, d): modulus exp(i phase) of two formulas of
x, y, z and your own names (as those of `formula`) and i, j, the row and the column of the entry from 0 on. Where neither reads i or j, that is on the
diagonal, and half of it off the diagonal.)");
  m.def("packet", &packet, "nx"_a, "ny"_a, "nz"_a.none(), "d"_a, "dx"_a, "dy"_a.none(),
        "dz"_a.none(), "boundary"_a, "width"_a, "centre"_a, "k"_a);
  m.def(
      "plane_wave", &plane_wave, "nx"_a, "ny"_a, "k"_a, nb::kw_only(), "nz"_a.none() = nb::none(),
      "d"_a = 1, "dx"_a = 1.0, "dy"_a.none() = nb::none(), "dz"_a.none() = nb::none(),
      "boundary"_a = "periodic",
      R"((nx, ny, d, d) complex128, with nz (nx, ny, nz, d, d): exp(i k.r) on the diagonal, half of it
off the diagonal; r from the grid's middle (nx/2, ny/2, nz/2) times dx, dy and dz (None: dx); k has a
part an axis, none: 0.)");
  m.def(
      "spots", &spots, "nx"_a, "ny"_a, nb::kw_only(), "nz"_a.none() = nb::none(), "d"_a = 1,
      "dx"_a = 1.0, "dy"_a.none() = nb::none(), "dz"_a.none() = nb::none(),
      "boundary"_a = "periodic",
      R"((nx, ny, d, d) complex128, with nz (nx, ny, nz, d, d), the evidence of the program's preset 'belief': two bells of height 1
and standard deviation nx dx / 12, a quarter of the grid left and right of its middle; half of it off
the diagonal.)");
  m.def(
      "posterior", &posterior, "t"_a, "evidence"_a, "tau"_a, nb::kw_only(), "out"_a = nb::none(),
      R"(B = sqrt(w) T sqrt(S / S_w), w = exp(-|T - E|^2 / tau), S = sum |T|^2, S_w = sum w |T|^2: Bayes'
rule for |T|^2. t, evidence, out: (Nx, Ny, D, D) or (Nx, Ny, Nz, D, D); out may be t. NaN spreads to all.)");
  m.def(
      "collapse", &collapse, "t"_a, nb::kw_only(), "outcome"_a = "drawn", "seed"_a = 0,
      "step"_a = 0, "basis"_a.none() = nb::none(), "out"_a = nb::none(),
      R"((T after (Nx, Ny, D, D), k of each site (Nx, Ny) int64; with an axis z, (Nx, Ny, Nz, D, D) and
(Nx, Ny, Nz)): the left index measured site by site in an orthonormal basis, |k> = row k of (D, D) (the unit vectors). 'drawn': k with probability
|<k|T|^2 / sum, from (seed, step, site); 'largest': the largest. Sites with T = 0 stay, k = -1.)");
  m.def("entropy", &entropy, "t"_a,
        "Mean over sites of -tr rho ln rho, rho = T^+ T / tr, nats: 0 for D = 1, at most ln D.");
  m.def(
      "variable_order_entropy", &variable_order_entropy, "t"_a, "nu"_a,
      R"(sum over all entries of (|T_ij|^2)^nu(x, y), t: (Nx, Ny, D, D), nu: (Nx, Ny) float64, or both
with Nz. An entry 0 counts 0, for nu = 0 too.)");
}

}  // namespace lior::python
