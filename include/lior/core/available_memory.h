// SPDX-License-Identifier: Apache-2.0
#pragma once
/// How much memory there is to plan with.

#include <cstddef>
#include <string>

namespace lior {

/// Bytes that this process can still fill without being stopped: the least of what the system says
/// is available, what its control group and those above it leave, and what its address-space limit
/// leaves.
std::size_t available_memory();

/// "512 bytes", "3.2 MB", "1.8 GB": powers of 1,000, for messages.
std::string bytes_text(double bytes);

}  // namespace lior
