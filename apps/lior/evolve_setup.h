// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What the settings of `lior evolve` make.

#include <memory>

#include "evolve_config.h"

namespace lior::app {

/// What the settings say of pictures.
PictureView picture_view(const EvolveConfig& config);

/// All that a run computes with. Throws lior::Error where the configuration cannot run.
struct EvolveSetup {
  explicit EvolveSetup(const EvolveConfig& config);
  /// The same run with dt divided by `factor`.
  std::unique_ptr<field::Evolution<double>> make(Index factor = 1) const;

  std::unique_ptr<field::Share> share;  ///< null where there is one rank
  field::Grid grid;                     ///< this rank's rows
  field::Settings settings;
  std::unique_ptr<field::Hamiltonian<double>> hamiltonian;
  Array<std::complex<double>, 4> start, evidence, current;
  Array<double, 2> absorption;       ///< empty where nothing absorbs
  field::PotentialInTime potential;  ///< empty where it stays
  field::CurrentInTime<double> current_in_time;

  /// The part of these that `evolution` takes.
  field::Inputs<double> inputs() const;

 private:
  /// What the Hamiltonian is made of; g: g^xx, g^yy and g^zz, empty where they do not vary; cross:
  /// g^xy, g^xz and g^yz, empty where they are the same everywhere.
  struct Terms {
    Array<double, 2> v;
    std::array<Array<double, 2>, 3> g{}, cross{};
  };
  Terms read(const EvolveConfig& config);
  void set_potential(const EvolveConfig& config, View<double, 2> v);
  void follow_time(const EvolveConfig& config);
  void check_memory(const EvolveConfig& config) const;
};

}  // namespace lior::app
