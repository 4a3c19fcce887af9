// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The command line of the whole program.

#include <string>
#include <vector>

#include "command.h"

namespace lior::app {

struct Command {
  std::string name;
  std::string summary;  ///< one line, for `lior --help`
  Run (*declare)(Options& options);
};

/// Reads the command line, applies --threads, runs the command, returns the exit status. Whatever
/// goes wrong is one line on stderr, `error: ...`.
int run_program(int argc, const char* const* argv, const std::vector<Command>& commands);

}  // namespace lior::app
