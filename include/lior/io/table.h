// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Tables of numbers.

#include <string>
#include <vector>

#include "lior/core/view.h"

namespace lior::io {

struct Table {
  std::vector<std::string> columns;
  std::vector<double> numbers;  ///< row by row
  Index rows() const {
    return columns.empty() ? 0 : static_cast<Index>(numbers.size() / columns.size());
  }
};

}  // namespace lior::io
