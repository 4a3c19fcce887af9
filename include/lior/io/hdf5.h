#pragma once
/// HDF5 files: growing arrays of frames to write, whole arrays to read.
///
/// Complex numbers are compounds of doubles named r and i, which h5py reads as complex.

#include <complex>
#include <memory>
#include <string>
#include <vector>

#include "lior/core/view.h"

namespace lior::io {

/// A file that grows along "frame", the first axis of its series.
///
/// Throws lior::Error when the file cannot be made or opened, lior::RunError when writing fails.
class Hdf5Series {
 public:
  static Hdf5Series create(const std::string& path);
  static Hdf5Series open(const std::string& path);
  Hdf5Series(Hdf5Series&&) noexcept;
  Hdf5Series& operator=(Hdf5Series&&) noexcept;
  ~Hdf5Series();

  /// A dimension scale: coordinates along an axis.
  void add_scale(const std::string& name, std::span<const double> values);
  /// A scale along the frames, empty at first.
  void add_growing_scale(const std::string& name);
  /// An array [frames, shape...] of complex numbers, empty at first; scales[k] is attached to axis
  /// k, labels[k] names it; an empty scale attaches none.
  void add_frames(const std::string& name, std::span<const Index> shape,
                  std::span<const std::string> scales, std::span<const std::string> labels);

  void append(const std::string& name, double value);
  void append(const std::string& name, std::span<const std::complex<double>> frame);
  /// Drops all but the first `count` frames. Throws lior::Error when there are fewer.
  void truncate(const std::string& name, Index count);
  /// Everything so far reaches the system, and the file is whole.
  void flush();

 private:
  struct State;
  explicit Hdf5Series(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// A data set, whole: complex (compound r, i) or real numbers of any width, as complex ones.
/// Throws lior::Error that names the file and the data set when either is missing, is not numbers,
/// or has another shape than `shape`.
std::vector<std::complex<double>> read_hdf5(const std::string& path, const std::string& name,
                                            std::span<const Index> shape);

}  // namespace lior::io
