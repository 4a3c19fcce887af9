#pragma once
// Which plan a scan takes, and its chunks.

#include "lior/linalg/matrix_view.h"
#include "lior/nn/ci8_scan.h"

namespace lior::nn {

/// Blocks of `chunks` equal stretches of `steps` steps, and what is left over; chunks < 2:
/// sequential. A block fits the caches: its chunks are read twice.
struct ScanChunks {
  Index chunks = 1;
  Index steps = 0;
  Index blocks = 1;

  Index block_steps() const { return chunks * steps; }
};

enum class ScanPass { forward, backward };

/// Numbers that a chunked run keeps for each chunk of a sequence and head.
Index numbers_per_chunk(const ScanShape& shape);

/// The plan of one pass at the threads and the level in force. `projection` says how fast the gates
/// forget. Throws lior::Error where chunks are demanded and `workspace` numbers do not hold them.
template <class T>
ScanChunks plan_scan(const ScanShape& shape, ScanPass pass, linalg::MatrixView<const T> projection,
                     Index workspace);

}  // namespace lior::nn
