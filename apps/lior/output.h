// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Files that a command writes once, at its end.

#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "lior/io/atomic_file.h"

namespace lior::app {

/// Opened before the work starts, so that a wrong path costs no run; a file that is there keeps
/// what it holds until all of the new text is written. Pipes and devices are written to as they
/// are.
class OutputFile {
 public:
  /// Throws lior::Error when `path` cannot be written.
  explicit OutputFile(const std::string& path);

  /// Writes all of it and closes. Throws lior::RunError when the disk does not take it.
  void write(const std::string& text);

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::string path_;
  std::optional<io::AtomicFile> file_;
  std::unique_ptr<std::FILE, Close> device_;
};

/// Throws lior::Error where the folder of the file of that flag is not there or not to be written.
void check_folder_of(const char* flag, const std::string& file);

/// Throws lior::Error where no picture can be written to the file of --plot: another ending than
/// .png and .svg, or a folder that is not there.
void check_picture(const std::string& file);

}  // namespace lior::app
