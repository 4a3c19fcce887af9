// SPDX-License-Identifier: Apache-2.0
#include "lior/comm/same_lines.h"

#include <algorithm>

#include "lior/core/error.h"

namespace lior::comm {
namespace {

/// The first line of `text`, which it loses.
std::string_view next_line(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(line.size() + 1, text.size()));
  return line;
}

}  // namespace

void check_same_lines(Communicator& ranks, std::string_view name, const std::string& text) {
  Index length = std::ssize(text);
  ranks.broadcast(std::span(&length, 1));
  std::string firsts = text;
  firsts.resize(static_cast<std::size_t>(length));
  ranks.broadcast(std::span(firsts));
  ranks.together([&] {
    std::string_view mine = text, theirs = firsts, here, there;
    while (here == there && !(mine.empty() && theirs.empty())) {
      here = next_line(mine), there = next_line(theirs);
    }
    LIOR_CHECK(here == there, "{} are not those of rank 0: '{}', there '{}'", name, here, there);
  });
}

}  // namespace lior::comm
