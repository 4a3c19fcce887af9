// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The command line of the whole program.

#include <string>
#include <vector>

#include "help.h"

namespace lior::app {

struct Command {
  Command(std::string name, std::string summary, Run (*declare)(Options&))
      : name(std::move(name)),
        summary(std::move(summary)),
        declare([declare](Options& options, const Manual&) { return declare(options); }) {}
  /// A command that speaks of the others.
  Command(std::string name, std::string summary, Run (*declare)(Options&, const Manual&))
      : name(std::move(name)), summary(std::move(summary)), computes(false), declare(declare) {}

  std::string name;
  std::string summary;   ///< one line, for `lior --help`
  bool computes = true;  ///< has --threads
  /// Whether it runs on every rank; else the first runs it, and the others wait.
  bool on_all_ranks = false;
  std::function<Run(Options&, const Manual&)> declare;
};

inline Command on_all_ranks(Command command) {
  command.on_all_ranks = true;
  return command;
}

/// Runs a command, or a part of one, on the first rank, while the others wait; all return its
/// status. An error is said.
int run_on_first(const Run& run);

/// Reads the command line, applies --threads, runs the command, returns the exit status. Whatever
/// goes wrong is one line on stderr, `error: ...`, of one rank: what the others do not know of
/// names it and ends them.
int run_program(int argc, const char* const* argv, const std::vector<Command>& commands);

}  // namespace lior::app
