// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Text files, line by line.

#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace lior {

/// The lines of a file. std::getline takes a read that fails, and memory that runs out, for the end
/// of the file, and who writes back what was read then loses the rest; here both are errors.
class Lines {
 public:
  /// A file that cannot be opened has no lines.
  explicit Lines(const std::filesystem::path& path);
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;
  ~Lines();

  bool is_open() const { return file_ != nullptr; }

  /// The next line without its break, good until the next call; nothing at the end. Throws
  /// lior::RunError with the system's reason where reading fails.
  std::optional<std::string_view> next();

  /// Whether the line that `next` gave last had its break; one that a kill cut off has none.
  bool is_whole() const { return whole_; }

 private:
  std::string path_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
  char* line_ = nullptr;  // of ::getline
  std::size_t room_ = 0;
  bool whole_ = false;
};

}  // namespace lior
