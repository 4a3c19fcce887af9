// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The frames of field.h5 as ParaView and VTK open them.

#include <cstdint>
#include <span>
#include <string>

#include "lior/field/grid.h"

namespace lior::app {

/// A frame in field.h5: its time, and the byte where its numbers [x, y, i, j, 2], or
/// [x, y, z, i, j, 2], begin.
struct StoredFrame {
  double time;
  std::int64_t offset;
};

/// Writes field.xdmf and field.points into `folder`: a series in time of points (x, y, z), z = 0
/// where there is none, with the real and the imaginary part of each T_ij. The numbers are those in
/// field.h5, by their places there: HDF5's compounds of real and imaginary parts are none of XDMF's
/// types. Points are doubles [x, y, 3] or [x, y, z, 3]. Throws as io::write_file_atomically does.
void write_xdmf(const std::string& folder, const field::Grid& grid,
                std::span<const StoredFrame> frames);

}  // namespace lior::app
