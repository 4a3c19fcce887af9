// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The settings of `lior evolve` (settings/settings.h), and the presets.

#include <optional>
#include <string>
#include <string_view>

#include "evolve_picture.h"
#include "lior/field/evolution.h"
#include "lior/settings/settings.h"

namespace lior::app {

enum class InitialKind { packet, plane_wave, random, file, expression };
constexpr auto enum_names(InitialKind) {
  return enum_words("packet", "plane_wave", "random", "file", "expression");
}

/// One member a setting, named table_key; the defaults are the `packet` preset's.
struct EvolveConfig {
  settings::Table<double> parameters{};        ///< what all formulas may name,
  settings::Table<std::string> definitions{};  ///< formulas among it
  Index grid_nx = 64, grid_ny = 64, grid_nz = 1, grid_D = 2;
  double grid_dx = 1;
  std::optional<double> grid_dy{}, grid_dz{};  ///< absent: dx
  field::Boundary grid_boundary_x = field::Boundary::periodic;
  field::Boundary grid_boundary_y = field::Boundary::periodic;
  field::Boundary grid_boundary_z = field::Boundary::periodic;
  double physics_hbar = 0.1, physics_m = 1, physics_lambda_qr = 0, physics_lambda_f = 0;
  double physics_alpha = 0.5, physics_tau = 0.5;
  double physics_nonlinearity = 0;
  field::Potential potential_kind = field::Potential::zero;
  double potential_strength = 0;
  std::string potential_expression{};  ///< of x, y, z and t, added to the kind's
  std::string potential_absorption{};  ///< W >= 0 of x, y and z: V - i W
  std::string potential_file{};        ///< HDF5: V [x, y, z], added to the kind's; complex: V - i W
  std::string potential_dataset = "V";
  double metric_gxx = 1, metric_gyy = 1, metric_gzz = 1;
  double metric_bump = 0;  ///< (1 + bump exp(-r^2 / 2 sigma^2)) times all, sigma = N/6 cells
  double metric_gxy = 0, metric_gxz = 0, metric_gyz = 0;  ///< off the diagonal
  /// HDF5: gxx, gyy and, where there is z, gzz [x, y, z]; gxy, gxz, gyz where the file has them
  std::string metric_file{};
  std::string metric_expression{};  ///< of x, y and z: times all components
  std::string metric_gxx_expression{}, metric_gyy_expression{},
      metric_gzz_expression{};  ///< times one
  std::string metric_gxy_expression{}, metric_gxz_expression{},
      metric_gyz_expression{};  ///< one itself
  field::Scheme integrator_kind = field::Scheme::strang;
  field::Symbol integrator_symbol = field::Symbol::discrete;
  field::Time integrator_time = field::Time::real;
  double integrator_dt = 0.25;
  Index integrator_steps = 800;
  Index bayes_update_every = 0;
  field::BayesMode bayes_mode = field::BayesMode::source;
  std::string bayes_evidence{};  ///< HDF5: E [x, y, z, i, j]; or builtin:spots
  std::string bayes_dataset = "E";
  std::string bayes_expression{};  ///< of x, y, z, i, j: the modulus of E
  std::string bayes_phase{};       ///< and its phase; empty: 0
  std::string source_file{};       ///< HDF5: J [x, y, z, i, j]
  std::string source_dataset = "J";
  std::string source_expression{};  ///< of x, y, z, t, i, j: the modulus of J
  std::string source_phase{};       ///< and its phase; empty: 0
  double memory_tolerance = 1e-6;
  Index memory_horizon = 1 << 20;
  InitialKind initial_kind = InitialKind::packet;
  std::string initial_file{};  ///< HDF5: T [x, y, z, i, j]; read where the kind is file
  std::string initial_dataset = "T";
  std::string
      initial_expression{};     ///< the modulus, of x, y, z, i, j, where the kind is expression
  std::string initial_phase{};  ///< and its phase; empty: 0
  double initial_width = 5, initial_x = 0, initial_y = 0, initial_z = 0;
  double initial_kx = 0.5, initial_ky = 0, initial_kz = 0;
  Index initial_seed = 0;
  Index output_every = 20;
  bool output_frames = true;  ///< a PNG picture a frame
  PictureKind output_view = PictureKind::slice;
  PictureAxis output_axis = PictureAxis::z;  ///< across the slice, or along the columns
  std::optional<Index> output_plane{};       ///< the slice's index along it; absent: the middle
};

/// The settings of a preset (evolve_presets.cpp). Throws lior::Error that lists their names.
EvolveConfig evolve_preset(std::string_view name);
/// "free, packet, ...".
std::string evolve_preset_list();
/// For help: each preset and what it shows.
std::string evolve_presets_note();
/// Every setting, with its bounds.
settings::Fields fields(EvolveConfig& config);
/// Before the key of a setting in the environment: LIOR_EVOLVE_GRID_NX.
inline constexpr std::string_view kEvolveVariablePrefix = "LIOR_EVOLVE_";

/// Parameters as numbers where formulas of numbers stand, k = "pi/2" or "k=pi/2,a=1", and
/// definitions as texts where numbers do.
void read_names(std::vector<settings::Setting>& given);

/// Names of files as they are seen from any folder.
void make_paths_absolute(EvolveConfig& config);

/// Throws lior::Error where a `given` setting says what nothing reads, since another setting, which
/// is not given, decides so: potential.strength where potential.kind is zero.
void check_settings_are_read(EvolveConfig config, std::span<const settings::Setting> given);

}  // namespace lior::app
