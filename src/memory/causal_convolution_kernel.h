// SPDX-License-Identifier: Apache-2.0
#pragma once
// The tables of one head that the recurrence's kernel reads.

#include "lior/memory/pole_form.h"

namespace lior::memory {

inline constexpr Index kChunk = 16;                                    ///< steps
inline constexpr Index kMostRows = (PoleForm::kMost + 1 + 3) / 4 * 4;  ///< of a state

/// Rows of coefficients lie four at a time, [row / 4][column][row % 4]. The last two state rows are
/// the real and imaginary part of the oscillation.
template <class T>
struct ChunkTables {
  Index rows;            ///< of the state
  const T* output;       ///< [kChunk, rows + kChunk]: outputs from states and inputs
  const T* update;       ///< [rows, kChunk]: what inputs add to the states; column kChunk-1-i: z^i
  const double* growth;  ///< [kChunk + 1, rows]: z^length - 1
};

}  // namespace lior::memory
