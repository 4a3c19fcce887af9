#pragma once
/// What a run of `lior evolve` leaves in its folder, and how it goes on from it.

#include "evolve_config.h"
#include "lior/io/hdf5.h"
#include "lior/io/json_lines.h"

namespace lior::app {

/// field.h5, diagnostics.jsonl, frames/NNNNNN.png and checkpoint.safetensors.
class EvolveOutput {
 public:
  /// A new run in `folder`, which exists.
  EvolveOutput(const std::string& folder, const EvolveConfig& config, const EvolveSetup& setup);
  /// Goes on from the checkpoint: fills `evolution`, and drops what was written after it.
  EvolveOutput(const std::string& folder, const EvolveConfig& config, const EvolveSetup& setup,
               field::Evolution<double>& evolution);

  /// The field as it is: a frame, a line, a picture.
  void frame(const field::Evolution<double>& evolution);
  void checkpoint(field::Evolution<double>& evolution) const;

 private:
  void picture(field::ConstField<double> t, double time) const;

  std::string folder_;
  const EvolveSetup* setup_;
  bool pictures_;
  Index frames_ = 0;
  double brightest_;  ///< the modulus of full brightness: the start's largest
  io::Hdf5Series series_;
  std::unique_ptr<io::JsonLines> lines_;
  Buffer<double> row_sums_;
  Array<std::complex<double>, 4> work_;
};

}  // namespace lior::app
