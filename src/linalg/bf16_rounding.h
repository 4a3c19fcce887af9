// SPDX-License-Identifier: Apache-2.0
#pragma once
// Matrices of floats with each number rounded to the nearest bf16, by the vector level in force.

#include "lior/core/float16.h"
#include "lior/linalg/matrix_view.h"

namespace lior::linalg {

/// The rows of x one after the other in `to`, [x.rows, x.cols]; to the bit what to_bfloat16 makes
/// of each number.
void round_to_bf16(MatrixView<const float> x, BFloat16* to);

/// The same numbers as floats.
void round_to_bf16(MatrixView<const float> x, float* to);

}  // namespace lior::linalg
