// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The memory and processors that the control groups of this process leave it.

#include <cstddef>
#include <filesystem>
#include <optional>

namespace lior {

/// The least memory that the process's control group and the groups above it leave; nothing where
/// none has a limit. `membership` is /proc/self/cgroup, `mount` is /sys/fs/cgroup; both versions
/// are known. File pages that the system gives back when it needs them count as left.
std::optional<std::size_t> left_in_control_groups(const std::filesystem::path& membership,
                                                  const std::filesystem::path& mount);

/// The least number of cores' time that the same groups grant; nothing where none has a quota.
std::optional<double> cores_in_control_groups(const std::filesystem::path& membership,
                                              const std::filesystem::path& mount);

}  // namespace lior
