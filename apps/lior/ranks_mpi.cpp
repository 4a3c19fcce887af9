// SPDX-License-Identifier: Apache-2.0
// The program as the ranks that mpirun or srun started.
#include <algorithm>
#include <memory>

#include "comm/mpi.h"
#include "launcher.h"
#include "lior/core/parallel.h"
#include "ranks.h"

namespace lior::app {
namespace {

std::unique_ptr<comm::Communicator> world;

}  // namespace

/// A process that was started alone needs no MPI, whose start takes a third of a second.
void start_ranks() {
  if (launch_from_environment().size <= 1) return;
  world = comm::mpi_world();
  const auto beside = static_cast<int>(comm::ranks_on_these_cores(*world));
  set_ranks(*world, std::max(available_cores() / beside, 1));
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
