// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Texts out of lines of JSON (.jsonl, .ndjson).

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

namespace lior::io {

/// The text under `field` of the JSON object in `line`; under the last of several, as in most
/// readers. Throws lior::Error, without a place, where the line is no JSON object, or has no such
/// field, or something else than text in it.
std::string json_text_field(std::string_view line, std::string_view field);

/// Lines out of pieces: each push gives the lines that are whole by now.
class LineSplitter {
 public:
  void push(std::string_view piece) {
    waiting_.erase(0, done_);
    searched_ -= std::min(searched_, done_);
    done_ = 0;
    waiting_ += piece;
  }
  /// The next whole line, without its end; nothing where there is none yet.
  std::optional<std::string_view> next();
  /// The text after the last line's end.
  std::string_view rest() const { return std::string_view(waiting_).substr(done_); }

 private:
  std::string waiting_;
  std::size_t done_ = 0;      // lines before it were given
  std::size_t searched_ = 0;  // before it no further line ends
};

}  // namespace lior::io
