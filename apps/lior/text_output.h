// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A text on stdout, as it is written.

#include <string>

namespace lior::app {

/// Writes all of it at once. A reader that is gone asks the command to end; throws lior::RunError
/// on other failures.
void write_text(const std::string& text);

/// Ends the text's last line where a shell's prompt would follow it; a file or pipe has the bytes
/// alone.
class TerminalLine {
 public:
  ~TerminalLine();
  void saw(const std::string& text) {
    if (!text.empty()) begun_ = text.back() != '\n';
  }

 private:
  bool begun_ = false;
};

}  // namespace lior::app
