// SPDX-License-Identifier: Apache-2.0
#pragma once
// y = alpha B x + beta y for one vector: what a product of one row comes to.

#include "lior/linalg/matrix_view.h"

namespace lior::linalg {

/// x: [b.cols], y: [b.rows]; both lie next to each other. B is read once; small ones by one thread.
/// A row's result does not depend on the others, nor on the number of threads.
void row_product(float alpha, const float* x, MatrixView<const float> b, float beta, float* y);

}  // namespace lior::linalg
