// SPDX-License-Identifier: Apache-2.0
// Scripts that complete the command line in bash, zsh and fish.
#include <fmt/core.h>

#include "help.h"
#include "lior/core/error.h"
#include "lior/core/text.h"

namespace lior::app {
namespace {

bool takes_path(const FlagText& flag) {
  return flag.metavar.find("FILE") != std::string::npos ||
         flag.metavar.find("DIR") != std::string::npos;
}

template <class Range, class Text>
std::string joined(const Range& range, std::string_view between, const Text& text) {
  std::string all;
  for (const auto& item : range) all += (all.empty() ? "" : std::string(between)) + text(item);
  return all;
}

std::string words_text(const std::vector<std::string>& words) {
  return joined(words, " ", [](const std::string& word) { return word; });
}

std::string command_names(const Manual& manual) {
  return joined(manual, " ", [](const CommandText& command) { return command.name; });
}

/// Words that may follow `lior help`.
std::string help_words(const Manual& manual) {
  return command_names(manual) + " " +
         joined(help_topics(), " ", [](const HelpTopic& topic) { return topic.name; });
}

std::string arguments_of(const CommandText& command, const Manual& manual) {
  if (command.name == "help") return help_words(manual);
  if (command.name == "man") return command_names(manual);
  return command.name == "completion" ? "bash zsh fish" : "";
}

std::string bash(const Manual& manual) {
  std::string text = fmt::format(R"(# bash completion of lior
_lior() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}} command=${{COMP_WORDS[1]}}
  COMPREPLY=()
  if [ "$COMP_CWORD" = 1 ]; then
    COMPREPLY=($(compgen -W "{} --help --version" -- "$word"))
    return
  fi
  case "$command $previous" in
)",
                                 command_names(manual));
  for (const CommandText& command : manual) {
    for (const FlagText& flag : command.flags) {
      if (flag.metavar.empty() || flag.name.empty()) continue;
      const auto& values = flag.words;
      const std::string reply =
          !values.empty()
              ? fmt::format("COMPREPLY=($(compgen -W \"{}\" -- \"$word\"))", words_text(values))
          : takes_path(flag) ? "COMPREPLY=($(compgen -f -- \"$word\"))"
                             : ":";
      text += fmt::format("    '{} {}') {}; return ;;\n", command.name, flag.name, reply);
    }
  }
  text += "  esac\n  case \"$command\" in\n";
  for (const CommandText& command : manual) {
    std::string words = arguments_of(command, manual);
    for (const FlagText& flag : command.flags) words += " " + flag.name;
    text += fmt::format("    {}) COMPREPLY=($(compgen -W \"{} --help\" -- \"$word\")) ;;\n",
                        command.name, words);
  }
  return text + "  esac\n}\ncomplete -o filenames -F _lior lior\n";
}

/// Text inside single quotes.
std::string quoted(std::string text) {
  std::erase(text, '\'');
  return text;
}

/// The same in a specification of zsh, where brackets and colons mean something.
std::string specified(const std::string& text) {
  std::string out;
  for (const char c : quoted(text)) {
    if (c == '[' || c == ']' || c == ':') out += '\\';
    out += c;
  }
  return out;
}

std::string zsh(const Manual& manual) {
  std::string text = "#compdef lior\n_lior() {\n  local -a commands\n  commands=(\n";
  for (const CommandText& command : manual) {
    text += fmt::format("    '{}:{}'\n", command.name, specified(command.summary));
  }
  text += R"(  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
)";
  for (const CommandText& command : manual) {
    text += fmt::format("    {})\n      _arguments", command.name);
    for (const FlagText& flag : command.flags) {
      if (flag.name.empty()) continue;
      text += fmt::format(" \\\n        '{}[{}]", flag.name, specified(flag.help));
      if (!flag.metavar.empty()) {
        const auto& values = flag.words;
        const std::string action = !values.empty()    ? "(" + words_text(values) + ")"
                                   : takes_path(flag) ? "_files"
                                                      : "";
        text += fmt::format(":{}:{}", specified(flag.metavar), action);
      }
      text += '\'';
    }
    const std::string words = arguments_of(command, manual);
    if (!words.empty()) text += fmt::format(" \\\n        '1:argument:({})'", words);
    text += "\n      ;;\n";
  }
  return text + "  esac\n}\n_lior \"$@\"\n";
}

std::string fish(const Manual& manual) {
  std::string text =
      "complete -c lior -f\n"
      "complete -c lior -n __fish_use_subcommand -l version -d 'show the version'\n";
  for (const CommandText& command : manual) {
    text += fmt::format("complete -c lior -n __fish_use_subcommand -a {} -d '{}'\n", command.name,
                        quoted(command.summary));
    const std::string here =
        fmt::format("complete -c lior -n '__fish_seen_subcommand_from {}'", command.name);
    for (const FlagText& flag : command.flags) {
      if (flag.name.empty()) continue;
      text += fmt::format("{} -l {} -d '{}'", here, flag.name.substr(2), quoted(flag.help));
      if (!flag.metavar.empty()) {
        const auto& values = flag.words;
        text += !values.empty()    ? fmt::format(" -x -a '{}'", words_text(values))
                : takes_path(flag) ? " -r -F"
                                   : " -x";
      }
      text += '\n';
    }
    const std::string words = arguments_of(command, manual);
    if (!words.empty()) text += fmt::format("{} -a '{}'\n", here, words);
  }
  return text;
}

}  // namespace

std::string completion_script(const Manual& manual, const std::string& shell) {
  if (shell == "bash") return bash(manual);
  if (shell == "zsh") return zsh(manual);
  if (shell == "fish") return fish(manual);
  throw Error(fmt::format("shell '{}' is unknown; expected one of: bash, zsh, fish", shown(shell)));
}

}  // namespace lior::app
