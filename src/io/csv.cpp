// SPDX-License-Identifier: Apache-2.0
#include "lior/io/csv.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/trimmed.h"
#include "lior/core/text.h"
#include "lior/io/mapped_file.h"

namespace lior::io {
namespace {

std::vector<std::string_view> cells_of(std::string_view line) {
  std::vector<std::string_view> cells;
  while (true) {
    const std::size_t comma = line.find(',');
    cells.push_back(trimmed(line.substr(0, comma)));
    if (comma == line.npos) return cells;
    line.remove_prefix(comma + 1);
  }
}

std::string_view unquoted(std::string_view cell) {
  const bool quoted = cell.size() >= 2 && cell.front() == '"' && cell.back() == '"';
  return quoted ? cell.substr(1, cell.size() - 2) : cell;
}

class Reader {
 public:
  Reader(const std::string& path, const Cells& cells) : path_(path), file_(path), cells_(cells) {}

  Table read() {
    const std::span<const std::byte> bytes = file_.bytes();
    std::string_view rest(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    constexpr std::string_view kMark = "\xef\xbb\xbf";  // of UTF-8, which spreadsheets write
    if (rest.starts_with(kMark)) rest.remove_prefix(kMark.size());
    while (!rest.empty()) {
      ++line_;
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      const std::string_view text = trimmed(rest.substr(0, end));
      rest.remove_prefix(std::min(rest.size(), end + 1));
      if (text.empty() || text.front() == '#') continue;
      if (table_.columns.empty()) {
        read_names(cells_of(text));
      } else {
        read_row(cells_of(text));
      }
    }
    LIOR_CHECK(!table_.columns.empty(), "{}: is empty; expected a line of names, then numbers",
               shown_path(path_));
    return std::move(table_);
  }

 private:
  void read_names(const std::vector<std::string_view>& cells) {
    for (const std::string_view cell : cells) {
      const std::string name(unquoted(cell));
      LIOR_CHECK(!name.empty(), "{}: a column has no name", place());
      LIOR_CHECK(
          std::find(table_.columns.begin(), table_.columns.end(), name) == table_.columns.end(),
          "{}: two columns are named '{}'", place(), shown(name));
      table_.columns.push_back(name);
    }
  }

  void read_row(const std::vector<std::string_view>& cells) {
    LIOR_CHECK(cells.size() == table_.columns.size(),
               "{}: has {} cells; expected {}, as many as "
               "names",
               place(), cells.size(), table_.columns.size());
    for (std::size_t k = 0; k < cells.size(); ++k) {
      const std::optional<double> value = cells_.value(cells[k]);
      LIOR_CHECK(value && std::isfinite(*value), "{}: '{}' is '{}'; expected {}", place(),
                 shown(table_.columns[k]), shown(cells[k]), cells_.expected);
      table_.numbers.push_back(*value);
    }
  }

  std::string place() const { return fmt::format("{}:{}", shown_path(path_), line_); }

  std::string path_;
  MappedFile file_;
  const Cells& cells_;
  Table table_;
  Index line_ = 0;
};

}  // namespace

Cells::Cells()
    : value([](std::string_view cell) -> std::optional<double> {
        double number = 0;
        const char* const last = cell.data() + cell.size();
        const auto [end, fault] = std::from_chars(cell.data(), last, number);
        if (fault != std::errc{} || end != last) return {};
        return number;
      }) {}

Table read_csv(const std::string& path, const Cells& cells) { return Reader(path, cells).read(); }

}  // namespace lior::io
