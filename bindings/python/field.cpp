// SPDX-License-Identifier: Apache-2.0
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/variant.h>

#include <mutex>

#include "bindings.h"
#include "either.h"
#include "lior/core/available_memory.h"
#include "lior/field/bayes.h"
#include "lior/field/collapse.h"
#include "lior/field/diagnostics.h"
#include "lior/field/evolution.h"
#include "lior/field/expectations.h"
#include "lior/field/formula.h"
#include "lior/field/setup.h"
#include "signal_watch.h"

namespace lior::python {
namespace {

using field::Grid;
using Boundaries = std::variant<std::string, std::pair<std::string, std::string>>;

template <class T>
using SharedHamiltonian = std::shared_ptr<const field::Hamiltonian<T>>;
template <class T>
using OwnEvolution = std::unique_ptr<field::Evolution<T>>;

/// Python's words for a grid beside its cells. dy: None for dx. boundary: one word for
/// both axes, or a pair.
struct GridWords {
  double dx;
  std::optional<double> dy;
  Boundaries boundary;
};
Grid grid_of(Index nx, Index ny, Index d, const GridWords& words) {
  LIOR_CHECK(!words.dy || *words.dy > 0,
             "the grid's spacing dy is {}; expected a finite number > 0", words.dy.value_or(0));
  const auto parse = [](const std::string& word) {
    return parse_name<field::Boundary>(word, "boundary");
  };
  const auto* both = std::get_if<std::string>(&words.boundary);
  const auto& apart = both ? std::pair(*both, *both)
                           : std::get<std::pair<std::string, std::string>>(words.boundary);
  const Grid grid{.nx = nx,
                  .ny = ny,
                  .d = d,
                  .dx = words.dx,
                  .spacing_y = words.dy.value_or(0),
                  .boundary_x = parse(apart.first),
                  .boundary_y = parse(apart.second)};
  grid.check();
  return grid;
}

/// Sums of rows: the workspace of everything that sums over a field of Nx rows.
Buffer<double> row_sums(Index nx) { return Buffer<double>(3 * nx); }

/// Compares what an evolution will take with what there is, before anything is taken.
template <class T>
void check_memory(const field::Hamiltonian<T>& h, const field::Settings& settings,
                  field::Load load) {
  load.varies = h.varies();
  const auto needed = static_cast<double>(field::planned_bytes<T>(h.grid(), settings, load));
  const auto available = static_cast<double>(available_memory());
  LIOR_CHECK(needed <= available,
             "an evolution of {} x {} cells, D = {}, takes {}, and {} are available; choose a "
             "smaller grid",
             h.grid().nx, h.grid().ny, h.grid().d, bytes_text(needed), bytes_text(available));
}

/// field::Hamiltonian of one dtype. It never changes once it is made.
class Hamiltonian {
 public:
  Hamiltonian(const Argument& v, Index d, const GridWords& words, double hbar, double mass,
              double gxx, double gyy, const Argument& gxx_field, const Argument& gyy_field,
              const std::string& dtype) {
    for_complex_dtype(dtype, [&]<class T>() {
      Call call;
      const auto values = call.in<double>("v", v, {'X', 'Y'});
      grid_ = grid_of(call['X'], call['Y'], d, words);
      const field::InverseMetric metric{
          .gxx = gxx,
          .gyy = gyy,
          .gxx_field = call.in_or_none<double>("gxx_field", gxx_field, {'X', 'Y'}),
          .gyy_field = call.in_or_none<double>("gyy_field", gyy_field, {'X', 'Y'})};
      call.run([&] {
        held_.emplace<T>(std::make_shared<const field::Hamiltonian<T>>(
            grid_, field::Physics{.hbar = hbar, .mass = mass}, metric, values));
      });
    });
  }

  const Grid& grid() const { return grid_; }
  template <class Body>
  auto visit(Body&& body) {
    return held_.visit(body);
  }

  NumPy apply(const Argument& t, const Outputs& out) {
    return visit([&]<class T>(const SharedHamiltonian<T>& h) -> NumPy {
      Call call(out);
      const auto in = call.in<std::complex<T>>("t", t, {grid_.nx, grid_.ny, grid_.d, grid_.d});
      const auto image = call.out<std::complex<T>>({grid_.nx, grid_.ny, grid_.d, grid_.d});
      return call.run_watched([&] { h->apply(in, image); });
    });
  }

