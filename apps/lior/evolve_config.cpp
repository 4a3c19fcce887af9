// SPDX-License-Identifier: Apache-2.0
#include "evolve_config.h"

#include <cmath>
#include <filesystem>

#include "lior/core/available_memory.h"
#include "lior/core/text.h"
#include "lior/field/formula.h"
#include "lior/field/setup.h"
#include "lior/io/hdf5.h"
#include "ranks.h"

namespace lior::app {
namespace {

using Complex = std::complex<double>;
using FieldArray = Array<Complex, 4>;

/// A data set of a file: the setting that names it, and what it says.
struct DataSetName {
  const char* setting;
  const std::string& name;
};

/// This rank's rows of an array [Nx, Ny, ...].
template <class Number, class Out>
void copy_rows(const std::vector<Number>& all, const field::Grid& grid, Out out) {
  const Index row = out.size() / grid.nx;
  std::copy_n(all.data() + grid.first_row() * row, out.size(), out.data());
}

/// An array of finite numbers: this rank's rows of it, [Nx, Ny, ...].
template <int Rank>
Array<Complex, Rank> read_array(const std::string& file, const DataSetName& data,
                                const field::Grid& grid, const Shape<Rank>& own) {
  const std::string name = shown(data.name);
  LIOR_CHECK(!name.empty() && name == data.name && name.find('/') == name.npos,
             "{} is '{}'; expected the name of a data set at the root of the file", data.setting,
             name);
  Shape<Rank> shape = own;
  shape[0] = grid.all_nx();
  const auto found = io::read_hdf5(file, name, shape);
  const Index cell = std::ssize(found) / grid.all_cells();
  for (Index k = 0; k < std::ssize(found); ++k) {
    const Complex number = found[static_cast<std::size_t>(k)];
    LIOR_CHECK(std::isfinite(number.real()) && std::isfinite(number.imag()),
               "{}: {} has a number at cell ({}, {}) that is not finite", file, name,
               k / cell / grid.ny, k / cell % grid.ny);
  }
  Array<Complex, Rank> numbers(own);
  copy_rows(found, grid, numbers.view());
  return numbers;
}

/// This rank's rows of a component [Nx, Ny] of the inverse metric.
void read_inverse_metric(const std::string& file, const char* name, const field::Grid& grid,
                         View<double, 2> out) {
  const auto numbers = io::read_hdf5_real(file, name, Shape<2>{grid.all_nx(), grid.ny});
  for (Index k = 0; k < std::ssize(numbers); ++k) {
    const double number = numbers[static_cast<std::size_t>(k)];
    LIOR_CHECK(number > 0 && std::isfinite(number),
               "{}: {} is {} at cell ({}, {}); expected finite numbers > 0", file, name, number,
               k / grid.ny, k % grid.ny);
  }
  copy_rows(numbers, grid, out);
}

/// The values of a setting's formula at the cells; 0 where it is empty.
Array<double, 2> formula_values(const std::string& formula, const char* setting,
                                const field::Grid& grid) {
  Array<double, 2> values({grid.nx, grid.ny});
  if (!formula.empty()) field::fill_formula(grid, formula, setting, values.view());
  return values;
}

/// modulus e^{i phase} of two settings' formulas, of x, y, i and j.
FieldArray polar_field(field::PolarFormula::Text modulus, field::PolarFormula::Text phase,
                       const field::Grid& grid) {
  FieldArray t(grid.shape());
  field::PolarFormula(grid, modulus, phase, {.entry = true}).fill(t.view());
  return t;
}

bool metric_varies(const EvolveConfig& c) {
  return !c.metric_file.empty() || c.metric_bump != 0 || !c.metric_expression.empty() ||
         !c.metric_gxx_expression.empty() || !c.metric_gyy_expression.empty();
}

/// Throws where two settings say what one should.
void check_alternatives(const EvolveConfig& c) {
  const bool by_axis = !c.metric_gxx_expression.empty() || !c.metric_gyy_expression.empty();
  const int metrics =
      !c.metric_file.empty() + (c.metric_bump != 0) + !c.metric_expression.empty() + by_axis;
  LIOR_CHECK(metrics <= 1,
             "metric.file, metric.bump, metric.expression and metric.gxx_expression with "
             "metric.gyy_expression each say how the metric varies; give one of them");
  LIOR_CHECK(c.source_file.empty() || c.source_expression.empty(),
             "source.file and source.expression are both there; give one of them");
  LIOR_CHECK(c.bayes_evidence.empty() || c.bayes_expression.empty(),
             "bayes.evidence and bayes.expression are both there; give one of them");
  const auto check_phase = [](const std::string& phase, const std::string& modulus,
                              const char* table) {
    LIOR_CHECK(phase.empty() || !modulus.empty(),
               "{0}.phase is there and {0}.expression, the modulus, is not; give both", table);
  };
  check_phase(c.source_phase, c.source_expression, "source");
  check_phase(c.bayes_phase, c.bayes_expression, "bayes");
}

/// g^xx and g^yy of a metric that varies by a formula or a bump.
void fill_metric(const EvolveConfig& c, const field::Grid& grid, View<double, 2> gxx,
                 View<double, 2> gyy) {
  std::fill(gxx.begin(), gxx.end(), 1.0);
  if (c.metric_bump != 0) field::fill_bump(grid, c.metric_bump, gxx);
  if (!c.metric_expression.empty()) {
    field::fill_formula(grid, c.metric_expression, "metric.expression", gxx);
  }
  std::copy(gxx.begin(), gxx.end(), gyy.begin());
  if (!c.metric_gxx_expression.empty()) {
    field::fill_formula(grid, c.metric_gxx_expression, "metric.gxx_expression", gxx);
  }
  if (!c.metric_gyy_expression.empty()) {
    field::fill_formula(grid, c.metric_gyy_expression, "metric.gyy_expression", gyy);
  }
  for (double& value : gxx) value *= c.metric_gxx;
  for (double& value : gyy) value *= c.metric_gyy;
}

FieldArray initial_field(const EvolveConfig& c, const field::Grid& grid) {
  if (c.initial_kind == InitialKind::file)
    return read_array<4>(c.initial_file, {"initial.dataset", c.initial_dataset}, grid,
                         grid.shape());

  if (c.initial_kind == InitialKind::expression) {
    LIOR_CHECK(!c.initial_expression.empty(),
               "initial.kind is expression, and initial.expression is empty; expected a formula of "
               "x and y, the modulus of the field");
    return polar_field({c.initial_expression, "initial.expression"},
                       {c.initial_phase, "initial.phase"}, grid);
  }
  FieldArray t(grid.shape());
  switch (c.initial_kind) {
    case InitialKind::packet:
      field::fill_packet(grid,
                         {.width = c.initial_width,
                          .x0 = c.initial_x,
                          .y0 = c.initial_y,
                          .kx = c.initial_kx,
                          .ky = c.initial_ky},
                         t.view());
      break;
    case InitialKind::plane_wave:
      field::fill_plane_wave(grid, c.initial_kx, c.initial_ky, t.view());
      break;
    default: field::fill_random(grid, static_cast<std::uint64_t>(c.initial_seed), t.view());
  }
  return t;
}

}  // namespace

settings::Fields fields(EvolveConfig& c) {
  using settings::Bounds, settings::Field;
  using settings::kCount, settings::kCountOrNone, settings::kPositive;
  constexpr Bounds kSide{1, 1 << 16}, kOpenUnit{0, 1, true, true};
  return {
      {"grid.nx", c.grid_nx, kSide},
      {"grid.ny", c.grid_ny, kSide},
      {"grid.D", c.grid_D, {1, 1 << 10}},
      {"grid.dx", c.grid_dx, kPositive},
      Field("grid.dy", c.grid_dy, kPositive).absent_in_old_files(),
      Field("grid.boundary_x", c.grid_boundary_x).absent_in_old_files(),
      Field("grid.boundary_y", c.grid_boundary_y).absent_in_old_files(),
      {"physics.hbar", c.physics_hbar, kPositive},
      {"physics.m", c.physics_m, kPositive},
      {"physics.lambda_qr", c.physics_lambda_qr},
      {"physics.lambda_f", c.physics_lambda_f},
      {"physics.alpha", c.physics_alpha, kOpenUnit},
      {"physics.tau", c.physics_tau, kPositive},
      Field("physics.nonlinearity", c.physics_nonlinearity).absent_in_old_files(),
      {"potential.kind", c.potential_kind},
      {"potential.strength", c.potential_strength},
      Field("potential.expression", c.potential_expression).absent_in_old_files(),
      Field("potential.absorption", c.potential_absorption).absent_in_old_files(),
      Field("potential.file", c.potential_file).absent_in_old_files(),
      Field("potential.dataset", c.potential_dataset).absent_in_old_files(),
      {"metric.gxx", c.metric_gxx, kPositive},
      {"metric.gyy", c.metric_gyy, kPositive},
      {"metric.bump", c.metric_bump},
      {"metric.file", c.metric_file},
      Field("metric.expression", c.metric_expression).absent_in_old_files(),
      Field("metric.gxx_expression", c.metric_gxx_expression).absent_in_old_files(),
      Field("metric.gyy_expression", c.metric_gyy_expression).absent_in_old_files(),
      {"integrator.kind", c.integrator_kind},
      {"integrator.symbol", c.integrator_symbol},
      Field("integrator.time", c.integrator_time).absent_in_old_files(),
      {"integrator.dt", c.integrator_dt},
      Field("integrator.steps", c.integrator_steps, kCount).changes_on_resume(),
      {"bayes.update_every", c.bayes_update_every, kCountOrNone},
      {"bayes.mode", c.bayes_mode},
      {"bayes.evidence", c.bayes_evidence},
      Field("bayes.dataset", c.bayes_dataset).absent_in_old_files(),
      Field("bayes.expression", c.bayes_expression).absent_in_old_files(),
      Field("bayes.phase", c.bayes_phase).absent_in_old_files(),
      {"source.file", c.source_file},
      Field("source.dataset", c.source_dataset).absent_in_old_files(),
      Field("source.expression", c.source_expression).absent_in_old_files(),
      Field("source.phase", c.source_phase).absent_in_old_files(),
      {"memory.tolerance", c.memory_tolerance, kPositive},
      {"memory.horizon", c.memory_horizon, kCount},
      {"initial.kind", c.initial_kind},
      {"initial.file", c.initial_file},
      Field("initial.dataset", c.initial_dataset).absent_in_old_files(),
      Field("initial.expression", c.initial_expression).absent_in_old_files(),
      Field("initial.phase", c.initial_phase).absent_in_old_files(),
      {"initial.width", c.initial_width, kPositive},
      {"initial.x", c.initial_x},
      {"initial.y", c.initial_y},
      {"initial.kx", c.initial_kx},
      {"initial.ky", c.initial_ky},
      {"initial.seed", c.initial_seed, kCountOrNone},
      {"output.every", c.output_every, kCount},
      {"output.frames", c.output_frames},
  };
}

void make_paths_absolute(EvolveConfig& config) {
  for (std::string* file : {&config.potential_file, &config.metric_file, &config.bayes_evidence,
                            &config.source_file, &config.initial_file}) {
    if (file->empty() || file->starts_with("builtin:")) continue;
    *file = std::filesystem::absolute(*file).lexically_normal().string();
  }
}

/// Compares the memory of the run with what there is, before anything is taken.
void EvolveSetup::check_memory(const EvolveConfig& c) const {
  const field::Load load{.varies = metric_varies(c),
                         .driven = !c.source_file.empty() || !c.source_expression.empty(),
                         .potential_in_time = potential != nullptr,
                         .current_in_time = current_in_time != nullptr};
  // The start, evidence and J as read; a copy for output, one of a file's frame; V and a metric.
  const Index field = grid.numbers() * static_cast<Index>(sizeof(Complex));
  const Index inputs = 4 * field + 3 * grid.cells() * static_cast<Index>(sizeof(double));
  // The first of several ranks puts together the frames and states that it writes.
  const field::Grid all = grid.whole();
  const Index written = share != nullptr && ranks().is_first()
                            ? all.numbers() * static_cast<Index>(sizeof(Complex)) +
                                  field::state_bytes<double>(all, settings, load.driven)
                            : 0;
  const Index bytes =
      inputs + written + field::planned_bytes<double>(grid, settings, load) +
      field::state_bytes<double>(grid, settings, load.driven);  // WatchedSteps' copy
  const auto available = static_cast<double>(available_memory());
  LIOR_CHECK(static_cast<double>(bytes) <= available,
             "a field of {} x {} cells, D = {}, takes {} to evolve, and {} are available; choose a "
             "smaller grid",
             grid.all_nx(), grid.ny, grid.d, bytes_text(static_cast<double>(bytes)),
             bytes_text(available));
}

EvolveSetup::EvolveSetup(const EvolveConfig& c)
    : grid{.nx = c.grid_nx,
           .ny = c.grid_ny,
           .d = c.grid_D,
           .dx = c.grid_dx,
           .spacing_y = c.grid_dy.value_or(0),
           .boundary_x = c.grid_boundary_x,
           .boundary_y = c.grid_boundary_y} {
  Array<double, 2> v, gxx, gyy;
  ranks().together([&] { read(c, v, gxx, gyy); });
  field::InverseMetric metric{.gxx = c.metric_gxx, .gyy = c.metric_gyy};
  if (metric_varies(c)) {
    metric.gxx_field = gxx.view();
    metric.gyy_field = gyy.view();
  }
  hamiltonian = std::make_unique<field::Hamiltonian<double>>(
      grid, field::Physics{.hbar = c.physics_hbar, .mass = c.physics_m}, metric, v.view());
}

/// Everything but the Hamiltonian, and what that is made of.
void EvolveSetup::read(const EvolveConfig& c, Array<double, 2>& v, Array<double, 2>& gxx,
                       Array<double, 2>& gyy) {
  grid.check();
  if (ranks().size() > 1) {
    share = std::make_unique<field::Share>(ranks(), grid.nx);
    grid.nx = share->count();
    grid.share = share.get();
  }
  settings = {.scheme = c.integrator_kind,
              .dt = c.integrator_dt,
              .symbol = c.integrator_symbol,
              .time = c.integrator_time,
              .lambda_qr = c.physics_lambda_qr,
              .tau = c.physics_tau,
              .mode = c.bayes_mode,
              .update_every = c.bayes_update_every,
              .lambda_f = c.physics_lambda_f,
              .alpha = c.physics_alpha,
              .tolerance = c.memory_tolerance,
              .horizon = c.memory_horizon,
              .nonlinearity = c.physics_nonlinearity};
  check_alternatives(c);
  follow_time(c);
  check_memory(c);

  v = Array<double, 2>({grid.nx, grid.ny});
  set_potential(c, v.view());
  if (metric_varies(c)) gxx = Array<double, 2>(v.shape()), gyy = Array<double, 2>(v.shape());
  if (!c.metric_file.empty()) {
    read_inverse_metric(c.metric_file, "gxx", grid, gxx.view());
    read_inverse_metric(c.metric_file, "gyy", grid, gyy.view());
  } else if (metric_varies(c)) {
    fill_metric(c, grid, gxx.view(), gyy.view());
  }
  start = initial_field(c, grid);
  if (c.bayes_evidence == "builtin:spots") {
    evidence = FieldArray(grid.shape());
    field::fill_spots(grid, evidence.view());
  } else if (!c.bayes_evidence.empty()) {
    evidence =
        read_array<4>(c.bayes_evidence, {"bayes.dataset", c.bayes_dataset}, grid, grid.shape());
  } else if (!c.bayes_expression.empty()) {
    evidence =
        polar_field({c.bayes_expression, "bayes.expression"}, {c.bayes_phase, "bayes.phase"}, grid);
  }
  if (!c.source_file.empty()) {
    current =
        read_array<4>(c.source_file, {"source.dataset", c.source_dataset}, grid, grid.shape());
  }
  if (!c.source_expression.empty() && !current_in_time) {
    current = polar_field({c.source_expression, "source.expression"},
                          {c.source_phase, "source.phase"}, grid);
  }
}

/// V, and W where something absorbs.
void EvolveSetup::set_potential(const EvolveConfig& c, View<double, 2> v) {
  field::fill_potential(c.potential_kind, c.potential_strength, grid, v);
  if (!potential) {
    const Array<double, 2> own =
        formula_values(c.potential_expression, "potential.expression", grid);
    for (Index k = 0; k < grid.cells(); ++k) v.data()[k] += own.data()[k];
  }
  if (!c.potential_absorption.empty()) {
    absorption = formula_values(c.potential_absorption, "potential.absorption", grid);
  }
  if (c.potential_file.empty()) return;
  const Array<Complex, 2> read =
      read_array<2>(c.potential_file, {"potential.dataset", c.potential_dataset}, grid, v.shape());
  for (Index k = 0; k < grid.cells(); ++k) {
    const double gain = read.data()[k].imag();
    v.data()[k] += read.data()[k].real();
    if (gain == 0) continue;
    LIOR_CHECK(gain < 0,
               "{}: the imaginary part of {} at cell ({}, {}) is {}; expected <= 0, which absorbs",
               c.potential_file, c.potential_dataset, grid.first_row() + k / grid.ny, k % grid.ny,
               gain);
    if (absorption.size() == 0) absorption = Array<double, 2>({grid.nx, grid.ny});
    absorption.data()[k] -= gain;
  }
}

/// The potential and the current, where their formulas read t.
void EvolveSetup::follow_time(const EvolveConfig& c) {
  if (!c.potential_expression.empty()) {
    field::GridFormula formula(grid, c.potential_expression, "potential.expression",
                               {.time = true});
    if (formula.reads_time()) potential = field::potential_in_time(std::move(formula));
  }
  if (!c.source_expression.empty()) {
    field::PolarFormula formula(grid, {c.source_expression, "source.expression"},
                                {c.source_phase, "source.phase"}, {.time = true, .entry = true});
    if (formula.reads_time()) {
      current_in_time = field::current_in_time<double>(std::move(formula));
    }
  }
}

field::Inputs<double> EvolveSetup::inputs() const {
  return {.evidence = evidence.view(),
          .current = current.view(),
          .absorption = absorption.view(),
          .potential = potential,
          .current_in_time = current_in_time};
}

std::unique_ptr<field::Evolution<double>> EvolveSetup::make(Index factor) const {
  field::Settings finer = settings;
  finer.dt /= static_cast<double>(factor);
  finer.update_every *= factor;
  finer.horizon *= factor;
  return std::make_unique<field::Evolution<double>>(*hamiltonian, finer, start.view(), inputs());
}

}  // namespace lior::app
