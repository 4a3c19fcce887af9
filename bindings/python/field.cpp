// SPDX-License-Identifier: Apache-2.0
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/variant.h>

#include <mutex>

#include "bindings.h"
#include "cells.h"
#include "either.h"
#include "formula_names.h"
#include "lior/core/available_memory.h"
#include "lior/field/diagnostics.h"
#include "lior/field/evolution.h"
#include "lior/field/expectations.h"
#include "representation.h"
#include "signal_watch.h"

namespace lior::python {
namespace {

template <class T>
using SharedHamiltonian = std::shared_ptr<const field::Hamiltonian<T>>;
template <class T>
using OwnEvolution = std::unique_ptr<field::Evolution<T>>;

/// Compares what an evolution will take with what there is, before anything is taken.
template <class T>
void check_memory(const field::Hamiltonian<T>& h, const field::Settings& settings,
                  field::Load load) {
  load.varies = h.varies();
  load.oblique = h.is_oblique();
  const auto needed = static_cast<double>(field::planned_bytes<T>(h.grid(), settings, load));
  const auto available = static_cast<double>(available_memory());
  LIOR_CHECK(
      needed <= available,
      "an evolution of {} cells, D = {}, takes {}, and {} are available; choose a smaller grid",
      h.grid().size_text(), h.grid().d, bytes_text(needed), bytes_text(available));
}

/// field::Hamiltonian of one dtype. It never changes once it is made.
class Hamiltonian {
 public:
  /// A constant inverse metric, or one that varies.
  struct Metric {
    double gxx, gyy, gzz, gxy, gxz, gyz;
    const Argument &gxx_field, &gyy_field, &gzz_field, &gxy_field, &gxz_field, &gyz_field;
  };
  Hamiltonian(const Argument& v, Index d, const GridWords& words, const field::Physics& physics,
              const Metric& given, const std::string& dtype) {
    for_complex_dtype(dtype, [&]<class T>() {
      Call call;
      const bool has_z = has_axes(v, 3);
      const auto values = has_z ? merged(call.in<double>("v", v, {'X', 'Y', 'Z'}))
                                : call.in<double>("v", v, {'X', 'Y'});
      cells_ =
          cells_of(call['X'], call['Y'], has_z ? std::optional(call['Z']) : std::nullopt, d, words);
      LIOR_CHECK(has_z || (given.gzz == 1 && given.gzz_field.is_none()),
                 "gzz is there, and the grid has no axis z");
      const field::InverseMetric metric{
          .gxx = given.gxx,
          .gyy = given.gyy,
          .gxx_field = values_in_or_none<double>(call, "gxx_field", given.gxx_field, cells_),
          .gyy_field = values_in_or_none<double>(call, "gyy_field", given.gyy_field, cells_),
          .gzz = given.gzz,
          .gzz_field = values_in_or_none<double>(call, "gzz_field", given.gzz_field, cells_),
          .gxy = given.gxy,
          .gxz = given.gxz,
          .gyz = given.gyz,
          .gxy_field = values_in_or_none<double>(call, "gxy_field", given.gxy_field, cells_),
          .gxz_field = values_in_or_none<double>(call, "gxz_field", given.gxz_field, cells_),
          .gyz_field = values_in_or_none<double>(call, "gyz_field", given.gyz_field, cells_)};
      call.run([&] {
        held_.emplace<T>(
            std::make_shared<const field::Hamiltonian<T>>(cells_.grid, physics, metric, values));
      });
    });
  }

  const Cells& cells() const { return cells_; }
  nb::tuple shape() const {
    const Grid& g = cells_.grid;
    if (cells_.has_z) return nb::make_tuple(g.nx, g.ny, g.nz, g.d, g.d);
    return nb::make_tuple(g.nx, g.ny, g.d, g.d);
  }
  template <class Body>
  auto visit(Body&& body) {
    return held_.visit(body);
  }
  std::string dtype() {
    return visit([]<class T>(const SharedHamiltonian<T>&) {
      return std::is_same_v<T, float> ? "complex64" : "complex128";
    });
  }

