// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The processes that this program was started as.

#include <exception>
#include <span>
#include <string>
#include <vector>

#include "lior/comm/communicator.h"
#include "lior/core/error.h"

namespace lior::app {

/// All of them; comm::alone() until start_ranks has been called, and where there is one.
comm::Communicator& ranks();
/// Threads that a command takes where nobody says: this process's share of its cores.
int usual_threads();

/// Whether it is so on any rank. Collective.
bool on_any_rank(bool mine);
/// The value of the first rank, on all. Collective.
template <class T>
T of_first_rank(T value) {
  ranks().broadcast(std::span(&value, 1));
  return value;
}
/// The status of a command that a signal to any of the ranks interrupted. Collective.
int status_of_ranks(int mine);

/// The texts of all ranks, in order, on the first; nothing on the others. Collective.
std::vector<std::string> gather_on_first(const std::string& mine);

/// Runs what ranks do together and send each other meanwhile, whose errors (lior::Error,
/// lior::RunError) all of them meet alike: one says it.
template <class Body>
void alike(const Body& body) {
  std::exception_ptr failure;
  try {
    body();
  } catch (const Error&) {
    failure = std::current_exception();
  } catch (const RunError&) {
    failure = std::current_exception();
  }
  ranks().together([&] {
    if (failure) std::rethrow_exception(failure);
  });
}

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
