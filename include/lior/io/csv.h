// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Tables of numbers as text: a line of names, then a line a row, between commas.

#include <string>
#include <vector>

#include "lior/core/view.h"

namespace lior::io {

struct Csv {
  std::vector<std::string> columns;
  std::vector<double> numbers;  ///< row by row
  Index rows() const {
    return columns.empty() ? 0 : static_cast<Index>(numbers.size() / columns.size());
  }
};

/// Reads a table whose cells are finite numbers. Blanks around cells, names in quotes, empty lines
/// and lines that begin with # are allowed. Throws lior::Error that names file, line and column
/// where it is no such table.
Csv read_csv(const std::string& path);

}  // namespace lior::io
