// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The files of a run of `lior evolve`, and how it goes on from them after any end:
/// done, interrupted, killed, out of disk (docs/decisions/034-frames-that-stay.md).

#include <functional>
#include <memory>
#include <optional>

#include "evolve_picture.h"
#include "evolve_setup.h"
#include "lior/io/folder_lock.h"
#include "lior/io/hdf5.h"
#include "lior/io/json_lines.h"
#include "ranks.h"

namespace lior::app {

/// field.h5, field.xdmf, diagnostics.jsonl, frames/NNNNNN.png and checkpoint.safetensors.
///
/// A checkpoint is the only thing that counts: it holds the state of the run and, of each frame up
/// to there, its place in field.h5 and its hash. It replaces the last one whole, after the frames
/// have reached the disk. field.h5 is never changed where a checkpoint points to: a run that goes
/// on copies those frames into a new file, which takes the old one's name.
///
/// Where ranks share the grid all make one, and all calls are collective: the first rank gathers
/// what it writes, the files are those of one process.
class EvolveOutput {
 public:
  /// In `folder`, which exists. With a checkpoint there `evolution`, as it was made, is filled from
  /// it and its frames are kept; those past it are dropped. Where frames are missing or were
  /// changed the run starts again, which gives the same bits; `say` hears of that.
  EvolveOutput(const std::string& folder, const EvolveConfig& config, const EvolveSetup& setup,
               field::Evolution<double>& evolution,
               const std::function<void(const std::string&)>& say);
  /// The step of the checkpoint in `folder`; 0 without one.
  static Index saved_step(const std::string& folder);

  /// The field as it is: a frame, a line, a picture.
  void frame(const field::Evolution<double>& evolution);
  void checkpoint(field::Evolution<double>& evolution);
  /// The end of the program's work on the run: a frame of its last step if that has none yet,
  /// field.h5 closed, a checkpoint, field.xdmf.
  void finish(field::Evolution<double>& evolution);
  Index frames() const { return std::ssize(hashes_); }

 private:
  using Offsets = std::vector<std::int64_t>;
  struct Checkpoint;
  void resume(field::Evolution<double>& evolution,
              const std::function<void(const std::string&)>& say);
  bool copy_frames(const std::optional<io::RawFrames>& from, const Checkpoint& saved,
                   const Offsets& offsets, Index count, const field::Evolution<double>* lines_of);
  void new_series();
  void add_frame(field::ConstField<double> all, Index step);
  void add_line(field::ConstField<double> t, Index step, const field::Evolution<double>& evolution);
  void save(field::Evolution<double>& evolution, const Offsets& offsets_before = {});
  std::string path(const char* name) const { return folder_ + "/" + name; }
  double time_of(Index step) const { return static_cast<double>(step) * setup_->settings.dt; }
  /// Frames of a run that has made so many steps, the last one's included.
  Index frames_of(Index step) const { return (step + every_ - 1) / every_ + 1; }

  std::span<double> room_for_all(std::span<double> own, Buffer<double>& buffer) const;
  template <class Move>
  void each_plane(std::span<double> own, std::span<double> all, const Move& move) const;
  field::ConstField<double> whole(field::ConstField<double> t);
  /// Real numbers of a row of a field.
  Index row_reals() const { return 2 * setup_->grid.row_cells() * setup_->grid.d * setup_->grid.d; }

  std::string folder_;
  bool writes_ = ranks().is_first();
  std::optional<io::FolderLock> lock_;
  const EvolveSetup* setup_;
  Index every_, steps_;
  bool pictures_;
  PictureView view_;          ///< what they show
  double picture_scale_ = 1;  ///< of the start: the same in all of them
  std::optional<io::Hdf5Series> series_;
  Offsets offsets_, hashes_;  ///< of the frames in field.h5
  std::unique_ptr<io::JsonLines> lines_;
  Buffer<double> row_sums_;
  Array<std::complex<double>, 4> work_;
  Array<std::complex<double>, 4> whole_;  ///< the field of all ranks, on the first of several
};

}  // namespace lior::app
