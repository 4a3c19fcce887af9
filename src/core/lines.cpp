// SPDX-License-Identifier: Apache-2.0
#include "lior/core/lines.h"

#include <cerrno>
#include <cstdlib>
#include <new>
#include <system_error>

#include "lior/core/text.h"

namespace lior {

Lines::Lines(const std::filesystem::path& path)
    : path_(path.string()), file_(std::fopen(path.c_str(), "re"), &std::fclose) {}

Lines::~Lines() { std::free(line_); }

std::optional<std::string_view> Lines::next() {
  if (!is_open()) return {};
  const auto length = ::getline(&line_, &room_, file_.get());
  if (length < 0) {
    const int error = errno;
    if (std::feof(file_.get()) != 0) return {};
    if (error == ENOMEM) throw std::bad_alloc();
    throw RunError(fmt::format("{}: cannot be read ({})", shown_path(path_),
                               std::generic_category().message(error)));
  }
  std::string_view line(line_, static_cast<std::size_t>(length));
  whole_ = line.ends_with('\n');
  if (whole_) line.remove_suffix(1);
  return line;
}

}  // namespace lior
