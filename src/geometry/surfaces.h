// SPDX-License-Identifier: Apache-2.0
#pragma once
// Surfaces by where their points lie in flat space: their metric is that of the lengths there.

#include <span>

#include "lior/geometry/expression_metric.h"

namespace lior::geometry {

/// A family of surfaces; `example` is a text of it.
struct SurfaceKind {
  std::string_view name, summary;
  std::string example;
};

std::span<const SurfaceKind> surface_kinds();
bool is_surface(std::string_view name);

/// The description of a surface: "revolution:z=FORMULA" of r, "graph:z=FORMULA" of x and y, or
/// "embedding:(u, v)->(X, Y, Z)", any number of either; statements as behind "expr:" may follow
/// behind semicolons, such as "a = 2", a definition. A name alone is the family's example. Throws
/// lior::Error where the text is none of these, and as read_metric_statements does.
MetricDescription read_surface(std::string_view text);

}  // namespace lior::geometry
