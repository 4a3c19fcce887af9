// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which plan a scan takes, and its chunks.

#include "nn/ci8_scan_run.h"

namespace lior::nn {

/// Blocks of `chunks` equal stretches of `steps` steps, and what is left over; chunks < 2:
/// sequential.
struct ScanChunks {
  Index chunks = 1;
  Index steps = 0;
  Index blocks = 1;
  /// steps_to_forget() of the chunks: runs of so many steps, from zero, give the state at a chunk's
  /// end, or the gradient at its start. 0: longer than a chunk; its map is needed.
  Index warm_up = 0;

  Index block_steps() const { return chunks * steps; }
};

/// Numbers that a chunked run keeps for each chunk of a sequence and head.
Index numbers_per_chunk(const ScanShape& shape);

/// Block `block` of the plan.
ScanStretch block_of(const ScanShape& shape, const ScanChunks& chunks, Index block);

/// The plan of one pass at the threads and the level in force; how fast the gates forget decides
/// with them. Throws lior::Error where chunks are demanded and `workspace` numbers do not hold
/// them.
template <class T>
ScanChunks plan_scan(const ScanCall<T>& call, ScanPass pass, Index workspace);

}  // namespace lior::nn
