#pragma once
/// Files that a command writes once, at its end.

#include <cstdio>
#include <string>

namespace lior::app {

/// Opened before the work starts, so that a wrong path costs no run.
class OutputFile {
 public:
  /// Throws lior::Error when `path` cannot be written.
  explicit OutputFile(std::string path);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  /// Writes all of it and closes. Throws lior::RunError when the disk does not take it.
  void write(const std::string& text);

 private:
  std::string path_;
  std::FILE* file_;
};

}  // namespace lior::app
