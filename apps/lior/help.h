// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The commands that speak of the other commands: `lior help`, `lior man`, `lior completion`. All
/// read one description, which Options (command.h) writes down as commands declare their flags.

#include <string>
#include <vector>

#include "command.h"

namespace lior::app {

/// A command as help, manual pages and completions show it.
struct CommandText {
  std::string name, summary, note, help;
  std::vector<FlagText> flags;
};

using Manual = std::vector<CommandText>;

/// `manual` is complete when the command runs; it must live until then.
Run help_command(Options& options, const Manual& manual);
Run man_command(Options& options, const Manual& manual);
Run completion_command(Options& options, const Manual& manual);

/// Subjects of `lior help` beside the commands (help_topics.cpp).
struct HelpTopic {
  std::string name, summary;
  std::string (*text)();
};
const std::vector<HelpTopic>& help_topics();

/// A page in roff for man(1): of the program, or of one command where `name` is not empty. Throws
/// lior::Error where there is no such command.
std::string manual_page(const Manual& manual, const std::string& name);

/// A script that a shell reads at its start. Throws lior::Error for other shells than bash, zsh and
/// fish.
std::string completion_script(const Manual& manual, const std::string& shell);

}  // namespace lior::app
