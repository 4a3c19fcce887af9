// SPDX-License-Identifier: Apache-2.0
#include "evolve_setup.h"

#include <cmath>

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

/// The axes of the whole grid in a file: x, y and, where there is one, z.
std::vector<Index> axes_of(const field::Grid& grid) {
  std::vector<Index> counts;
  for (int axis = 0; axis < grid.axis_count(); ++axis) counts.push_back(grid.axes()[axis].count);
  return counts;
}

/// Cell `cell` of the whole grid, for messages.
std::string cell_text(const field::Grid& grid, Index cell) {
  return grid.whole().cell_text(cell / grid.row_cells(), cell % grid.row_cells());
}

/// This rank's rows of an array of the whole grid.
template <class Number, class Out>
void copy_rows(const std::vector<Number>& all, const field::Grid& grid, Out out) {
  const Index row = out.size() / grid.nx;
  std::copy_n(all.data() + grid.first_row() * row, out.size(), out.data());
}

/// An array of finite numbers, [x, y, i, j] or [x, y, z, i, j], or without i, j: this rank's rows
/// of it.
template <int Rank>
Array<Complex, Rank> read_array(const std::string& file, const DataSetName& data,
                                const field::Grid& grid, const Shape<Rank>& own) {
  const std::string name = shown(data.name);
  LIOR_CHECK(!name.empty() && name == data.name && name.find('/') == name.npos,
             "{} is '{}'; expected the name of a data set at the root of the file", data.setting,
             name);
  std::vector<Index> shape = axes_of(grid);
  shape.insert(shape.end(), own.begin() + 2, own.end());
  const auto found = io::read_hdf5(file, name, shape);
  const Index cell = std::ssize(found) / grid.all_cells();
  for (Index k = 0; k < std::ssize(found); ++k) {
    const Complex number = found[static_cast<std::size_t>(k)];
    LIOR_CHECK(std::isfinite(number.real()) && std::isfinite(number.imag()),
               "{}: {} has a number at cell {} that is not finite", file, name,
               cell_text(grid, k / cell));
  }
  Array<Complex, Rank> numbers(own);
  copy_rows(found, grid, numbers.view());
  return numbers;
}

/// This rank's rows of a component [x, y] or [x, y, z] of the inverse metric; of the diagonal it is
/// above `least` = 0.
Array<double, 2> read_inverse_metric(const std::string& file, const char* name,
                                     const field::Grid& grid, double least) {
  const auto numbers = io::read_hdf5_real(file, name, axes_of(grid));
  for (Index k = 0; k < std::ssize(numbers); ++k) {
    const double number = numbers[static_cast<std::size_t>(k)];
    LIOR_CHECK(number > least && std::isfinite(number),
               "{}: {} is {} at cell {}; expected finite numbers{}", file, name, number,
               cell_text(grid, k), least == 0 ? " > 0" : "");
  }
  Array<double, 2> out(grid.cell_shape());
  copy_rows(numbers, grid, out.view());
  return out;
}

/// The names of all formulas; some read the time, or the tensor's entry, too.
field::FormulaNames names_of(const EvolveConfig& c, bool time = false, bool entry = false) {
  field::FormulaNames names{.time = time, .entry = entry};
  for (const auto& [name, value] : c.parameters) names.parameters.push_back({name, value});
  for (const auto& [name, text] : c.definitions) {
    names.definitions.push_back({name, text, "definitions." + shown(name)});
  }
  return names;
}

/// Throws where a parameter or a definition is misspelt.
void check_names_are_read(const EvolveConfig& c) {
  const std::string formulas[] = {
      c.potential_expression,  c.potential_absorption,  c.metric_expression,
      c.metric_gxx_expression, c.metric_gyy_expression, c.metric_gzz_expression,
      c.metric_gxy_expression, c.metric_gxz_expression, c.metric_gyz_expression,
      c.bayes_expression,      c.bayes_phase,           c.source_expression,
      c.source_phase,          c.initial_expression,    c.initial_phase};
  field::check_names_are_read(names_of(c), formulas);
}

/// The values of a setting's formula at the cells.
void fill_formula(const EvolveConfig& c, const std::string& formula, const char* setting,
                  const field::Grid& grid, View<double, 2> values) {
  field::fill_formula(grid, formula, setting, values, names_of(c));
}

/// modulus e^{i phase} of two settings' formulas, of x, y, i and j.
FieldArray polar_field(const EvolveConfig& c, field::PolarFormula::Text modulus,
                       field::PolarFormula::Text phase, const field::Grid& grid) {
  FieldArray t(grid.shape());
  field::PolarFormula(grid, modulus, phase, names_of(c, false, true)).fill(t.view());
  return t;
}

