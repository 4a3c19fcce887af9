// SPDX-License-Identifier: Apache-2.0
#include "lior/io/json_lines.h"

#include <fcntl.h>

#include <cerrno>
#include <cmath>

#include "io/file_descriptor.h"
#include "io/json_text.h"
#include "lior/core/text.h"
#include "lior/io/mapped_file.h"

namespace lior::io {
namespace {

std::string to_json(const JsonField& field) {
  return std::visit(
      [](auto value) -> std::string {
        using Value = decltype(value);
        if constexpr (std::is_same_v<Value, std::string_view>) return json_string(value);
        if constexpr (std::is_same_v<Value, double>) {
          if (!std::isfinite(value)) return "null";
        }
        if constexpr (!std::is_same_v<Value, std::string_view>) return fmt::format("{}", value);
      },
      field.value);
}

/// Bytes up to and with the last end of a line.
Index whole_lines(const std::string& path) {
  const MappedFile file(path);
  const std::string_view text(reinterpret_cast<const char*>(file.bytes().data()),
                              file.bytes().size());
  const auto last = text.rfind('\n');
  return last == std::string_view::npos ? 0 : static_cast<Index>(last) + 1;
}

}  // namespace

struct JsonLines::State {
  std::string path;
  FileDescriptor file = open_file(path, O_WRONLY | O_CREAT | O_APPEND);
  Index size = 0;

  void cut() {
    if (::ftruncate(file.get(), size) != 0) {
      throw RunError(fmt::format("{}: cutting its last line off failed ({})", shown_path(path),
                                 error_text(errno)));
    }
  }
};

JsonLines::JsonLines(const std::string& path) : state_(new State{.path = path}) {
  LIOR_CHECK(state_->file.is_open(),
             "{}: cannot be written ({}); give a path in an existing folder that you may write to",
             shown_path(path), error_text(errno));
  state_->size = whole_lines(path);
  state_->cut();
}

JsonLines::JsonLines(JsonLines&&) noexcept = default;
JsonLines& JsonLines::operator=(JsonLines&&) noexcept = default;
JsonLines::~JsonLines() = default;

void JsonLines::append(std::span<const JsonField> object) {
  std::string line = "{";
  for (const JsonField& field : object) {
    if (line.size() > 1) line += ", ";
    line += json_string(field.key) + ": " + to_json(field);
  }
  line += "}\n";
  if (!write_all(state_->file.get(), line)) {
    const int error = errno;
    state_->cut();
    throw RunError(
        fmt::format("{}: writing a line failed ({})", shown_path(state_->path), error_text(error)));
  }
  state_->size += std::ssize(line);
}

void JsonLines::sync() {
  if (::fsync(state_->file.get()) != 0) {
    throw RunError(fmt::format("{}: syncing failed ({})", state_->path, error_text(errno)));
  }
}

}  // namespace lior::io
