// SPDX-License-Identifier: Apache-2.0
// The program as one process.
#include <unistd.h>

#include <cstdlib>

#include "command.h"
#include "launcher.h"
#include "lior/core/error.h"
#include "ranks.h"

namespace lior::app {

/// Several processes with one command line would write over each other's files. One of them says
/// so; the others leave it time to, since mpirun ends all when the first has ended badly.
void start_ranks() {
  const Launch launch = launch_from_environment();
  if (launch.size <= 1) return;
  if (launch.rank != 0) {
    constexpr useconds_t kTimeToSpeak = 200'000;
    usleep(kTimeToSpeak);
    std::exit(kBadInput);
  }
  throw Error(
      fmt::format("{} processes were started together, and this build of lior runs as one; start "
                  "it without mpirun or srun, or with one task, or take the build with MPI "
                  "(cmake --preset mpi)",
                  launch.size));
}

void end_ranks() {}
void abort_ranks(int status) { std::_Exit(status); }
std::string ranks_text() { return "one process; this build is without MPI"; }

}  // namespace lior::app
