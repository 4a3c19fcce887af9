// SPDX-License-Identifier: Apache-2.0
#include "lior/core/available_memory.h"

#include <fmt/core.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <limits>

#include "lior/core/control_group.h"

namespace lior {
namespace {

std::size_t processes_of_host = 1;  // of those that share its memory

constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();

std::size_t system_available() {
  std::ifstream file("/proc/meminfo");
  char key[64];  // no std::string: a stream takes memory that runs out for the end of the file
  std::size_t kilobytes = 0;
  while (file >> key >> kilobytes) {
    if (key == std::string_view("MemAvailable:")) return kilobytes * 1024;
    file.ignore(kNoLimit / 2, '\n');  // the unit
  }
  return kNoLimit;
}

std::size_t address_space_left() {
  rlimit limit{};
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
    return kNoLimit;
  }
  std::size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  const std::size_t used = pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return limit.rlim_cur > used ? limit.rlim_cur - used : 0;
}

}  // namespace

std::size_t available_memory() {
  const std::size_t in_groups =
      left_in_control_groups("/proc/self/cgroup", "/sys/fs/cgroup").value_or(kNoLimit);
  return std::min(std::min(system_available(), in_groups) / processes_of_host,
                  address_space_left());
}

void share_memory(std::size_t processes) { processes_of_host = processes; }

std::string bytes_text(double bytes) {
  const char* unit = bytes == 1 ? "byte" : "bytes";
  for (const char* larger : {"KB", "MB", "GB", "TB", "PB", "EB"}) {
    if (bytes < 1000) break;
    bytes /= 1000;
    unit = larger;
  }
  return fmt::format("{:.3g} {}", bytes, unit);
}

}  // namespace lior
