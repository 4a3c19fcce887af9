// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What ranks have to have alike.

#include <string>
#include <string_view>

#include "lior/comm/communicator.h"

namespace lior::comm {

/// Throws lior::Error on all ranks where the lines of one's text are not the first rank's: "rank 1
/// (host): NAME are not those of rank 0: 'steps = 8', there 'steps = 12'". Collective.
void check_same_lines(Communicator& ranks, std::string_view name, const std::string& text);

}  // namespace lior::comm
