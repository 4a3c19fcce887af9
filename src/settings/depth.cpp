// SPDX-License-Identifier: Apache-2.0
#include "settings/depth.h"

#include <algorithm>

#include "lior/core/text.h"

namespace lior::settings {
namespace {

/// Counts levels and lines, and throws past the deepest.
class Depth {
 public:
  explicit Depth(const std::string& path) : path_(path) {}

  void newline() { ++line_; }
  void open() { check(++brackets_); }
  void close() { brackets_ = std::max<Index>(brackets_ - 1, 0); }
  /// A dot of a key, which opens a table; the next key starts anew.
  void dot() { check(brackets_ + ++dots_); }
  void end_key() { dots_ = 0; }

 private:
  void check(Index depth) const {
    LIOR_CHECK(depth <= kDeepestText, "{}:{}: nests deeper than {} levels; no settings need more",
               shown_path(path_), line_, kDeepestText);
  }
  const std::string& path_;
  Index line_ = 1, brackets_ = 0, dots_ = 0;
};

/// Takes a string off the front of `text`, which starts with its opening quotes: up to the same
/// quotes, or to the end of the line or text where they are missing. What a backslash escapes does
/// not close a string in double quotes.
void skip_string(std::string_view& text, Depth& depth, bool triples) {
  const char quote = text[0];
  const std::string three(3, quote);
  const bool triple = triples && text.starts_with(three);
  text.remove_prefix(triple ? 3 : 1);
  while (!text.empty() && !(triple ? text.starts_with(three) : text[0] == quote)) {
    if (text[0] == '\n') {
      if (!triple) return;
      depth.newline();
    }
    const bool escapes = text[0] == '\\' && quote == '"' && text.size() > 1 && text[1] != '\n';
    text.remove_prefix(escapes ? 2 : 1);
  }
  text.remove_prefix(std::min<std::size_t>(triple ? 3 : 1, text.size()));
  for (int inside = 0; triple && inside < 2 && text.starts_with(quote); ++inside) {
    text.remove_prefix(1);  // """a""""" ends with two quotes of its own
  }
}

}  // namespace

void check_json_depth(std::string_view text, const std::string& path) {
  Depth depth(path);
  while (!text.empty()) {
    switch (text[0]) {
      case '"': skip_string(text, depth, false); continue;
      case '{':
      case '[': depth.open(); break;
      case '}':
      case ']': depth.close(); break;
      case '\n': depth.newline(); break;
      default: break;
    }
    text.remove_prefix(1);
  }
}

void check_toml_depth(std::string_view text, const std::string& path) {
  Depth depth(path);
  while (!text.empty()) {
    const char next = text[0];
    switch (next) {
      case '"':
      case '\'': skip_string(text, depth, true); continue;
      case '#': text.remove_prefix(std::min(text.find('\n'), text.size())); continue;
      case '{':
      case '[': depth.open(); break;
      case '}':
      case ']': depth.close(); break;
      case '.': depth.dot(); break;
      case '\n': depth.newline(); break;
      default: break;
    }
    if (std::string_view("{}[]=,\n").find(next) != std::string_view::npos) depth.end_key();
    text.remove_prefix(1);
  }
}

}  // namespace lior::settings
