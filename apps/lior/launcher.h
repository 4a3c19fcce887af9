// SPDX-License-Identifier: Apache-2.0
#pragma once
/// How this process was launched: alone, or as one of several ranks.

#include <string>

namespace lior::app {

/// The place of this process among those that mpirun, mpiexec or srun started together; {0, 1}
/// where none of them did. Read from the variables that Open MPI, MPICH and its kin, and Slurm set
/// for each process.
struct Launch {
  int rank = 0;
  int size = 1;
};
Launch launch_from_environment();

/// Ends every process of a launch that cannot be: several with one command line would write over
/// each other's files. The first one throws lior::Error with the reason; the others leave it time
/// to speak, since mpirun ends all when one has ended badly.
[[noreturn]] void refuse(const Launch& launch, const std::string& reason);

}  // namespace lior::app
