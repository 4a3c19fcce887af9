// SPDX-License-Identifier: Apache-2.0
#pragma once
/// How this process was launched: alone, or as one of several ranks.

namespace lior::app {

/// The place of this process among those that mpirun, mpiexec or srun started together; {0, 1}
/// where none of them did. Read from the variables that Open MPI, MPICH and its kin, and Slurm set
/// for each process.
struct Launch {
  int rank = 0;
  int size = 1;
};
Launch launch_from_environment();

}  // namespace lior::app
