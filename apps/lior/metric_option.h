// SPDX-License-Identifier: Apache-2.0
#pragma once
/// --metric, points on a line and tables of points, as commands about metrics share them.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "command.h"
#include "lior/core/buffer.h"
#include "lior/geometry/metric.h"

namespace lior::app {

/// Declares --metric.
void add_metric_option(Options& options, std::string& metric);

/// The metric of that text: one of metric_from_text, or a learned one in FILE.safetensors.
geometry::AnyMetric<double> open_metric(const std::string& text, bool spd_floor = false);

/// The text without the folders of a file.
std::string title_of(const std::string& metric);
/// Whether the text is formulas, which are too long for a picture's title.
bool is_formulas(const std::string& metric);

/// "0.5,pi/2,80deg" as `count` finite numbers, [count, 1]; `flag` opens errors, which name `kind`.
Array<double, 2> numbers(const char* flag, const std::string& text, Index count,
                         const char* kind = "coordinates");

/// Whether a file's name says that it is HDF5.
bool is_hdf5(const std::string& path);

/// Columns of a table in a file, CSV or HDF5, [columns, N], in the order of their names; those of
/// `optional` that it lacks are 0, and false in `given`. Cells of CSV are what `numbers` takes.
/// Throws lior::Error for other columns than these.
Array<double, 2> read_columns(const std::string& path, const std::vector<std::string>& names,
                              const std::vector<std::string>& optional = {},
                              std::vector<bool>* given = nullptr);

/// body(), whose errors say where its points are from: "--at: point 0 = (0, 1) is outside ..".
template <class Body>
auto of_points(std::string_view source, const Body& body) {
  try {
    return body();
  } catch (const Error& error) {
    throw Error(fmt::format("{}: {}", source, error.what()));
  }
}

/// The names of a metric's coordinates, each behind `prefix`.
std::vector<std::string> coordinate_names(const geometry::AnyMetric<double>& metric,
                                          const char* prefix = "");
/// "r = 6, phi = 0" at numbers that lie `stride` apart, each in that format.
std::string shown_point(const geometry::AnyMetric<double>& metric, const double* x, Index stride,
                        const char* format = "{:.10g}");

/// A number of JSON, which has no NaN.
std::string json_number(double value);
/// "1, 2" of numbers that lie `stride` apart.
std::string list(const double* values, Index count, Index stride = 1);
/// ["r", "phi"] of the coordinates' names.
std::string json_coordinates(const geometry::AnyMetric<double>& metric);

}  // namespace lior::app
