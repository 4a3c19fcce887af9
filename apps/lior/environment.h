// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Settings from the variables of the environment.

#include <span>
#include <string_view>
#include <vector>

#include "lior/settings/settings.h"
#include "progress.h"

namespace lior::app {

/// Those of `fields`, named prefix + KEY. The display warns of variables that begin with the
/// prefix, are no settings, and do not begin with one of `others`.
std::vector<settings::Setting> settings_of_environment(const settings::Fields& fields,
                                                       std::string_view prefix,
                                                       std::span<const std::string_view> others,
                                                       ProgressDisplay& display);

}  // namespace lior::app
