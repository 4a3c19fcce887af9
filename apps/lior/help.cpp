// SPDX-License-Identifier: Apache-2.0
#include "help.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "lior/core/error.h"
#include "lior/core/text.h"
#include "lior/io/atomic_file.h"
#include "terminal.h"

namespace lior::app {
namespace {

/// The page on a command or a topic.
std::string page_on(const Manual& manual, const std::string& name) {
  const auto command = std::ranges::find(manual, name, &CommandText::name);
  if (command != manual.end()) return command->help;
  const auto topic = std::ranges::find(help_topics(), name, &HelpTopic::name);
  if (topic != help_topics().end()) return filled(topic->text());
  std::string known;
  for (const CommandText& text : manual) known += text.name + ", ";
  for (const HelpTopic& text : help_topics()) known += text.name + ", ";
  known.resize(known.size() - 2);
  throw Error(fmt::format("there is no help on '{}'; expected one of: {}", shown(name), known));
}

std::string overview(const Manual& manual) {
  std::string text = "lior help COMMAND or lior help TOPIC\n\nCommands:\n";
  for (const CommandText& c : manual) text += fmt::format("  {:<16} {}\n", c.name, c.summary);
  text += "\nTopics:\n";
  for (const HelpTopic& t : help_topics()) text += fmt::format("  {:<16} {}\n", t.name, t.summary);
  return text;
}

/// lior.1, lior-train.1, ...: the pages that an installation has.
int write_pages(const Manual& manual, const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  io::write_file_atomically((folder / "lior.1").string(), manual_page(manual, ""));
  for (const CommandText& command : manual) {
    io::write_file_atomically((folder / fmt::format("lior-{}.1", command.name)).string(),
                              manual_page(manual, command.name));
  }
  return kSuccess;
}

int print(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  return kSuccess;
}

}  // namespace

Run help_command(Options& options, const Manual& manual) {
  const auto topic = std::make_shared<std::optional<std::string>>();
  options.add_argument(*topic, "TOPIC", "a command or a topic; without one, the list of both");
  return [=, &manual] { return print(*topic ? page_on(manual, **topic) : overview(manual)); };
}

Run man_command(Options& options, const Manual& manual) {
  struct Arguments {
    std::optional<std::string> name, folder;
  };
  const auto arguments = std::make_shared<Arguments>();
  options.add_argument(arguments->name, "COMMAND",
                       "the command; without one, the page of the program");
  options.add("--out", arguments->folder, "DIR", "write every page into this folder instead");
  options.add_note("To read a page: lior man train | man -l -\n");
  return [=, &manual] {
    if (arguments->folder) return write_pages(manual, *arguments->folder);
    return print(manual_page(manual, arguments->name.value_or("")));
  };
}

Run completion_command(Options& options, const Manual& manual) {
  const auto shell = std::make_shared<std::optional<std::string>>();
  options.add_argument(*shell, "SHELL", "bash, zsh or fish");
  options.add_note(
      "To have it now: source <(lior completion bash); lior completion fish | source\n"
      "To keep it:     lior completion bash > ~/.local/share/bash-completion/completions/lior\n"
      "                lior completion fish > ~/.config/fish/completions/lior.fish\n"
      "                lior completion zsh > _lior, in a folder of $fpath\n");
  return [=, &manual] {
    LIOR_CHECK(shell->has_value(), "say which shell: lior completion bash, zsh or fish");
    return print(completion_script(manual, **shell));
  };
}

}  // namespace lior::app
