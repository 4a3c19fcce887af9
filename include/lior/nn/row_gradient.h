// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The gradient of a table of which a step reads few rows.

#include <cstdint>
#include <span>

#include "lior/core/view.h"

namespace lior::nn {

/// Rows that are not named have none.
template <class T>
struct RowGradient {
  Index parameter = 0;                 ///< which of the parameters, counted from 0
  std::span<const std::int32_t> rows;  ///< rising
  View<const T, 2> values{};           ///< [rows, D]
};

}  // namespace lior::nn