/// Whether components of the metric have formulas of their own.
bool has_component_formulas(const EvolveConfig& c) {
  return !c.metric_gxx_expression.empty() || !c.metric_gyy_expression.empty() ||
         !c.metric_gzz_expression.empty() || !c.metric_gxy_expression.empty() ||
         !c.metric_gxz_expression.empty() || !c.metric_gyz_expression.empty();
}

bool metric_varies(const EvolveConfig& c) {
  return !c.metric_file.empty() || c.metric_bump != 0 || !c.metric_expression.empty() ||
         has_component_formulas(c);
}

/// A component of the metric off the diagonal.
struct CrossComponent {
  const char *name, *setting;
  double number;
  const std::string& formula;
};
std::array<CrossComponent, 3> cross_components(const EvolveConfig& c) {
  return {{{"gxy", "metric.gxy_expression", c.metric_gxy, c.metric_gxy_expression},
           {"gxz", "metric.gxz_expression", c.metric_gxz, c.metric_gxz_expression},
           {"gyz", "metric.gyz_expression", c.metric_gyz, c.metric_gyz_expression}}};
}
bool metric_is_oblique(const EvolveConfig& c) {
  for (const CrossComponent& g : cross_components(c)) {
    if (g.number != 0 || !g.formula.empty()) return true;
    if (!c.metric_file.empty() && io::hdf5_has(c.metric_file, g.name)) return true;
  }
  return false;
}

/// Throws where two settings say what one should.
void check_alternatives(const EvolveConfig& c) {
  const int metrics = !c.metric_file.empty() + (c.metric_bump != 0) + !c.metric_expression.empty() +
                      has_component_formulas(c);
  LIOR_CHECK(metrics <= 1,
             "metric.file, metric.bump, metric.expression and metric.gxx_expression with "
             "metric.gyy_expression and metric.gzz_expression each say how the metric varies; give "
             "one of them");
  for (const CrossComponent& g : cross_components(c)) {
    LIOR_CHECK(g.number == 0 || (g.formula.empty() && c.metric_file.empty()),
               "metric.{} is {}, and {} says what it is; give one of them", g.name, g.number,
               g.formula.empty() ? "metric.file" : g.setting);
  }
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

/// The components of a metric that varies by formulas or a bump; those off the diagonal where they
/// are not 0.
void fill_metric(const EvolveConfig& c, const field::Grid& grid,
                 std::span<Array<double, 2>> components, std::span<Array<double, 2>> cross) {
  Array<double, 2> all(grid.cell_shape());
  std::fill(all.span().begin(), all.span().end(), 1.0);
  if (c.metric_bump != 0) field::fill_bump(grid, c.metric_bump, all.view());
  if (!c.metric_expression.empty()) {
    fill_formula(c, c.metric_expression, "metric.expression", grid, all.view());
  }
  struct Component {
    const char* setting;
    const std::string& formula;
    double factor;
  };
  const Component given[] = {
      {"metric.gxx_expression", c.metric_gxx_expression, c.metric_gxx},
      {"metric.gyy_expression", c.metric_gyy_expression, c.metric_gyy},
      {"metric.gzz_expression", c.metric_gzz_expression, c.metric_gzz},
  };
  for (std::size_t axis = 0; axis < components.size(); ++axis) {
    const auto& [setting, formula, factor] = given[axis];
    Array<double, 2>& g = components[axis];
    g = Array<double, 2>(grid.cell_shape());
    std::copy(all.span().begin(), all.span().end(), g.data());
    if (!formula.empty()) fill_formula(c, formula, setting, grid, g.view());
    for (double& value : g.span()) value *= factor;
  }
  const auto off_diagonal = cross_components(c);
  for (std::size_t k = 0; k < cross.size(); ++k) {
    const CrossComponent& g = off_diagonal[k];
    if (g.number == 0 && g.formula.empty()) continue;
    cross[k] = Array<double, 2>(grid.cell_shape());
    if (!g.formula.empty()) fill_formula(c, g.formula, g.setting, grid, cross[k].view());
    for (Index n = 0; n < cross[k].size() && g.formula.empty(); ++n) {
      cross[k].data()[n] = g.number * all.data()[n];
    }
  }
}

/// The components of a metric in a file; those off the diagonal that it has.
void read_metric(const std::string& file, const field::Grid& grid,
                 std::span<Array<double, 2>> components, std::span<Array<double, 2>> cross) {
  constexpr const char *kDiagonal[] = {"gxx", "gyy", "gzz"}, *kCross[] = {"gxy", "gxz", "gyz"};
  for (std::size_t axis = 0; axis < components.size(); ++axis) {
    components[axis] = read_inverse_metric(file, kDiagonal[axis], grid, 0);
  }
  for (std::size_t k = 0; k < cross.size(); ++k) {
    if (io::hdf5_has(file, kCross[k])) {
      cross[k] = read_inverse_metric(file, kCross[k], grid, -INFINITY);
    }
  }
}

/// Cells along the axis that pictures look along.
Index picture_cells(const EvolveConfig& c) {
  const Index counts[] = {c.grid_nx, c.grid_ny, c.grid_nz};
  return counts[static_cast<int>(c.output_axis)];
}

/// Throws where pictures of three dimensions cannot show what is asked.
void check_pictures(const EvolveConfig& c) {
  LIOR_CHECK(c.output_view == PictureKind::slice || !c.output_plane,
             "output.plane is of a slice, and output.view is {}; leave output.plane out",
             name(c.output_view));
  LIOR_CHECK(!c.output_plane || *c.output_plane < picture_cells(c),
             "output.plane is {}, and grid.n{} {}; expected an index below it",
             c.output_plane.value_or(0), name(c.output_axis), picture_cells(c));
}

/// Throws where a setting speaks of an axis z, and the grid has none.
void check_axes(const EvolveConfig& c) {
  if (c.grid_nz > 1) return check_pictures(c);
  const auto check = [](bool unset, const char* setting) {
    LIOR_CHECK(unset, "{} is there, and the grid has no axis z; expected grid.nz above 1", setting);
  };
  check(!c.grid_dz, "grid.dz");
  check(c.grid_boundary_z == field::Boundary::periodic, "grid.boundary_z");
  check(c.metric_gzz == 1, "metric.gzz");
  check(c.metric_gzz_expression.empty(), "metric.gzz_expression");
  check(c.metric_gxz == 0, "metric.gxz");
  check(c.metric_gyz == 0, "metric.gyz");
  check(c.metric_gxz_expression.empty(), "metric.gxz_expression");
  check(c.metric_gyz_expression.empty(), "metric.gyz_expression");
  check(c.initial_z == 0, "initial.z");
  check(c.initial_kz == 0, "initial.kz");
  check(c.output_view == PictureKind::slice, "output.view");
  check(c.output_axis == PictureAxis::z, "output.axis");
  check(!c.output_plane, "output.plane");
}

FieldArray initial_field(const EvolveConfig& c, const field::Grid& grid) {
  if (c.initial_kind == InitialKind::file) {
    LIOR_CHECK(!c.initial_file.empty(),
               "initial.kind is file, and initial.file is empty; expected an HDF5 file");
    return read_array<4>(c.initial_file, {"initial.dataset", c.initial_dataset}, grid,
                         grid.shape());
  }
  if (c.initial_kind == InitialKind::expression) {
    LIOR_CHECK(!c.initial_expression.empty(),
               "initial.kind is expression, and initial.expression is empty; expected a formula of "
               "x, y and z, the modulus of the field");
    return polar_field(c, {c.initial_expression, "initial.expression"},
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
                          .ky = c.initial_ky,
                          .z0 = c.initial_z,
                          .kz = c.initial_kz},
                         t.view());
      break;
    case InitialKind::plane_wave:
      field::fill_plane_wave(grid, c.initial_kx, c.initial_ky, t.view(), c.initial_kz);
      break;
    default: field::fill_random(grid, static_cast<std::uint64_t>(c.initial_seed), t.view());
  }
  return t;
}

}  // namespace

