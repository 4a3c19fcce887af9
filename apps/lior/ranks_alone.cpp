// SPDX-License-Identifier: Apache-2.0
// The program as one process.
#include <cstdlib>

#include "launcher.h"
#include "ranks.h"

namespace lior::app {

void start_ranks() {
  const Launch launch = launch_from_environment();
  if (launch.size <= 1) return;
  refuse(launch,
         "this build of lior runs as one; start it without mpirun or srun, or with one task, or "
         "take the build with MPI (cmake --preset mpi)");
}

void end_ranks() {}
void abort_ranks(int status) { std::_Exit(status); }
std::string ranks_text() { return "one process; this build is without MPI"; }

}  // namespace lior::app
