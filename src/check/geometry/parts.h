// SPDX-License-Identifier: Apache-2.0
#pragma once
// Rows of add_geodesic_checks and add_geometry_benches that stand in files of their own.

#include "lior/check/registry.h"

namespace lior::check {

void add_distance_checks(Registry& registry);
void add_expression_metric_benches(Registry& registry);
void add_expression_metric_checks(Registry& registry);
void add_kerr_checks(Registry& registry);
void add_symmetric_space_checks(Registry& registry);

}  // namespace lior::check
