// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Ranks that mpirun or srun started. In the library lior_comm_mpi, which a build with MPI has.

#include <memory>
#include <string>

#include "lior/comm/communicator.h"

namespace lior::comm {

/// All processes that were started together. To be made once, in main, on the thread that will use
/// it, after signals are blocked; its end is the end of MPI.
std::unique_ptr<Communicator> mpi_world();

/// Ranks beside this one, itself among them.
struct Neighbours {
  Index on_host = 1;
  Index on_cores = 1;  ///< of this host, that may run on just the cores that this one may
};
/// Collective.
Neighbours neighbours_in(Communicator& world);

/// Ends all ranks of mpi_world with this status: for an error of one rank that the others cannot
/// know of.
[[noreturn]] void abort_all(int status);

/// "Open MPI v4.1.4, ...": of the library, on one line.
std::string mpi_version();

}  // namespace lior::comm