  NumPy apply(const Argument& t, const Outputs& out) {
    return visit([&]<class T>(const SharedHamiltonian<T>& h) -> NumPy {
      Call call(out);
      const auto in = field_in<T>(call, "t", t, cells_);
      const auto image = field_out<T>(call, cells_);
      return call.run_watched([&] { h->apply(in, image); });
    });
  }

 private:
  /// The result of `number` for a field.
  template <class Measure>
  auto measure(const Argument& t, Measure number) {
    return visit([&]<class T>(const SharedHamiltonian<T>& h) {
      Call call;
      const auto in = field_in<T>(call, "t", t, cells_);
      decltype(number(*h, in, std::span<double>())) result{};
      call.run_watched([&] {
        auto sums = row_sums(cells_.grid.nx);
        result = number(*h, in, sums.span());
      });
      return result;
    });
  }

 public:
  double norm(const Argument& t) {
    return measure(
        t, []<class T>(const field::Hamiltonian<T>& h, field::ConstField<T> in,
                       std::span<double> sums) { return field::norm<T>(in, h.weight(), sums); });
  }
  double energy(const Argument& t) {
    return measure(t, []<class T>(const field::Hamiltonian<T>& h, field::ConstField<T> in,
                                  std::span<double> sums) {
      Array<std::complex<T>, 4> work(in.shape());
      return field::energy<T>(h, in, work.view(), sums);
    });
  }

  /// By the names of field::Expectations.
  NamedValues expectations(const Argument& t) {
    const field::Expectations found = measure(
        t, []<class T>(const field::Hamiltonian<T>& h, field::ConstField<T> in,
                       std::span<double> sums) { return field::expectations<T>(h, in, sums); });
    nb::dict out;
    for (const auto& [name, value] : found.named(cells_.grid)) {
      out[nb::str(name.data(), name.size())] = value;
    }
    return out;
  }

  double largest_stable_step() {
    return visit(
        []<class T>(const SharedHamiltonian<T>& h) { return field::largest_stable_step<T>(*h); });
  }

  NumPy weight() {
    return visit([&](const auto& h) -> NumPy {
      Call call;
      const auto out = values_out(call, cells_);
      return call.run([&] { std::copy(h->weight().begin(), h->weight().end(), out.begin()); });
    });
  }
  std::pair<double, double> bounds() {
    return visit([](const auto& h) { return std::pair(h->lowest(), h->highest()); });
  }

 private:
  Cells cells_;
  Either<SharedHamiltonian> held_;
};

/// field::Evolution of its Hamiltonian's dtype; one call at a time.
class Evolution {
 public:
  /// The arguments of field::Inputs; formulas where something follows the time.
  struct Arguments {
    const Argument &evidence, &current, &absorption;
    const std::string &potential, &current_modulus, &current_phase;
    const Parameters& parameters;
    const Definitions& definitions;
  };
  Evolution(Hamiltonian& h, const Argument& start, const Arguments& given,
            const field::Settings& settings)
      : cells_(h.cells()) {
    h.visit([&]<class T>(const SharedHamiltonian<T>& hamiltonian) {
      const Grid& grid = cells_.grid;
      const bool moves = !given.potential.empty(), driven_in_time = !given.current_modulus.empty();
      check_memory<T>(*hamiltonian, settings,
                      {.driven = !given.current.is_none() || driven_in_time,
                       .potential_in_time = moves,
                       .current_in_time = driven_in_time});
      Call call;
      const auto first = field_in<T>(call, "start", start, cells_);
      field::Inputs<T> inputs{
          .evidence = field_in_or_none<T>(call, "evidence", given.evidence, cells_),
          .current = field_in_or_none<T>(call, "current", given.current, cells_),
          .absorption = values_in_or_none<double>(call, "absorption", given.absorption, cells_)};
      call.run([&] {
        if (moves) {
          inputs.potential = field::potential_in_time(
              field::GridFormula(grid, given.potential, "potential",
                                 names_of(given.parameters, given.definitions, true, false)));
        }
        if (driven_in_time) {
          inputs.current_in_time = field::current_in_time<T>(field::PolarFormula(
              grid, {given.current_modulus, "current"}, {given.current_phase, "current's phase"},
              names_of(given.parameters, given.definitions, true, true)));
        }
        held_.emplace<T>(
            std::make_unique<field::Evolution<T>>(*hamiltonian, settings, first, inputs));
      });
    });
  }

