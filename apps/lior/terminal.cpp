// SPDX-License-Identifier: Apache-2.0
#include "terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

namespace lior::app {
namespace {

constexpr std::string_view kGap = "  ";  // between a name and its description
constexpr std::size_t kUsualDescription =
    2 + 26;  // where one begins behind a name too long for a gap

/// Takes the first line off.
std::string_view take_line(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(line.size() + 1, text.size()));
  return line;
}

bool is_of_paragraph(std::string_view line) {
  return !line.empty() && line.front() != ' ' && line.find(kGap) == line.npos;
}

/// Where what does not fit into a line goes on in the next.
std::size_t hanging(std::string_view line) {
  const std::size_t name = line.find_first_not_of(' ');
  if (name == 0) return 0;
  const std::size_t gap = line.rfind(kGap);  // the last one, of a table with several columns
  if (gap >= name && gap != line.npos) return line.find_first_not_of(' ', gap);
  return name == kGap.size() ? kUsualDescription : name;
}

void add_broken(std::string& text, std::string line, std::size_t width) {
  const std::size_t indent = std::min(hanging(line), 2 * width / 3);
  while (line.size() > width) {
    std::size_t space = line.rfind(' ', width);
    if (space == line.npos || space <= std::max(indent, line.find_first_not_of(' '))) {
      space = line.find(' ', width);
    }
    if (space == line.npos) break;
    text.append(line, 0, space) += '\n';
    line = std::string(indent, ' ') + line.substr(space + 1);
  }
  text += line + '\n';
}

}  // namespace

int terminal_columns(int file, int otherwise) {
  winsize size{};
  return ioctl(file, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : otherwise;
}

std::string filled(std::string_view text, std::size_t width) {
  std::string result;
  while (!text.empty()) {
    std::string line(take_line(text));
    std::string lines = line;  // of a paragraph, as they are
    bool fits = line.size() <= width;
    for (auto rest = text; is_of_paragraph(line) && is_of_paragraph(take_line(rest)); rest = text) {
      const std::string_view next = take_line(text);
      fits = fits && next.size() <= width;
      line.append(" ").append(next);
      lines.append("\n").append(next);
    }
    if (fits) {
      result += lines + '\n';
    } else {
      add_broken(result, line, width);
    }
  }
  return result;
}

std::string filled(std::string_view text) {
  constexpr int kWidest = 100;
  const int columns = std::min(kWidest, terminal_columns(STDOUT_FILENO, kWidest));
  return filled(text, static_cast<std::size_t>(columns));
}

}  // namespace lior::app
