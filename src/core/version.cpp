// SPDX-License-Identifier: Apache-2.0
#include "lior/core/version.h"

#include "lior/core/lines.h"

namespace lior {

std::string_view version() { return LIOR_VERSION; }
std::string_view compiler() { return LIOR_COMPILER; }
std::string_view build_type() { return LIOR_BUILD_TYPE; }

std::string processor_name() {
  Lines lines("/proc/cpuinfo");
  while (const auto line = lines.next()) {
    const std::size_t colon = line->find(": ");
    if (line->starts_with("model name") && colon != line->npos) {
      return std::string(line->substr(colon + 2));
    }
  }
  return "unknown";
}

}  // namespace lior
