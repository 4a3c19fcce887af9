// SPDX-License-Identifier: Apache-2.0
// The presets of `lior evolve`: one row each. What a row does not name is EvolveConfig's default.
#include <algorithm>
#include <numbers>

#include "evolve_config.h"
#include "lior/core/text.h"

namespace lior::app {
namespace {

struct Preset {
  std::string_view name, shows;
  EvolveConfig config;
};

const Preset kPresets[] = {
    {"free",
     "a plane wave without forces",
     {.initial_kind = InitialKind::plane_wave,
      .initial_kx = 2 * std::numbers::pi / 64 * 2,
      .initial_ky = 2 * std::numbers::pi / 64}},
    {"packet", "a wave packet that moves and spreads", {}},
    {"harmonic",
     "a coherent state of frequency 0.1 in a harmonic potential",
     {.grid_dx = 0.5,
      .potential_kind = field::Potential::harmonic,
      .potential_strength = 0.01,
      .integrator_symbol = field::Symbol::continuous,
      .integrator_steps = 252,
      .initial_width = std::numbers::sqrt2 / 2,
      .initial_x = 4,
      .initial_kx = 0,
      .output_every = 6}},
    {"driven",
     "an oscillator that a force of another frequency swings",
     {.parameters = {{"force", 0.7}, {"frequency", 0.8}},
      .grid_nx = 96,
      .grid_ny = 48,
      .grid_D = 1,
      .grid_dx = 0.25,
      .physics_hbar = 1,
      .potential_expression = "(x^2 + y^2)/2 - force*cos(frequency*t)*x",
      .integrator_kind = field::Scheme::yoshida4,
      .integrator_symbol = field::Symbol::continuous,
      .integrator_dt = 0.05,
      .integrator_steps = 640,
      .initial_kind = InitialKind::expression,
      .initial_expression = "exp(-(x^2 + y^2)/2)/sqrt(pi)",
      .output_every = 16}},
    {"box",
     "a particle between two walls, in its two lowest states at once",
     {.grid_nx = 128,
      .grid_ny = 1,
      .grid_D = 1,
      .grid_dx = 0.125,
      .grid_boundary_x = field::Boundary::dirichlet,
      .physics_hbar = 1,
      .integrator_symbol = field::Symbol::continuous,
      .integrator_dt = 0.5,
      .integrator_steps = 220,
      .initial_kind = InitialKind::expression,
      .initial_expression = "(cos(pi*x/Lx) + sin(2*pi*x/Lx))/sqrt(Lx)",
      .output_every = 10}},
    {"barrier",
     "a packet that meets a barrier: part goes through",
     {.potential_kind = field::Potential::gaussian_barrier,
      .potential_strength = 0.005,
      .integrator_dt = 0.5,
      .initial_width = 4,
      .initial_x = -24,
      .initial_kx = 0.9}},
    {"belief",
     "a field that moves to what the evidence supports",
     {.physics_lambda_qr = 0.02,
      .integrator_steps = 400,
      .bayes_mode = field::BayesMode::relax,
      .bayes_evidence = "builtin:spots",
      .initial_width = 16,
      .initial_kx = 0}},
    {"memory",
     "a packet with power-law memory",
     {.physics_lambda_f = 0.004, .integrator_dt = 0.1, .integrator_steps = 400}},
    {"curved",
     "a packet over a bump of the metric",
     {.metric_bump = 2,
      .integrator_kind = field::Scheme::chebyshev,
      .integrator_dt = 1,
      .integrator_steps = 400,
      .initial_x = -16,
      .initial_kx = 0.8}},
    {"soliton",
     "two bright solitons that meet and go on: g < 0 holds each together",
     {.parameters = {{"speed", 0.75}},
      .grid_nx = 192,
      .grid_ny = 16,
      .grid_D = 1,
      .grid_dx = 0.25,
      .physics_hbar = 1,
      .physics_nonlinearity = -1,
      .integrator_symbol = field::Symbol::continuous,
      .integrator_dt = 0.02,
      .integrator_steps = 1600,
      .initial_kind = InitialKind::expression,
      .initial_expression = "1/cosh(x + 12) + 1/cosh(x - 12)",
      .initial_phase = "where(x < 0, 1, -1)*speed*x",
      .output_every = 40}},
    {"condensate",
     "the ground state of a Bose gas in a trap, by imaginary time",
     {.grid_D = 1,
      .grid_dx = 0.25,
      .physics_hbar = 1,
      .physics_nonlinearity = 200,
      .potential_expression = "(x^2 + 1.5*y^2)/2",
      .integrator_symbol = field::Symbol::continuous,
      .integrator_time = field::Time::imaginary,
      .integrator_dt = 0.01,
      .integrator_steps = 600,
      .initial_kind = InitialKind::expression,
      .initial_expression = "exp(-(x^2 + y^2)/8)/sqrt(4*pi)"}},
    {"trap",
     "the same in three dimensions: a Bose gas in a trap twice as long as wide",
     {.grid_nx = 36,
      .grid_ny = 24,
      .grid_nz = 24,
      .grid_D = 1,
      .grid_dx = 0.4,
      .physics_hbar = 1,
      .physics_nonlinearity = 80 * std::numbers::pi,
      .potential_expression = "(x^2/4 + y^2 + z^2)/2",
      .integrator_symbol = field::Symbol::continuous,
      .integrator_time = field::Time::imaginary,
      .integrator_dt = 0.01,
      .integrator_steps = 400,
      .initial_kind = InitialKind::expression,
      .initial_expression = "exp(-(x^2/4 + y^2 + z^2)/4)/sqrt(2*(2*pi)^1.5)",
      .output_every = 40}},
};

}  // namespace

EvolveConfig evolve_preset(std::string_view name) {
  const auto* found = std::ranges::find(kPresets, name, &Preset::name);
  LIOR_CHECK(found != std::end(kPresets), "preset '{}' is unknown; expected one of: {}",
             shown(name), evolve_preset_list());
  return found->config;
}

std::string evolve_preset_list() {
  std::string text;
  for (const Preset& preset : kPresets) {
    text += fmt::format("{}{}", text.empty() ? "" : ", ", preset.name);
  }
  return text;
}

std::string evolve_presets_note() {
  std::string text = "Presets:\n";
  for (const Preset& preset : kPresets) {
    text += fmt::format("  {:<24} {}\n", preset.name, preset.shows);
  }
  return text;
}

}  // namespace lior::app
