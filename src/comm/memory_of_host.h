// SPDX-License-Identifier: Apache-2.0
#pragma once
// Memory that processes of one host share.

#include <memory>

#include "lior/comm/communicator.h"

namespace lior::comm {

/// So many bytes of each rank, which the others of its host reach where they let each other. Not
/// MPI_Win_allocate_shared: its end is collective, so that an error of one rank would wait for all
/// others, and its memory is what /dev/shm has room for. Collective.
std::unique_ptr<SharedMemory> memory_of_host(Communicator& ranks, Index bytes);

}  // namespace lior::comm
