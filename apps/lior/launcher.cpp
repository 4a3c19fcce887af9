// SPDX-License-Identifier: Apache-2.0
#include "launcher.h"

#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "command.h"
#include "lior/core/error.h"

namespace lior::app {
namespace {

struct Variables {
  const char* size;
  const char* rank;
};
constexpr Variables kLaunchers[] = {
    {"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"},
    {"PMI_SIZE", "PMI_RANK"},
    {"SLURM_STEP_NUM_TASKS", "SLURM_PROCID"},
    {"SLURM_NTASKS", "SLURM_PROCID"},
};

int number_or(const char* text, int otherwise) {
  if (text == nullptr) return otherwise;
  int number = otherwise;
  std::from_chars(text, text + std::strlen(text), number);
  return number;
}

/// A job's script runs once, however many tasks its job has: srun starts them, and says so by
/// SLURM_STEP_NUM_TASKS.
bool is_batch_script() {
  const char* environment = std::getenv("ENVIRONMENT");
  return environment != nullptr && std::string_view(environment) == "BATCH";
}

}  // namespace

Launch launch_from_environment() {
  for (const auto& [size, rank] : kLaunchers) {
    const char* ranks = std::getenv(size);
    if (ranks == nullptr) continue;
    if (std::string_view(size) == "SLURM_NTASKS" && is_batch_script()) continue;
    const char* own = std::getenv(rank);
    return {number_or(own, 0), number_or(ranks, 1)};
  }
  return {};
}

void refuse(const Launch& launch, const std::string& reason) {
  if (launch.rank == 0) {
    throw Error(fmt::format("{} processes were started together, and {}", launch.size, reason));
  }
  constexpr useconds_t kTimeToSpeak = 200'000;
  usleep(kTimeToSpeak);
  std::exit(kBadInput);
}

}  // namespace lior::app