PictureView picture_view(const EvolveConfig& c) {
  return {.kind = c.output_view,
          .axis = c.output_axis,
          .plane = c.output_plane.value_or(picture_cells(c) / 2)};
}

/// Compares the memory of the run with what there is, before anything is taken.
void EvolveSetup::check_memory(const EvolveConfig& c) const {
  const field::Load load{.varies = metric_varies(c),
                         .oblique = metric_is_oblique(c),
                         .driven = !c.source_file.empty() || !c.source_expression.empty(),
                         .potential_in_time = potential != nullptr,
                         .current_in_time = current_in_time != nullptr};
  // The start, evidence and J as read; a copy for output, one of a file's frame; V and a metric of
  // two or three parts, and as many off the diagonal.
  const Index field = grid.numbers() * static_cast<Index>(sizeof(Complex));
  const Index parts = 1 + (load.oblique ? 2 : 1) * grid.axis_count();
  const Index inputs = 4 * field + parts * grid.cells() * static_cast<Index>(sizeof(double));
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
             "a field of {} cells, D = {}, takes {} to evolve, and {} are available; choose a "
             "smaller grid",
             grid.size_text(), grid.d, bytes_text(static_cast<double>(bytes)),
             bytes_text(available));
}

EvolveSetup::EvolveSetup(const EvolveConfig& c)
    : grid{.nx = c.grid_nx,
           .ny = c.grid_ny,
           .d = c.grid_D,
           .dx = c.grid_dx,
           .spacing_y = c.grid_dy.value_or(0),
           .boundary_x = c.grid_boundary_x,
           .boundary_y = c.grid_boundary_y,
           .nz = c.grid_nz,
           .spacing_z = c.grid_dz.value_or(0),
           .boundary_z = c.grid_boundary_z} {
  Terms terms;
  ranks().together([&] { terms = read(c); });
  const field::InverseMetric metric{.gxx = c.metric_gxx,
                                    .gyy = c.metric_gyy,
                                    .gxx_field = terms.g[0].view(),
                                    .gyy_field = terms.g[1].view(),
                                    .gzz = c.metric_gzz,
                                    .gzz_field = terms.g[2].view(),
                                    .gxy = c.metric_gxy,
                                    .gxz = c.metric_gxz,
                                    .gyz = c.metric_gyz,
                                    .gxy_field = terms.cross[0].view(),
                                    .gxz_field = terms.cross[1].view(),
                                    .gyz_field = terms.cross[2].view()};
  hamiltonian = std::make_unique<field::Hamiltonian<double>>(
      grid, field::Physics{.hbar = c.physics_hbar, .mass = c.physics_m}, metric, terms.v.view());
}

