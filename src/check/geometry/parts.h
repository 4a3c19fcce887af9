// SPDX-License-Identifier: Apache-2.0
#pragma once
// Rows of add_geodesic_checks that stand in files of their own.

#include "lior/check/registry.h"

namespace lior::check {

void add_distance_checks(Registry& registry);
void add_kerr_checks(Registry& registry);

}  // namespace lior::check
