// SPDX-License-Identifier: Apache-2.0
#include "core/control_group.h"

#include <fmt/core.h>

#include <algorithm>
#include <fstream>
#include <string>

namespace lior {
namespace {

namespace fs = std::filesystem;

/// The files of a group in which each version of control groups keeps what is asked here.
struct Files {
  const char *limit, *use, *statistics, *reclaimable;  // the last is a key of statistics
};
constexpr Files kVersion1{"memory.limit_in_bytes", "memory.usage_in_bytes", "memory.stat",
                          "total_inactive_file"};
constexpr Files kVersion2{"memory.max", "memory.current", "memory.stat", "inactive_file"};

/// The number that a file starts with: "max" is none.
std::optional<std::size_t> number_in(const fs::path& path) {
  std::ifstream file(path);
  std::size_t value = 0;
  if (file >> value) return value;
  return {};
}

/// The number behind `key` in lines of a key and a number.
std::size_t number_behind(const std::string& key, const fs::path& path) {
  std::ifstream file(path);
  std::string name;
  std::size_t value = 0;
  while (file >> name >> value) {
    if (name == key) return value;
  }
  return 0;
}

std::size_t less(std::size_t a, std::size_t b) { return a > b ? a - b : 0; }

std::optional<std::size_t> left_in(const fs::path& group, const Files& files) {
  const auto limit = number_in(group / files.limit);
  if (!limit) return {};
  const std::size_t used = number_in(group / files.use).value_or(0);
  return less(*limit, less(used, number_behind(files.reclaimable, group / files.statistics)));
}

/// The least over the group `name` and those above it, up to `root`. Inside a container the name is
/// often the one that the host knows, which is not there; the root is then the container's group.
void take_least(const fs::path& root, const std::string& name, const Files& files,
                std::optional<std::size_t>& least) {
  fs::path group = fs::path(name).relative_path();
  while (true) {
    if (const auto left = left_in(root / group, files)) {
      least = least ? std::min(*least, *left) : *left;
    }
    if (group.empty()) return;
    group = group.parent_path();
  }
}

}  // namespace

std::optional<std::size_t> left_in_control_groups(const fs::path& membership,
                                                  const fs::path& mount) {
  std::optional<std::size_t> least;
  std::ifstream file(membership);
  for (std::string line; std::getline(file, line);) {  // "4:memory,cpu:/user", "0::/user" in v2
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const auto kinds = fmt::format(",{},", line.substr(first + 1, second - first - 1));
    const std::string name = line.substr(second + 1);
    if (kinds == ",,") take_least(mount, name, kVersion2, least);
    if (kinds.find(",memory,") != std::string::npos) {
      take_least(mount / "memory", name, kVersion1, least);
    }
  }
  return least;
}

}  // namespace lior
