// SPDX-License-Identifier: Apache-2.0
#include "lior/train/automaton_file.h"

#include <map>

#include "lior/core/text.h"
#include "lior/io/mapped_file.h"

namespace lior::train {
namespace {

constexpr std::string_view kNone = "-";
constexpr Index kFirstLetter = 2;  // cells before it: the state, its output

struct Line {
  Index number;  // from 1
  std::vector<std::string_view> cells;
};

/// The lines that have cells; a byte order mark before them is allowed.
std::vector<Line> split(std::string_view text) {
  constexpr std::string_view kMark = "\xef\xbb\xbf";  // of UTF-8, which some editors write
  if (text.starts_with(kMark)) text.remove_prefix(kMark.size());
  std::vector<Line> lines;
  for (Index number = 1; !text.empty(); ++number) {
    const std::size_t length = std::min(text.find('\n'), text.size());
    std::string_view rest = text.substr(0, length);
    text.remove_prefix(std::min(length + 1, text.size()));
    rest = rest.substr(0, rest.find('#'));
    Line line{number, {}};
    constexpr std::string_view kBlanks = " \t\r";
    for (auto begin = rest.find_first_not_of(kBlanks); begin != rest.npos;
         begin = rest.find_first_not_of(kBlanks)) {
      rest.remove_prefix(begin);
      const std::string_view cell = rest.substr(0, rest.find_first_of(kBlanks));
      line.cells.push_back(cell);
      rest.remove_prefix(cell.size());
    }
    if (!line.cells.empty()) lines.push_back(std::move(line));
  }
  return lines;
}

class Reader {
 public:
  Reader(std::string_view text, const std::string& file) : file_(file), lines_(split(text)) {}

  NamedAutomaton read() {
    read_letters();
    for (std::size_t row = 1; row < lines_.size(); ++row) name_state(lines_[row]);
    if (states_.empty()) throw Error(fmt::format("{}: it has no state", shown_path(file_)));
    for (std::size_t row = 1; row < lines_.size(); ++row) read_state(lines_[row]);
    if (result_.outputs.size() < 2) {
      throw Error(
          fmt::format("{}: its states show {} different outputs; at least 2 are needed to "
                      "have something to predict",
                      shown_path(file_), result_.outputs.size()));
    }
    Automaton& automaton = result_.automaton;
    automaton.states = std::ssize(result_.states);
    automaton.letters = std::ssize(result_.letters);
    return std::move(result_);
  }

 private:
  using Numbers = std::map<std::string_view, std::int32_t>;

  [[noreturn]] void fail(const Line& line, std::size_t cell, std::string_view what) const {
    throw Error(fmt::format("{}, line {}, cell {} (\"{}\"): {}", shown_path(file_), line.number,
                            cell + 1, cell < line.cells.size() ? shown(line.cells[cell]) : "",
                            what));
  }

  void read_letters() {
    if (lines_.empty()) throw Error(fmt::format("{}: it is empty", shown_path(file_)));
    const Line& head = lines_.front();
    constexpr std::string_view kHead[] = {"state", "output"};
    for (std::size_t cell = 0; cell < std::size(kHead); ++cell) {
      if (cell >= head.cells.size() || head.cells[cell] != kHead[cell]) {
        fail(head, cell,
             fmt::format("expected {}: the first line is state output LETTER...", kHead[cell]));
      }
    }
    if (std::ssize(head.cells) == kFirstLetter) fail(head, kFirstLetter, "expected a letter");
    for (std::size_t cell = kFirstLetter; cell < head.cells.size(); ++cell) {
      if (!letters_.try_emplace(head.cells[cell], 0).second) {
        fail(head, cell, "a letter before it has this name");
      }
      result_.letters.emplace_back(head.cells[cell]);
    }
  }

  void name_state(const Line& line) {
    const std::string_view name = line.cells.front();
    if (name == kNone) fail(line, 0, "no state can have this name: it says that there is none");
    const auto number = static_cast<std::int32_t>(states_.size());
    if (!states_.try_emplace(name, number).second) fail(line, 0, "a state before it has this name");
    result_.states.emplace_back(name);
  }

  void read_state(const Line& line) {
    const std::size_t expected = kFirstLetter + result_.letters.size();
    if (line.cells.size() != expected) {
      fail(line, std::min(line.cells.size(), expected),
           fmt::format("expected {} cells, a state, its output and a next state for each of {} "
                       "letters; the line has {}",
                       expected, result_.letters.size(), line.cells.size()));
    }
    result_.automaton.output.push_back(output(line.cells[1]));
    bool goes_on = false;
    for (std::size_t cell = kFirstLetter; cell < expected; ++cell) {
      const auto found = states_.find(line.cells[cell]);
      const bool none = line.cells[cell] == kNone;
      if (!none && found == states_.end()) {
        fail(line, cell, "there is no state of this name; a state is the first cell of a line");
      }
      result_.automaton.next.push_back(none ? Automaton::kNoState : found->second);
      goes_on |= !none;
    }
    if (!goes_on) fail(line, kFirstLetter, "no letter leads on from this state");
  }

  std::int32_t output(std::string_view name) {
    if (name == kNone) return Automaton::kNoOutput;
    const auto number = static_cast<std::int32_t>(outputs_.size());
    const auto [place, is_new] = outputs_.try_emplace(name, number);
    if (is_new) result_.outputs.emplace_back(name);
    return place->second;
  }

  const std::string& file_;
  std::vector<Line> lines_;
  Numbers states_, letters_, outputs_;
  NamedAutomaton result_;
};

}  // namespace

NamedAutomaton parse_automaton(std::string_view text, const std::string& name) {
  return Reader(text, name).read();
}

NamedAutomaton read_automaton(const std::string& path) {
  const io::MappedFile file(path);
  LIOR_CHECK(std::ssize(file.bytes()) <= kLargestTable,
             "{}: has {} bytes; a table of an automaton has at most {}", shown_path(path),
             file.bytes().size(), kLargestTable);
  return parse_automaton({reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()},
                         path);
}

}  // namespace lior::train