 private:
  /// The result of `number` for a field.
  template <class Measure>
  auto measure(const Argument& t, Measure number) {
    return visit([&]<class T>(const SharedHamiltonian<T>& h) {
      Call call;
      const auto in = call.in<std::complex<T>>("t", t, {grid_.nx, grid_.ny, grid_.d, grid_.d});
      decltype(number(*h, field::ConstField<T>(in), std::span<double>())) result{};
      call.run_watched([&] {
        auto sums = row_sums(grid_.nx);
        result = number(*h, field::ConstField<T>(in), sums.span());
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
    for (std::size_t k = 0; k < field::Expectations::kNames.size(); ++k) {
      const std::string_view name = field::Expectations::kNames[k];
      out[nb::str(name.data(), name.size())] = found.values()[k];
    }
    return out;
  }

  double largest_stable_step() {
    return visit(
        []<class T>(const SharedHamiltonian<T>& h) { return field::largest_stable_step<T>(*h); });
  }

  NumPy weight() {
    return visit([](const auto& h) -> NumPy { return Result{copied(h->weight())}; });
  }
  std::pair<double, double> bounds() {
    return visit([](const auto& h) { return std::pair(h->lowest(), h->highest()); });
  }

 private:
  Grid grid_;
  Either<SharedHamiltonian> held_;
};

/// field::Evolution of its Hamiltonian's dtype; one call at a time.
class Evolution {
 public:
  /// The arguments of field::Inputs; formulas where something follows the time.
  struct Arguments {
    const Argument &evidence, &current, &absorption;
    const std::string &potential, &current_modulus, &current_phase;
  };
  Evolution(Hamiltonian& h, const Argument& start, const Arguments& given,
            const field::Settings& settings)
      : grid_(h.grid()) {
    h.visit([&]<class T>(const SharedHamiltonian<T>& hamiltonian) {
      using C = std::complex<T>;
      const bool moves = !given.potential.empty(), driven_in_time = !given.current_modulus.empty();
      check_memory<T>(*hamiltonian, settings,
                      {.driven = !given.current.is_none() || driven_in_time,
                       .potential_in_time = moves,
                       .current_in_time = driven_in_time});
      Call call;
      const Index X = grid_.nx, Y = grid_.ny, D = grid_.d;
      const auto first = call.in<C>("start", start, {X, Y, D, D});
      field::Inputs<T> inputs{
          .evidence = call.in_or_none<C>("evidence", given.evidence, {X, Y, D, D}),
          .current = call.in_or_none<C>("current", given.current, {X, Y, D, D}),
          .absorption = call.in_or_none<double>("absorption", given.absorption, {X, Y})};
      call.run([&] {
        if (moves) {
          inputs.potential = field::potential_in_time(
              field::GridFormula(grid_, given.potential, "potential", {.time = true}));
        }
        if (driven_in_time) {
          inputs.current_in_time = field::current_in_time<T>(field::PolarFormula(
              grid_, {given.current_modulus, "current"}, {given.current_phase, "current's phase"},
              {.time = true, .entry = true}));
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
      const auto in = call.in<std::complex<T>>("t", t, {grid_.nx, grid_.ny, grid_.d, grid_.d});
      double result = 0;
      call.run([&] {
        const std::lock_guard lock(mutex_);
        auto sums = row_sums(grid_.nx);
        Array<std::complex<T>, 4> work(in.shape());
        result = evolution->energy(in, time.value_or(evolution->time()), work.view(), sums.span());
      });
      return result;
    });
  }

  NumPy field(const Outputs& out) {
    return held_.visit([&]<class T>(OwnEvolution<T>& evolution) -> NumPy {
      Call call(out);
      const auto copy = call.out<std::complex<T>>({grid_.nx, grid_.ny, grid_.d, grid_.d});
      return call.run([&] {
        const std::lock_guard lock(mutex_);
        const auto now = evolution->field();
        std::copy(now.begin(), now.end(), copy.begin());
      });
    });
  }

  std::array<Index, 2> broken_cell() {
    std::array<Index, 2> cell{};
    held_.visit([&]<class T>(OwnEvolution<T>& evolution) {
      Call().run([&] {
        const std::lock_guard lock(mutex_);
        cell = field::first_broken_cell<T>(evolution->field());
      });
    });
    return cell;
  }

  template <class Get>
  auto get(Get read) {
    return held_.visit([&](auto& evolution) {
      const std::lock_guard lock(mutex_);
      return read(*evolution);
    });
  }

 private:
  Grid grid_;
  Either<OwnEvolution> held_;
  std::mutex mutex_;
};

void init_evolution(Evolution* self, Hamiltonian& h, const Argument& start,
                    const Argument& evidence, const Argument& current, const std::string& scheme,
                    double dt, const std::string& symbol, const std::string& time, double lambda_qr,
                    double tau, const std::string& mode, Index update_every, double lambda_f,
                    double alpha, double tolerance, Index horizon, double nonlinearity,
                    const Argument& absorption, const std::string& potential,
                    const std::string& current_modulus, const std::string& current_phase) {
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
                       {evidence, current, absorption, potential, current_modulus, current_phase},
                       settings);
}

NumPy potential(const std::string& kind, double strength, Index nx, Index ny, double dx,
                std::optional<double> dy, const Boundaries& boundary) {
  const Grid grid = grid_of(nx, ny, 1, {dx, dy, boundary});
  const field::Potential named = parse_name<field::Potential>(kind, "potential");
  Call call;
  const auto v = call.out<double>({nx, ny});
  return call.run_watched([&] { field::fill_potential(named, strength, grid, v); });
}

NumPy formula(const std::string& text, Index nx, Index ny, double dx, std::optional<double> dy,
              const Boundaries& boundary, std::optional<double> t) {
  const Grid grid = grid_of(nx, ny, 1, {dx, dy, boundary});
  Call call;
  const auto values = call.out<double>({nx, ny});
  return call.run_watched([&] {
    const field::GridFormula parsed(grid, text, "formula", {.time = t.has_value()});
    for (Index i = 0; i < nx; ++i) parsed.evaluate(t.value_or(0), i, 0, values[i].span());
  });
}

bool reads_time(const std::string& text) {
  const Grid grid{.nx = 1, .ny = 1};
  return field::GridFormula(grid, text, "formula", {.time = true, .entry = true}).reads_time();
}

/// A new field (nx, ny, d, d) of complex128 that `fill` fills.
template <class Fill>
NumPy new_field(const Grid& grid, Fill fill) {
  grid.check();
  Call call;
  const auto t = call.out<std::complex<double>>({grid.nx, grid.ny, grid.d, grid.d});
  return call.run_watched([&] { fill(t); });
}

NumPy polar(const std::string& modulus, const std::string& phase, Index nx, Index ny, Index d,
            double dx, std::optional<double> dy, const Boundaries& boundary) {
  const Grid grid = grid_of(nx, ny, d, {dx, dy, boundary});
  return new_field(grid, [&](field::Field<double> t) {
    field::PolarFormula(grid, {modulus, "modulus"}, {phase, "phase"}, {.entry = true}).fill(t);
  });
}

NumPy packet(Index nx, Index ny, Index d, double dx, std::optional<double> dy,
             const Boundaries& boundary, double width, std::pair<double, double> centre,
             std::pair<double, double> k) {
  const Grid grid = grid_of(nx, ny, d, {dx, dy, boundary});
  return new_field(grid, [&](field::Field<double> t) {
    field::fill_packet(
        grid,
        {.width = width, .x0 = centre.first, .y0 = centre.second, .kx = k.first, .ky = k.second},
        t);
  });
}

NumPy plane_wave(Index nx, Index ny, std::pair<double, double> k, Index d, double dx,
                 std::optional<double> dy, const Boundaries& boundary) {
  const Grid grid = grid_of(nx, ny, d, {dx, dy, boundary});
  return new_field(
      grid, [&](field::Field<double> t) { field::fill_plane_wave(grid, k.first, k.second, t); });
}

NumPy spots(Index nx, Index ny, Index d, double dx, std::optional<double> dy,
            const Boundaries& boundary) {
  const Grid grid = grid_of(nx, ny, d, {dx, dy, boundary});
  return new_field(grid, [&](field::Field<double> t) { field::fill_spots(grid, t); });
}

NumPy posterior(const Argument& t, const Argument& evidence, double tau, const Outputs& out) {
  return for_complex("t", t, [&]<class T>() {
    using C = std::complex<T>;
    Call call(out, InPlace::allowed);
    const auto prior = call.in<C>("t", t, {'X', 'Y', 'D', 'D'});
    const auto e = call.in<C>("evidence", evidence, {'X', 'Y', 'D', 'D'});
    const auto belief = call.out<C>({'X', 'Y', 'D', 'D'});
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
    using C = std::complex<T>;
    Call call(out, InPlace::allowed);
    const auto before = call.in<C>("t", t, {'X', 'Y', 'D', 'D'});
    const auto kets = call.in_or_none<C>("basis", basis, {'D', 'D'});
    const auto after = call.out<C>({'X', 'Y', 'D', 'D'});
    const auto chosen = call.out<Index>({'X', 'Y'});
    return call.run_watched([&] {
      if (after.data() != before.data()) std::copy(before.begin(), before.end(), after.begin());
      field::collapse<T>(after, how, seed, step, kets, chosen);
    });
  });
}

double entropy(const Argument& t) {
  return for_complex("t", t, [&]<class T>() {
    Call call;
    const auto in = call.in<std::complex<T>>("t", t, {'X', 'Y', 'D', 'D'});
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
    const auto in = call.in<std::complex<T>>("t", t, {'X', 'Y', 'D', 'D'});
    const auto orders = call.in<double>("nu", nu, {'X', 'Y'});
    double result = 0;
    call.run_watched([&] {
      auto sums = row_sums(in.extent(0));
      result = field::variable_order_entropy<T>(in, orders, sums.span());
    });
    return result;
  });
}

void bind_setup(nb::module_& m) {
  m.def(
      "potential", &potential, "kind"_a, "strength"_a, "nx"_a, "ny"_a, "dx"_a = 1.0, nb::kw_only(),
      "dy"_a.none() = nb::none(), "boundary"_a = "periodic",
      R"((Nx, Ny) float64, of the distance r from the grid's middle (nx/2, ny/2): 'zero', 'constant',
'harmonic' strength r^2 / 2, 'gaussian_well' and 'gaussian_barrier' -/+ strength exp(-r^2 / 2 s^2)
with s a quarter of the shorter side (of one row or column: of its length). dy: None for dx.)");
  m.def(
      "formula", &formula, "text"_a, "nx"_a, "ny"_a, nb::kw_only(), "dx"_a = 1.0,
      "dy"_a.none() = nb::none(), "boundary"_a = "periodic", "t"_a.none() = nb::none(),
      R"((nx, ny) float64: the values of a formula of x and y, from the grid's middle (nx/2, ny/2) times
dx and dy (None: dx; 0 where an axis has one cell; from the middle between walls, where `boundary`
says that there are some, as for Hamiltonian), of Lx = nx dx and Ly = ny dy, and, where it is given, of the time t, such as '(x^2 + y^2)/2' or 'where(abs(x) < 2, 1, 0)'. Error that
shows the place where the text is no formula, or names a cell where it is not finite.
Grammar: docs/math/conventions.md, 6.6.)");
  m.def("_reads_time", &reads_time, "formula"_a, "Whether a formula reads t.");
  m.def(
      "polar", &polar, "modulus"_a, "phase"_a = "", nb::kw_only(), "nx"_a, "ny"_a, "d"_a = 1,
      "dx"_a = 1.0, "dy"_a.none() = nb::none(), "boundary"_a = "periodic",
      R"((nx, ny, d, d) complex128: modulus exp(i phase) of two formulas of x, y (as those of `formula`)
and i, j, the row and the column of the entry from 0 on. Where neither reads i or j, that is on the
diagonal, and half of it off the diagonal.)");
  m.def("packet", &packet, "nx"_a, "ny"_a, "d"_a, "dx"_a, "dy"_a.none(), "boundary"_a, "width"_a,
        "centre"_a, "k"_a);
  m.def(
      "plane_wave", &plane_wave, "nx"_a, "ny"_a, "k"_a, nb::kw_only(), "d"_a = 1, "dx"_a = 1.0,
      "dy"_a.none() = nb::none(), "boundary"_a = "periodic",
      R"((nx, ny, d, d) complex128: exp(i k.r) on the diagonal, half of it off the diagonal; r from the
grid's middle (nx/2, ny/2) times dx and dy (None: dx).)");
  m.def(
      "spots", &spots, "nx"_a, "ny"_a, nb::kw_only(), "d"_a = 1, "dx"_a = 1.0,
      "dy"_a.none() = nb::none(), "boundary"_a = "periodic",
      R"((nx, ny, d, d) complex128, the evidence of the program's preset 'belief': two bells of height 1
and standard deviation nx dx / 12, a quarter of the grid left and right of its middle; half of it off
the diagonal.)");
  m.def(
      "posterior", &posterior, "t"_a, "evidence"_a, "tau"_a, nb::kw_only(), "out"_a = nb::none(),
      R"(B = sqrt(w) T sqrt(S / S_w), w = exp(-|T - E|^2 / tau), S = sum |T|^2, S_w = sum w |T|^2: Bayes'
rule for |T|^2. t, evidence, out: (Nx, Ny, D, D); out may be t. NaN spreads to all.)");
  m.def(
      "collapse", &collapse, "t"_a, nb::kw_only(), "outcome"_a = "drawn", "seed"_a = 0,
      "step"_a = 0, "basis"_a.none() = nb::none(), "out"_a = nb::none(),
      R"((T after (Nx, Ny, D, D), k of each site (Nx, Ny) int64): the left index measured site by site
in an orthonormal basis, |k> = row k of (D, D) (the unit vectors). 'drawn': k with probability
|<k|T|^2 / sum, from (seed, step, site); 'largest': the largest. Sites with T = 0 stay, k = -1.)");
  m.def("entropy", &entropy, "t"_a,
        "Mean over sites of -tr rho ln rho, rho = T^+ T / tr, nats: 0 for D = 1, at most ln D.");
  m.def(
      "variable_order_entropy", &variable_order_entropy, "t"_a, "nu"_a,
      R"(sum over all entries of (|T_ij|^2)^nu(x, y), t: (Nx, Ny, D, D), nu: (Nx, Ny) float64. An entry
0 counts 0, for nu = 0 too.)");
}

void bind_hamiltonian(nb::module_& m) {
  nb::class_<Hamiltonian>(
      m, "Hamiltonian",
      R"(H[T] = -(hbar^2 / 2m) Laplacian T + V T on a grid that is periodic or has walls.

Constant inverse metric: g^xx d2/dx2 + g^yy d2/dy2, three points each; varying: Laplace-Beltrami in
flux form, self-adjoint in sum sqrt(g) conj(A) B. Fields T are (Nx, Ny, D, D) of `dtype`.)")
      .def(
          "__init__",
          [](Hamiltonian* self, const Argument& v, Index d, double dx, std::optional<double> dy,
             const Boundaries& boundary, double hbar, double mass, double gxx, double gyy,
             const Argument& gxx_field, const Argument& gyy_field, const std::string& dtype) {
            new (self) Hamiltonian(v, d, {dx, dy, boundary}, hbar, mass, gxx, gyy, gxx_field,
                                   gyy_field, dtype);
          },
          "v"_a, nb::kw_only(), "d"_a = 1, "dx"_a = 1.0, "dy"_a.none() = nb::none(),
          "boundary"_a = "periodic", "hbar"_a = 0.1, "mass"_a = 1.0, "gxx"_a = 1.0, "gyy"_a = 1.0,
          "gxx_field"_a.none() = nb::none(), "gyy_field"_a.none() = nb::none(),
          "dtype"_a = "complex128",
          R"(v: (Nx, Ny) float64, copied. dx, dy: a cell's sides (dy None: dx); an axis of one cell has no
differences and is none in sums. boundary: 'periodic', 'dirichlet' (T = 0 at walls on the outer
faces) or 'neumann' (no slope there), or a pair, of x and y. gxx, gyy: the inverse metric, > 0; gxx_field, gyy_field
(Nx, Ny): the same where it varies, both or none. Error for a value that is not finite or not > 0.)")
      .def("apply", &Hamiltonian::apply, "t"_a, nb::kw_only(), "out"_a = nb::none(), "H[T].")
      .def("norm", &Hamiltonian::norm, "t"_a, "sum sqrt(g) |T|^2.")
      .def(
          "expectations", &Hamiltonian::expectations, "t"_a,
          R"({x, y, width_x, width_y, p_x, p_y, l_z}: means over sqrt(g) |T|^2. x and y are from the grid's middle,
widths are standard deviations, p_x = -i hbar d/dx by central differences (hbar sin(k dx) / dx of a
plane wave), l_z = x p_y - y p_x. NaN for a field without norm.)")
      .def("energy", &Hamiltonian::energy, "t"_a, "dx dy Re sum sqrt(g) tr(T^+ H[T]).")
      .def_prop_ro("largest_stable_step", &Hamiltonian::largest_stable_step,
                   "The largest dt that scheme 'rk4' is stable with.")
      .def_prop_ro("weight", &Hamiltonian::weight,
                   "(Nx, Ny): sqrt g at each cell, 1 where the metric is constant.")
      .def_prop_ro("bounds", &Hamiltonian::bounds, "All eigenvalues lie in [lowest, highest].");
}

void bind_evolution(nb::module_& m) {
  nb::class_<Evolution>(
      m, "Evolution",
      R"(i hbar dT/dt = H[T] + U T - i W T + g |T|^2 T + Lambda_QR - Lambda_F + J, step by step.

Lambda_QR = lambda_qr (B(T_prev) - T_prev), Lambda_F = (lambda_f / Gamma(alpha)) int (t-s)^(alpha-1)
T(s) ds, J a field, constant or by formulas of the time, U(x, y, t) a potential that follows it, g |T_ij|^2 of each entry by itself (`nonlinearity`), W (Nx, Ny) >= 0 what absorbs (`absorption`); both of splittings only. In complex64 rounding lets a splitting's norm drift by about 1e-7 of
itself a step.)")
      .def(
          "__init__", &init_evolution, "hamiltonian"_a, "start"_a, "evidence"_a.none() = nb::none(),
          "current"_a.none() = nb::none(), nb::kw_only(), "scheme"_a = "strang", "dt"_a = 0.005,
          "symbol"_a = "discrete", "time"_a = "real", "lambda_qr"_a = 0.0, "tau"_a = 0.5,
          "mode"_a = "source", "update_every"_a = 0, "lambda_f"_a = 0.0, "alpha"_a = 0.5,
          "tolerance"_a = 1e-6, "horizon"_a = 1 << 20, "nonlinearity"_a = 0.0,
          "absorption"_a.none() = nb::none(), "potential"_a = "", "current_modulus"_a = "",
          "current_phase"_a = "", nb::keep_alive<1, 2>(),
          R"(start, evidence, current: (Nx, Ny, D, D), copied. scheme: 'strang', 'yoshida4' (constant
metric), 'crank_nicolson', 'rk4', 'chebyshev'. time='imaginary': Strang without sources. mode:
'source', or 'relax', which moves T to B. potential: a formula U(x, y, t) beside the Hamiltonian's v;
current_modulus, current_phase: formulas of x, y, t, i, j for a current beside `current`; not with
'chebyshev' (potential) and 'yoshida4' (current). update_every: T_prev <- T each so many steps (0: never).
tolerance, horizon (steps): of the memory's sum of exponentials. Error for any setting that cannot
run.)")
      .def(
          "run", &Evolution::run, "steps"_a,
          R"(So many steps; Ctrl-C ends it, with the field as after the last whole one. RunError past the
horizon and where a solver fails.)")
      .def(
          "energy", &Evolution::energy, "t"_a, "time"_a.none() = nb::none(),
          R"(dx dy (Re sum sqrt(g) tr(T^+ (H + U)[T]) + g/2 sum |T_ij|^4) of a field t, with U at `time` (None: of
the evolution) and the integrator's Laplacian: where symbol='continuous' it is that of plane waves.)")
      .def("field", &Evolution::field, nb::kw_only(), "out"_a = nb::none(),
           "A copy of T: (Nx, Ny, D, D).")
      .def_prop_ro("step", [](Evolution& e) { return e.get([](auto& of) { return of.step(); }); })
      .def_prop_ro("time", [](Evolution& e) { return e.get([](auto& of) { return of.time(); }); })
      .def_prop_ro(
          "poles", [](Evolution& e) { return e.get([](auto& of) { return of.poles(); }); },
          "Of the memory; 0 without.")
      .def_prop_ro(
          "pole_error",
          [](Evolution& e) { return e.get([](auto& of) { return of.pole_error(); }); },
          "Certified relative error of the memory's kernel.")
      .def_prop_ro(
          "broken_cell",
          [](Evolution& e) -> nb::object {
            const auto cell = e.broken_cell();
            return cell[0] < 0 ? nb::object(nb::none()) : nb::make_tuple(cell[0], cell[1]);
          },
          "The first cell (x, y) with a number that is not finite, or None.");
}

}  // namespace

void bind_field(nb::module_& m) {
  bind_setup(m);
  bind_hamiltonian(m);
  bind_evolution(m);
}

}  // namespace lior::python
