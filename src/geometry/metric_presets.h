// SPDX-License-Identifier: Apache-2.0
#pragma once
// The metrics that are files of formulas: src/geometry/presets/*.toml.

#include <span>

namespace lior::geometry {

struct MetricPreset {
  const char *name, *text;
};

std::span<const MetricPreset> metric_presets();

}  // namespace lior::geometry
