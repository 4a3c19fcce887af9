// SPDX-License-Identifier: Apache-2.0
#include "evolve_config.h"

#include <filesystem>

#include "lior/expr/constant.h"

namespace lior::app {
namespace {

/// "k=1.57,a=1" of "k=pi/2,a=1"; what is no formula of numbers stays.
std::string with_numbers(std::string_view text) {
  std::string out;
  while (true) {
    const std::string_view entry = text.substr(0, text.find(','));
    const std::size_t value = std::min(entry.find('='), entry.size() - 1) + 1;
    const auto number = expr::constant_of(entry.substr(value));
    out += entry.substr(0, value);
    out += number ? fmt::format("{}", *number) : entry.substr(value);
    if (entry.size() == text.size()) return out;
    out += ',';
    text.remove_prefix(entry.size() + 1);
  }
}

/// A setting, whether it is read, and the setting that decides that.
struct Dependence {
  std::string_view setting;
  bool read;
  std::string_view by, expected;
};

std::vector<Dependence> dependences(const EvolveConfig& c) {
  std::vector<Dependence> all{
      {"potential.strength", c.potential_kind != field::Potential::zero, "potential.kind",
       "a kind"},
      {"potential.dataset", !c.potential_file.empty(), "potential.file", "a file"},
      {"source.dataset", !c.source_file.empty(), "source.file", "a file"},
      {"bayes.dataset", !c.bayes_evidence.empty(), "bayes.evidence", "a file"}};
  for (const char* setting : {"physics.tau", "bayes.update_every", "bayes.mode", "bayes.evidence",
                              "bayes.expression", "bayes.phase"}) {
    all.push_back(
        {setting, c.physics_lambda_qr != 0, "physics.lambda_qr", "a number other than 0"});
  }
  for (const char* setting : {"physics.alpha", "memory.tolerance", "memory.horizon"}) {
    all.push_back({setting, c.physics_lambda_f != 0, "physics.lambda_f", "a number other than 0"});
  }
  const auto start = [&](std::string_view setting, std::initializer_list<InitialKind> kinds,
                         std::string_view expected) {
    const bool read = std::find(kinds.begin(), kinds.end(), c.initial_kind) != kinds.end();
    all.push_back({setting, read, "initial.kind", expected});
  };
  using enum InitialKind;
  for (const char* setting : {"initial.width", "initial.x", "initial.y", "initial.z"}) {
    start(setting, {packet}, "packet");
  }
  for (const char* setting : {"initial.kx", "initial.ky", "initial.kz"}) {
    start(setting, {packet, plane_wave}, "packet or plane_wave");
  }
  start("initial.seed", {random}, "random");
  start("initial.file", {file}, "file");
  start("initial.dataset", {file}, "file");
  start("initial.expression", {expression}, "expression");
  start("initial.phase", {expression}, "expression");
  return all;
}

}  // namespace

settings::Fields fields(EvolveConfig& c) {
  using settings::Bounds, settings::Field;
  using settings::kCount, settings::kCountOrNone, settings::kPositive;
  constexpr Bounds kSide{1, 1 << 16}, kOpenUnit{0, 1, true, true};
  return {
      Field("parameters", c.parameters).absent_in_old_files(),
      Field("definitions", c.definitions).absent_in_old_files(),
      {"grid.nx", c.grid_nx, kSide},
      {"grid.ny", c.grid_ny, kSide},
      Field("grid.nz", c.grid_nz, kSide).absent_in_old_files(),
      {"grid.D", c.grid_D, {1, 1 << 10}},
      {"grid.dx", c.grid_dx, kPositive},
      Field("grid.dy", c.grid_dy, kPositive).absent_in_old_files(),
      Field("grid.dz", c.grid_dz, kPositive).absent_in_old_files(),
      Field("grid.boundary_x", c.grid_boundary_x).absent_in_old_files(),
      Field("grid.boundary_y", c.grid_boundary_y).absent_in_old_files(),
      Field("grid.boundary_z", c.grid_boundary_z).absent_in_old_files(),
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
      Field("metric.gzz", c.metric_gzz, kPositive).absent_in_old_files(),
      Field("metric.gxy", c.metric_gxy).absent_in_old_files(),
      Field("metric.gxz", c.metric_gxz).absent_in_old_files(),
      Field("metric.gyz", c.metric_gyz).absent_in_old_files(),
      {"metric.bump", c.metric_bump},
      {"metric.file", c.metric_file},
      Field("metric.expression", c.metric_expression).absent_in_old_files(),
      Field("metric.gxx_expression", c.metric_gxx_expression).absent_in_old_files(),
      Field("metric.gyy_expression", c.metric_gyy_expression).absent_in_old_files(),
      Field("metric.gzz_expression", c.metric_gzz_expression).absent_in_old_files(),
      Field("metric.gxy_expression", c.metric_gxy_expression).absent_in_old_files(),
      Field("metric.gxz_expression", c.metric_gxz_expression).absent_in_old_files(),
      Field("metric.gyz_expression", c.metric_gyz_expression).absent_in_old_files(),
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
      Field("initial.z", c.initial_z).absent_in_old_files(),
      {"initial.kx", c.initial_kx},
      {"initial.ky", c.initial_ky},
      Field("initial.kz", c.initial_kz).absent_in_old_files(),
      {"initial.seed", c.initial_seed, kCountOrNone},
      {"output.every", c.output_every, kCount},
      {"output.frames", c.output_frames},
      Field("output.view", c.output_view).absent_in_old_files(),
      Field("output.axis", c.output_axis).absent_in_old_files(),
      Field("output.plane", c.output_plane, kCountOrNone).absent_in_old_files(),
  };
}

void read_names(std::vector<settings::Setting>& given) {
  for (settings::Setting& setting : given) {
    if (const auto* text = std::get_if<std::string>(&setting.value);
        text != nullptr && setting.key.starts_with("parameters.")) {
      if (const auto number = expr::constant_of(*text)) setting.value = *number;
    }
    if (setting.key.starts_with("definitions.")) {
      const auto* whole = std::get_if<Index>(&setting.value);
      const auto* number = std::get_if<double>(&setting.value);
      if (whole != nullptr) {
        setting.value = fmt::format("{}", *whole);
      } else if (number != nullptr) {
        setting.value = fmt::format("{}", *number);
      }
    }
    auto* words = std::get_if<settings::TextValue>(&setting.value);
    if (words != nullptr && setting.key == "parameters") words->text = with_numbers(words->text);
  }
}

void check_settings_are_read(EvolveConfig c, std::span<const settings::Setting> given) {
  EvolveConfig untouched;
  const settings::Fields now = fields(c), defaults = fields(untouched);
  const auto text = [](const settings::Fields& of, std::string_view key) {
    const auto named = [&](const settings::Field& field) { return field.key() == key; };
    const std::string value = std::find_if(of.begin(), of.end(), named)->text();
    return value.empty() ? "empty" : value;
  };
  for (const Dependence& d : dependences(c)) {
    if (d.read || !settings::last_of(given, d.setting)) continue;
    // A file that a run saved holds every setting, those that nothing reads among them.
    if (settings::last_of(given, d.by)) continue;
    if (text(now, d.setting) == text(defaults, d.setting)) continue;
    throw Error(fmt::format("{} is {}, and nothing reads it, since {} is {}; expected {}",
                            d.setting, text(now, d.setting), d.by, text(now, d.by), d.expected));
  }
}

void make_paths_absolute(EvolveConfig& config) {
  for (std::string* file : {&config.potential_file, &config.metric_file, &config.bayes_evidence,
                            &config.source_file, &config.initial_file}) {
    if (file->empty() || file->starts_with("builtin:")) continue;
    *file = std::filesystem::absolute(*file).lexically_normal().string();
  }
}

}  // namespace lior::app