  /// Ctrl-C, and any signal whose handler in Python raises, ends it between two steps; one of
  /// chebyshev, which may take long, within, and the field is then as before it.
  void run(Index steps) {
    LIOR_CHECK(steps >= 0, "steps is {}; expected at least 0", steps);
    SignalWatch signals;
    held_.visit([&](auto& evolution) {
      Call().run([&] {
        const std::lock_guard lock(mutex_);
        evolution->run(steps, [&] { return signals.raised(); });
      });
    });
    signals.rethrow();
  }

  double energy(const Argument& t, std::optional<double> time) {
    return held_.visit([&]<class T>(OwnEvolution<T>& evolution) {
      Call call;
      const auto in = field_in<T>(call, "t", t, cells_);
      double result = 0;
      call.run([&] {
        const std::lock_guard lock(mutex_);
        auto sums = row_sums(cells_.grid.nx);
        Array<std::complex<T>, 4> work(in.shape());
        result = evolution->energy(in, time.value_or(evolution->time()), work.view(), sums.span());
      });
      return result;
    });
  }

  NumPy field(const Outputs& out) {
    return held_.visit([&]<class T>(OwnEvolution<T>& evolution) -> NumPy {
      Call call(out);
      const auto copy = field_out<T>(call, cells_);
      return call.run([&] {
        const std::lock_guard lock(mutex_);
        const auto now = evolution->field();
        std::copy(now.begin(), now.end(), copy.begin());
      });
    });
  }

  /// Its indices along the axes; None without one.
  nb::object broken_cell() {
    std::array<Index, 2> cell{};
    held_.visit([&]<class T>(OwnEvolution<T>& evolution) {
      Call().run([&] {
        const std::lock_guard lock(mutex_);
        cell = field::first_broken_cell<T>(evolution->field());
      });
    });
    if (cell[0] < 0) return nb::none();
    if (!cells_.has_z) return nb::make_tuple(cell[0], cell[1]);
    return nb::make_tuple(cell[0], cells_.grid.j_of(cell[1]), cells_.grid.k_of(cell[1]));
  }

  template <class Get>
  auto get(Get read) {
    return held_.visit([&](auto& evolution) {
      const std::lock_guard lock(mutex_);
      return read(*evolution);
    });
  }

