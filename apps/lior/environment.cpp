// SPDX-License-Identifier: Apache-2.0
#include "environment.h"

namespace lior::app {

std::vector<settings::Setting> settings_of_environment(const settings::Fields& fields,
                                                       std::string_view prefix,
                                                       std::span<const std::string_view> others,
                                                       ProgressDisplay& display) {
  for (const std::string& name : settings::unknown_variables(fields, prefix, others)) {
    display.say(fmt::format("warning: {} is in the environment and is no setting; nothing reads it",
                            shown(name)));
  }
  return settings::read_environment(fields, prefix);
}

}  // namespace lior::app
