// SPDX-License-Identifier: Apache-2.0
#include "text_output.h"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "interrupt.h"
#include "lior/core/error.h"

namespace lior::app {

void write_text(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  if (std::fflush(stdout) == 0) return;
  if (errno != EPIPE) throw RunError("cannot write the text; is the disk full?");
  request_interrupt(SIGPIPE);
}

TerminalLine::~TerminalLine() {
  if (begun_ && isatty(STDOUT_FILENO) != 0) std::fputc('\n', stdout);
}

}  // namespace lior::app
