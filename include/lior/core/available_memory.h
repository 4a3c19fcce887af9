// SPDX-License-Identifier: Apache-2.0
#pragma once
/// How much memory there is to plan with.

#include <cstddef>
#include <string>

namespace lior {

/// Bytes that this process can still fill without being stopped: the least of its share of what the
/// system says is available, of what its control group and those above it leave, and what its
/// address-space limit leaves.
std::size_t available_memory();

/// Says that so many processes of this host, this one among them, work on one problem and take
/// about the same: from then on its share is an even one. 1 at first.
void share_memory(std::size_t processes);

/// "512 bytes", "3.2 MB", "1.8 GB": powers of 1,000, for messages.
std::string bytes_text(double bytes);

}  // namespace lior
