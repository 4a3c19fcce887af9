// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Many paths of `lior geodesic`: from a table of starts to a table of samples.

#include <optional>
#include <string>

#include "lior/geometry/geodesic.h"
#include "lior/geometry/velocity.h"

namespace lior::app {

struct ManyPaths {
  geometry::GeodesicOptions options;
  geometry::AnyMetric<double> metric;
  /// CSV or HDF5: a column for each coordinate x, and dx of its velocity.
  std::string starts;
  std::optional<std::string> out;  ///< HDF5 or CSV by its name; standard output, CSV, without it
  double length;
  Index samples;
  std::optional<double> square;  ///< g(v, v) that the first velocities are set to
  geometry::Toward toward = geometry::Toward::future;  ///< and where these lead
  std::optional<std::string> event;  ///< its zeros are written in place of the samples
  std::string progress = "auto";     ///< a word of ProgressMode
};

/// Follows all paths, writes their samples or events (path, parameter, coordinates, velocities, and
/// how the path ended) and says on stderr how far it is, and how many ended how. Ranks share the
/// paths, the first of them writes and speaks, and the table is that of one rank. Collective.
/// Throws lior::Error on all ranks that names file, line or column where the table of starts is not
/// of this metric.
void follow_many(const ManyPaths& paths);

}  // namespace lior::app
