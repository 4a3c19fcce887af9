// SPDX-License-Identifier: Apache-2.0
#pragma once
/// HDF5 files: a growing series of complex frames to write, whole arrays to read.
///
/// Complex numbers are compounds of doubles named r and i, which h5py reads as complex.
///
/// A liblior that was configured with LIOR_HDF5=OFF throws lior::RunError, which says so, where a
/// file would be made or read.

#include <complex>
#include <memory>
#include <string>
#include <vector>

#include "lior/core/view.h"
#include "lior/io/table.h"

namespace lior::io {

/// "HDF5 1.10.8", or "no HDF5".
std::string hdf5_library();

/// Where the numbers of one frame lie in its file, and a hash of them: with it a frame is read
/// without the file's own tables, which a killed program may leave half written.
struct FramePlace {
  std::uint64_t offset = 0;  ///< bytes from the file's start
  std::uint64_t hash = 0;
};

/// A new file that grows along "frame", the first axis of its series.
///
/// Only `sync` makes sure that what was written is there: until then a killed program may leave a
/// file that HDF5 cannot open. Frames whose places are known are in it all the same (RawFrames).
///
/// Throws lior::Error when the file cannot be made, lior::RunError with the system's reason when
/// writing fails; the series then takes nothing more.
class Hdf5Series {
 public:
  /// Replaces what is at `path`, a link as a file. Its permissions are those of `like`, as of an
  /// AtomicFile.
  explicit Hdf5Series(const std::string& path, const std::string& like = {});
  Hdf5Series(Hdf5Series&&) noexcept;
  Hdf5Series& operator=(Hdf5Series&&) noexcept;
  ~Hdf5Series();

  /// A dimension scale: coordinates along an axis.
  void add_scale(const std::string& name, std::span<const double> values);
  /// A scale along the frames, empty at first.
  void add_growing_scale(const std::string& name);
  /// An array [frames, shape...] of complex numbers, empty at first; scales[k] is attached to axis
  /// k, labels[k] names it; an empty scale attaches none. A frame has less than 4 GB: that is what
  /// HDF5 can keep in one piece.
  void add_frames(const std::string& name, std::span<const Index> shape,
                  std::span<const std::string> scales, std::span<const std::string> labels);

  void append(const std::string& name, double value);
  FramePlace append(const std::string& name, std::span<const std::complex<double>> frame);
  /// The file is whole, and on the disk.
  void sync();
  /// The same, and closes it.
  void close();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Frames of a series read by their places, from whatever file there is.
class RawFrames {
 public:
  /// A missing file has no frames. Throws lior::RunError where another program has it open with
  /// HDF5.
  explicit RawFrames(const std::string& path);
  RawFrames(const RawFrames&) = delete;
  RawFrames& operator=(const RawFrames&) = delete;
  // NOLINTNEXTLINE(performance-trivially-destructible): it is where there is no HDF5
  ~RawFrames();

  /// False unless all of `frame` was read and has the place's hash.
  bool read(const FramePlace& place, std::span<std::complex<double>> frame) const;

 private:
  int descriptor_;
};

/// A data set of the file's root, whole, as complex numbers.
///
/// It may hold floating-point numbers of 2, 4 or 8 bytes, integers of 1 to 8, or a compound of two
/// such floating-point numbers named (r, i), (real, imag) or (re, im). Class, layout, filters,
/// names and extents are checked before a number is read: lior::Error says what was found and what
/// would be right; so it does for a link to another file, external storage, a virtual data set, a
/// filter other than deflate, shuffle and Fletcher's checksum, and a file that another program has
/// open.
///
/// The file itself is trusted: HDF5 1.10 crashes on files that were made to crash it, before any
/// check of ours. Read no file from a source that you would not run a program from.
std::vector<std::complex<double>> read_hdf5(const std::string& path, const std::string& name,
                                            std::span<const Index> shape);
/// The same for real numbers; a complex data set is refused.
std::vector<double> read_hdf5_real(const std::string& path, const std::string& name,
                                   std::span<const Index> shape);
/// Whether the file's root has something of that name. Throws as read_hdf5 does for the file.
bool hdf5_has(const std::string& path, const std::string& name);

/// The data sets of the file's root as the columns of a table: of one axis, one length, and finite
/// real numbers. Checked as read_hdf5 checks. Throws lior::Error that names the data set which is
/// no such column.
Table read_hdf5_table(const std::string& path);

/// A column of a table that is written.
struct Hdf5Column {
  std::string name;
  std::vector<double> numbers;
  std::vector<std::string> words{};  ///< not empty: numbers are places among these, an enumeration
};

/// The bytes of a file whose root has the columns as data sets of one axis: doubles, or an
/// enumeration of bytes. Columns are of one length. It is made in memory, and the same bytes for
/// the same columns.
std::string hdf5_table(std::span<const Hdf5Column> columns);

}  // namespace lior::io
