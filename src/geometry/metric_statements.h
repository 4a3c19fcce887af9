// SPDX-License-Identifier: Apache-2.0
#pragma once
// Metrics on a line: statements between semicolons.

#include "lior/geometry/expression_metric.h"
#include "settings/files.h"

namespace lior::geometry {

/// Adds the statements "key = value" of a line, a definition where the key is none of a metric's
/// file. Of those without a key the first one of all is coordinates, another the line element.
void add_statements(std::string_view statements, std::string_view where,
                    std::vector<settings::Setting>& settings);

/// The description that settings with the keys of a metric's file make; `source` opens errors.
MetricDescription describe_metric(const std::vector<settings::Setting>& settings,
                                  std::string_view source);

}  // namespace lior::geometry