 private:
  Cells cells_;
  Either<OwnEvolution> held_;
  std::mutex mutex_;
};

void init_evolution(Evolution* self, Hamiltonian& h, const Argument& start,
                    const Argument& evidence, const Argument& current, const std::string& scheme,
                    double dt, const std::string& symbol, const std::string& time, double lambda_qr,
                    double tau, const std::string& mode, Index update_every, double lambda_f,
                    double alpha, double tolerance, Index horizon, double nonlinearity,
                    const Argument& absorption, const std::string& potential,
                    const std::string& current_modulus, const std::string& current_phase,
                    const Parameters& parameters, const Definitions& definitions) {
  const field::Settings settings{.scheme = parse_name<field::Scheme>(scheme, "integrator"),
                                 .dt = dt,
                                 .symbol = parse_name<field::Symbol>(symbol, "symbol"),
                                 .time = parse_name<field::Time>(time, "time"),
                                 .lambda_qr = lambda_qr,
                                 .tau = tau,
                                 .mode = parse_name<field::BayesMode>(mode, "Bayes mode"),
                                 .update_every = update_every,
                                 .lambda_f = lambda_f,
                                 .alpha = alpha,
                                 .tolerance = tolerance,
                                 .horizon = horizon,
                                 .nonlinearity = nonlinearity};
  new (self) Evolution(h, start,
                       {evidence, current, absorption, potential, current_modulus, current_phase,
                        parameters, definitions},
                       settings);
}

void bind_hamiltonian(nb::module_& m) {
  nb::class_<Hamiltonian>(
      m, "Hamiltonian",
      R"(H[T] = -(hbar^2 / 2m) Laplacian T + V T on a grid that is periodic or has walls.

Constant inverse metric: g^xx d2/dx2 + g^yy d2/dy2 + g^zz d2/dz2, three points each, and 2 g^xy d/dx
d/dy and its like of central differences; varying: Laplace-Beltrami in flux form, self-adjoint in
sum sqrt(g) conj(A) B. Fields T are (Nx, Ny, D, D) of
`dtype`, or (Nx, Ny, Nz, D, D) where v is (Nx, Ny, Nz).)")
      .def(
          "__init__",
          [](Hamiltonian* self, const Argument& v, Index d, double dx, std::optional<double> dy,
             std::optional<double> dz, const Boundaries& boundary, double hbar, double mass,
             double gxx, double gyy, double gzz, double gxy, double gxz, double gyz,
             const Argument& gxx_field, const Argument& gyy_field, const Argument& gzz_field,
             const Argument& gxy_field, const Argument& gxz_field, const Argument& gyz_field,
             const std::string& dtype) {
            new (self) Hamiltonian(v, d, {dx, dy, dz, boundary}, {.hbar = hbar, .mass = mass},
                                   {gxx, gyy, gzz, gxy, gxz, gyz, gxx_field, gyy_field, gzz_field,
                                    gxy_field, gxz_field, gyz_field},
                                   dtype);
          },
          "v"_a, nb::kw_only(), "d"_a = 1, "dx"_a = 1.0, "dy"_a.none() = nb::none(),
          "dz"_a.none() = nb::none(), "boundary"_a = "periodic", "hbar"_a = 0.1, "mass"_a = 1.0,
          "gxx"_a = 1.0, "gyy"_a = 1.0, "gzz"_a = 1.0, "gxy"_a = 0.0, "gxz"_a = 0.0, "gyz"_a = 0.0,
          "gxx_field"_a.none() = nb::none(), "gyy_field"_a.none() = nb::none(),
          "gzz_field"_a.none() = nb::none(), "gxy_field"_a.none() = nb::none(),
          "gxz_field"_a.none() = nb::none(), "gyz_field"_a.none() = nb::none(),
          "dtype"_a = "complex128",
          R"(v: (Nx, Ny) or (Nx, Ny, Nz) float64, copied. dx, dy, dz: a cell's sides (dy, dz None: dx); an axis
of one cell has no differences and is none in sums. boundary: 'periodic', 'dirichlet' (T = 0 at walls
on the outer faces) or 'neumann' (no slope there), or one word an axis. gxx, gyy, gzz: the inverse
metric, > 0; gxx_field, gyy_field, gzz_field, of v's shape: the same where it varies, all of the
grid's axes or none. gxy, gxz, gyz and gxy_field, ..: its components off the diagonal, for periodic
axes, the fields with those of the diagonal. Error unless it is finite and positive definite.)")
      .def("__repr__", shows({"shape", "dtype"}))
      .def_prop_ro("shape", &Hamiltonian::shape,
                   "Of its fields: (Nx, Ny, D, D) or (Nx, Ny, Nz, D, D).")
      .def_prop_ro("dtype", &Hamiltonian::dtype, "Of its fields: 'complex64' or 'complex128'.")
      .def("apply", &Hamiltonian::apply, "t"_a, nb::kw_only(), "out"_a = nb::none(), "H[T].")
      .def("norm", &Hamiltonian::norm, "t"_a, "sum sqrt(g) |T|^2.")
      .def(
          "expectations", &Hamiltonian::expectations, "t"_a,
          R"({x, y, width_x, width_y, p_x, p_y, l_z}, and z, width_z, p_z, l_x, l_y where Nz > 1, without those of
an axis of one cell: means over sqrt(g) |T|^2. x and y are from the grid's middle, widths are
standard deviations, p_x = -i hbar d/dx by central differences (hbar sin(k dx) / dx of a plane
wave), l_z = x p_y - y p_x. NaN for a field without norm.)")
      .def("energy", &Hamiltonian::energy, "t"_a, "dx dy dz Re sum sqrt(g) tr(T^+ H[T]).")
      .def_prop_ro("largest_stable_step", &Hamiltonian::largest_stable_step,
                   "The largest dt that scheme 'rk4' is stable with.")
      .def_prop_ro("weight", &Hamiltonian::weight,
                   "Of v's shape: sqrt g at each cell, 1 where the metric is constant.")
      .def_prop_ro("bounds", &Hamiltonian::bounds, "All eigenvalues lie in [lowest, highest].");
}

void bind_evolution(nb::module_& m) {
  nb::class_<Evolution>(
      m, "Evolution",
      R"(i hbar dT/dt = H[T] + U T - i W T + g |T|^2 T + Lambda_QR - Lambda_F + J, step by step.

Lambda_QR = lambda_qr (B(T_prev) - T_prev), Lambda_F = (lambda_f / Gamma(alpha)) int (t-s)^(alpha-1)
T(s) ds, J a field, constant or by formulas of the time, U(x, y, z, t) a potential that follows it, g |T_ij|^2 of each entry by itself (`nonlinearity`), W >= 0, of v's shape, what absorbs (`absorption`); both of splittings only. In complex64 rounding lets a splitting's norm drift by about 1e-7 of
itself a step.)")
      .def(
          "__init__", &init_evolution, "hamiltonian"_a, "start"_a, "evidence"_a.none() = nb::none(),
          "current"_a.none() = nb::none(), nb::kw_only(), "scheme"_a = "strang", "dt"_a = 0.005,
          "symbol"_a = "discrete", "time"_a = "real", "lambda_qr"_a = 0.0, "tau"_a = 0.5,
          "mode"_a = "source", "update_every"_a = 0, "lambda_f"_a = 0.0, "alpha"_a = 0.5,
          "tolerance"_a = 1e-6, "horizon"_a = 1 << 20, "nonlinearity"_a = 0.0,
          "absorption"_a.none() = nb::none(), "potential"_a = "", "current_modulus"_a = "",
          "current_phase"_a = "", "parameters"_a.none() = nb::none(),
          "definitions"_a.none() = nb::none(), nb::keep_alive<1, 2>(),
          R"(start, evidence, current: (Nx, Ny, D, D) or (Nx, Ny, Nz, D, D), copied. scheme: 'strang', 'yoshida4' (constant
metric), 'crank_nicolson', 'rk4', 'chebyshev'. time='imaginary': Strang without sources. mode:
'source', or 'relax', which moves T to B. potential: a formula U(x, y, z, t) beside the Hamiltonian's v;
current_modulus, current_phase: formulas of x, y, z, t, i, j for a current beside `current`; not with
'chebyshev' (potential) and 'yoshida4' (current). parameters, definitions: names of these formulas, as
of `formula`. update_every: T_prev <- T each so many steps (0: never).
tolerance, horizon (steps): of the memory's sum of exponentials. Error for any setting that cannot
run.)")
      .def("__repr__", shows({"step", "time"}))
      .def(
          "run", &Evolution::run, "steps"_a,
          R"(So many steps; Ctrl-C ends it, with the field as after the last whole one. RunError past the
horizon and where a solver fails.)")
      .def(
          "energy", &Evolution::energy, "t"_a, "time"_a.none() = nb::none(),
          R"(dx dy dz (Re sum sqrt(g) tr(T^+ (H + U)[T]) + g/2 sum |T_ij|^4) of a field t, with U at `time` (None: of
the evolution) and the integrator's Laplacian: where symbol='continuous' it is that of plane waves.)")
      .def("field", &Evolution::field, nb::kw_only(), "out"_a = nb::none(),
           "A copy of T, of the start's shape.")
      .def_prop_ro("step", [](Evolution& e) { return e.get([](auto& of) { return of.step(); }); })
      .def_prop_ro("time", [](Evolution& e) { return e.get([](auto& of) { return of.time(); }); })
      .def_prop_ro(
          "poles", [](Evolution& e) { return e.get([](auto& of) { return of.poles(); }); },
          "Of the memory; 0 without.")
      .def_prop_ro(
          "pole_error",
          [](Evolution& e) { return e.get([](auto& of) { return of.pole_error(); }); },
          "Certified relative error of the memory's kernel.")
      .def_prop_ro("broken_cell", &Evolution::broken_cell,
                   "The first cell (x, y) or (x, y, z) with a number that is not finite, or None.");
}

}  // namespace

void bind_field(nb::module_& m) {
  bind_field_functions(m);
  bind_hamiltonian(m);
  bind_evolution(m);
}

}  // namespace lior::python
