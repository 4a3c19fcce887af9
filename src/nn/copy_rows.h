// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include "lior/linalg/matrix_view.h"

namespace lior::nn {

template <class T>
void copy_rows(linalg::MatrixView<const T> from, linalg::MatrixView<T> to) {
  for (Index row = 0; row < from.rows; ++row) {
    std::copy_n(from.data + row * from.stride, from.cols, to.data + row * to.stride);
  }
}

}  // namespace lior::nn
