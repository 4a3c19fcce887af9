// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The processes that this program was started as.

#include <string>

#include "lior/comm/communicator.h"

namespace lior::app {

/// All of them; comm::alone() until start_ranks has been called, and where there is one.
comm::Communicator& ranks();
/// Threads that a command takes where nobody says: this process's share of its cores.
int usual_threads();

/// Below: of this build, in ranks_alone.cpp (one process) or ranks_mpi.cpp.

/// To be called in main once, after take_signals. Throws lior::Error in a build of one process that
/// was started as several.
void start_ranks();
/// Ends what start_ranks began, if all ranks get there.
void end_ranks();
/// Ends all ranks with this status, wherever they are.
[[noreturn]] void abort_ranks(int status);
/// For `lior info`.
std::string ranks_text();

/// For start_ranks: what ranks() and usual_threads() return from then on.
void set_ranks(comm::Communicator& all, int threads);

}  // namespace lior::app
