// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Tables of numbers as text: a line of names, then a line a row, between commas.

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "lior/io/table.h"

namespace lior::io {

/// What cells may hold. By default a number as C writes it.
struct Cells {
  std::function<std::optional<double>(std::string_view cell)> value;  ///< none: what it is not
  std::string expected = "a finite number";                           ///< for errors

  Cells();
  Cells(std::function<std::optional<double>(std::string_view)> value, std::string expected)
      : value(std::move(value)), expected(std::move(expected)) {}
};

/// Reads a table whose cells are finite numbers. Blanks around cells, names in quotes, empty lines,
/// lines that begin with # and a byte order mark are allowed. Throws lior::Error that names file,
/// line and column where it is no such table.
Table read_csv(const std::string& path, const Cells& cells = {});

}  // namespace lior::io
