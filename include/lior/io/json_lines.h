// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Records appended to a text file, one JSON object a line: metrics.jsonl, diagnostics.jsonl.

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "lior/core/view.h"

namespace lior::io {

/// `{"loss", 0.5}`. A double is written with the digits that bring it back exactly; NaN and
/// infinities, which JSON lacks, as null.
struct JsonField {
  std::string_view key;
  std::variant<bool, Index, double, std::string_view> value;
};

/// Opens `path` for appending, or makes it. A last line without its end, left by a program that was
/// killed, is cut off first. Each line goes to the system in one write, so a later kill loses none.
///
/// Throws lior::Error when the file cannot be opened, lior::RunError when writing fails (a full
/// disk); the file then ends with the last whole line.
class JsonLines {
 public:
  explicit JsonLines(const std::string& path);
  JsonLines(JsonLines&&) noexcept;
  JsonLines& operator=(JsonLines&&) noexcept;
  ~JsonLines();

  /// Keys must differ; text must be UTF-8 (what is not becomes U+FFFD).
  void append(std::span<const JsonField> object);
  void append(std::initializer_list<JsonField> object) {
    append(std::span<const JsonField>(object.begin(), object.size()));
  }
  /// All lines so far are on the disk: they outlast a power failure too.
  void sync();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lior::io
