// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Which lior this is, and what it runs on.

#include <string>
#include <string_view>

namespace lior {

std::string_view version();     ///< "0.1.0"
std::string_view compiler();    ///< "GNU 12.2.0"
std::string_view build_type();  ///< "Release"
std::string processor_name();   ///< as the kernel names it; "unknown" where it does not

}  // namespace lior
