// SPDX-License-Identifier: Apache-2.0
#include "lior/core/control_group.h"

#include <fmt/core.h>

#include <fstream>
#include <string>

#include "lior/core/lines.h"

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
  char name[64];  // no std::string: a stream takes memory that runs out for the end of the file
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

std::optional<double> cores_of_version_2(const fs::path& group) {
  std::ifstream file(group / "cpu.max");  // "150000 100000"; "max 100000" is no quota
  double quota = 0, period = 0;
  if (file >> quota >> period && quota > 0 && period > 0) return quota / period;
  return {};
}

std::optional<double> cores_of_version_1(const fs::path& group) {
  std::ifstream quota_file(group / "cpu.cfs_quota_us"), period_file(group / "cpu.cfs_period_us");
  double quota = 0, period = 0;  // a quota of -1 is none
  if (quota_file >> quota && period_file >> period && quota > 0 && period > 0) {
    return quota / period;
  }
  return {};
}

template <class T>
void take_less(std::optional<T>& least, const std::optional<T>& value) {
  if (value && (!least || *value < *least)) least = value;
}

/// The least of what `in_group` says of the group `name` and those above it, up to `root`. Inside a
/// container the name is often the one that the host knows, which is not there; the root is then
/// the container's group.
template <class InGroup>
auto least_up_to(const fs::path& root, const std::string& name, const InGroup& in_group) {
  auto least = in_group(root);
  for (fs::path group = fs::path(name).relative_path(); !group.empty();
       group = group.parent_path()) {
    take_less(least, in_group(root / group));
  }
  return least;
}

/// The least over all groups of the process, by a function for each version. `kind` is the name of
/// the first version's controller and of its folder.
template <class Version1, class Version2>
auto least_of_groups(const fs::path& membership, const fs::path& mount, const std::string& kind,
                     const Version1& version1, const Version2& version2) {
  decltype(version1(mount)) least;
  Lines lines(membership);
  while (const auto line = lines.next()) {  // "4:memory,cpu:/user", "0::/user" in v2
    const auto first = line->find(':'), second = line->find(':', first + 1);
    if (first == line->npos || second == line->npos) continue;
    const auto kinds = fmt::format(",{},", line->substr(first + 1, second - first - 1));
    const std::string name(line->substr(second + 1));
    if (kinds == ",,") take_less(least, least_up_to(mount, name, version2));
    if (kinds.find("," + kind + ",") != std::string::npos) {
      take_less(least, least_up_to(mount / kind, name, version1));
    }
  }
  return least;
}

}  // namespace

std::optional<std::size_t> left_in_control_groups(const fs::path& membership,
                                                  const fs::path& mount) {
  return least_of_groups(
      membership, mount, "memory", [](const fs::path& group) { return left_in(group, kVersion1); },
      [](const fs::path& group) { return left_in(group, kVersion2); });
}

std::optional<double> cores_in_control_groups(const fs::path& membership, const fs::path& mount) {
  return least_of_groups(membership, mount, "cpu", cores_of_version_1, cores_of_version_2);
}

}  // namespace lior