/// Everything but the Hamiltonian, and what that is made of.
EvolveSetup::Terms EvolveSetup::read(const EvolveConfig& c) {
  grid.check();
  check_axes(c);
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
  check_names_are_read(c);
  follow_time(c);
  check_memory(c);

  Terms terms{.v = Array<double, 2>(grid.cell_shape())};
  set_potential(c, terms.v.view());
  const std::span components(terms.g.data(), static_cast<std::size_t>(grid.axis_count()));
  const std::span cross(terms.cross.data(), grid.axis_count() == 3 ? std::size_t{3} : 1);
  if (!c.metric_file.empty()) {
    read_metric(c.metric_file, grid, components, cross);
  } else if (metric_varies(c)) {
    fill_metric(c, grid, components, cross);
  }
  start = initial_field(c, grid);
  if (c.bayes_evidence == "builtin:spots") {
    evidence = FieldArray(grid.shape());
    field::fill_spots(grid, evidence.view());
  } else if (!c.bayes_evidence.empty()) {
    evidence =
        read_array<4>(c.bayes_evidence, {"bayes.dataset", c.bayes_dataset}, grid, grid.shape());
  } else if (!c.bayes_expression.empty()) {
    evidence = polar_field(c, {c.bayes_expression, "bayes.expression"},
                           {c.bayes_phase, "bayes.phase"}, grid);
  }
  if (!c.source_file.empty()) {
    current =
        read_array<4>(c.source_file, {"source.dataset", c.source_dataset}, grid, grid.shape());
  }
  if (!c.source_expression.empty() && !current_in_time) {
    current = polar_field(c, {c.source_expression, "source.expression"},
                          {c.source_phase, "source.phase"}, grid);
  }
  return terms;
}

/// V, and W where something absorbs.
void EvolveSetup::set_potential(const EvolveConfig& c, View<double, 2> v) {
  field::fill_potential(c.potential_kind, c.potential_strength, grid, v);
  if (!potential && !c.potential_expression.empty()) {
    Array<double, 2> own(grid.cell_shape());
    fill_formula(c, c.potential_expression, "potential.expression", grid, own.view());
    for (Index k = 0; k < grid.cells(); ++k) v.data()[k] += own.data()[k];
  }
  if (!c.potential_absorption.empty()) {
    absorption = Array<double, 2>(grid.cell_shape());
    fill_formula(c, c.potential_absorption, "potential.absorption", grid, absorption.view());
  }
  if (c.potential_file.empty()) return;
  const Array<Complex, 2> found =
      read_array<2>(c.potential_file, {"potential.dataset", c.potential_dataset}, grid, v.shape());
  for (Index k = 0; k < grid.cells(); ++k) {
    const double gain = found.data()[k].imag();
    v.data()[k] += found.data()[k].real();
    if (gain == 0) continue;
    LIOR_CHECK(gain < 0,
               "{}: the imaginary part of {} at cell {} is {}; expected <= 0, which absorbs",
               c.potential_file, c.potential_dataset,
               grid.cell_text(k / grid.row_cells(), k % grid.row_cells()), gain);
    if (absorption.size() == 0) absorption = Array<double, 2>(grid.cell_shape());
    absorption.data()[k] -= gain;
  }
}

/// The potential and the current, where their formulas read t.
void EvolveSetup::follow_time(const EvolveConfig& c) {
  if (!c.potential_expression.empty()) {
    field::GridFormula formula(grid, c.potential_expression, "potential.expression",
                               names_of(c, true));
    if (formula.reads_time()) potential = field::potential_in_time(std::move(formula));
  }
  if (!c.source_expression.empty()) {
    field::PolarFormula formula(grid, {c.source_expression, "source.expression"},
                                {c.source_phase, "source.phase"}, names_of(c, true, true));
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
