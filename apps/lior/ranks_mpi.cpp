// SPDX-License-Identifier: Apache-2.0
// The program as the ranks that mpirun or srun started.
#include <algorithm>
#include <memory>

#include "comm/mpi.h"
#include "launcher.h"
#include "lior/core/available_memory.h"
#include "lior/core/parallel.h"
#include "ranks.h"

namespace lior::app {
namespace {

std::unique_ptr<comm::Communicator> world;

}  // namespace

/// A process that was started alone needs no MPI, whose start takes a third of a second.
void start_ranks() {
  const Launch launch = launch_from_environment();
  if (launch.size <= 1) return;
  world = comm::mpi_world();
  if (world->size() == 1) {  // another library's launcher started them
    world.reset();
    refuse(launch, fmt::format("MPI knows of one; start them by the mpirun or srun of {}",
                               comm::mpi_version()));
  }
  const comm::Neighbours beside = comm::neighbours_in(*world);
  set_ranks(*world, std::max(available_cores() / static_cast<int>(beside.on_cores), 1));
  share_memory(static_cast<std::size_t>(beside.on_host));
}

void end_ranks() {
  set_ranks(comm::alone(), usual_threads());
  world.reset();
}

void abort_ranks(int status) { comm::abort_all(status); }

std::string ranks_text() {
  return fmt::format("{} of {}; {}", ranks().rank() + 1, ranks().size(), comm::mpi_version());
}

}  // namespace lior::app
