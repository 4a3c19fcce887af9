// SPDX-License-Identifier: Apache-2.0
// The only file that includes the command-line parser, which is slow to compile.
#include "program.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <new>
#include <optional>
#include <system_error>
#include <utility>

#include "lior/comm/same_lines.h"
#include "lior/core/error.h"
#include "lior/core/parallel.h"
#include "lior/core/text.h"
#include "lior/core/version.h"
#include "ranks.h"
#include "terminal.h"

namespace lior::app {
namespace {

/// Reads a flag's number, as settings are read; false where the text is none, or one that T cannot
/// hold. The parser's own reading takes 2^63 for 2^63 - 1, and 010 for 8.
template <class T>
bool read_number(const std::string& text, T& target) {
  const char* const end = text.data() + text.size();
  const auto [last, error] = std::from_chars(text.data(), end, target);
  return error == std::errc{} && last == end;
}
template <class T>
bool read_number(const std::string& text, std::optional<T>& target) {
  return read_number(text, target.emplace());
}

template <class T>
inline constexpr bool kIsNumber = std::is_arithmetic_v<T>;
template <class T>
inline constexpr bool kIsNumber<std::optional<T>> = std::is_arithmetic_v<T>;

template <class T>
CLI::Option* declare(CLI::App& command, const std::string& flag, T& target,
                     const std::string& help) {
  if constexpr (kIsNumber<T>) {
    const auto read = [&target](const CLI::results_t& given) {
      return read_number(given.front(), target);
    };
    return command.add_option(flag, read, help);
  } else {
    return command.add_option(flag, target, help);
  }
}

}  // namespace

template <class T>
void Options::add(const std::string& flag, T& target, const std::string& metavar,
                  const std::string& help) {
  declare(command_, flag, target, help)->option_text(metavar);
  text_.flags.push_back({.name = flag, .metavar = metavar, .help = help});
}
template <class T>
void Options::require(const std::string& flag, T& target, const std::string& metavar,
                      const std::string& help) {
  declare(command_, flag, target, help)->option_text(metavar)->required();
  text_.flags.push_back({.name = flag, .metavar = metavar, .help = help, .required = true});
}
void Options::add_list(const std::string& flag, std::vector<std::string>& target,
                       const std::string& metavar, const std::string& help) {
  add(flag, target, metavar, help);
}
void Options::add_switch(const std::string& flag, bool& target, const std::string& help) {
  command_.add_flag(flag, target, help);
  text_.flags.push_back({.name = flag, .help = help});
}
void Options::add_argument(std::optional<std::string>& target, const std::string& metavar,
                           const std::string& help) {
  command_.add_option(metavar, target, help)->option_text("");
  text_.flags.push_back({.metavar = metavar, .help = help});
}
void Options::add_note(const std::string& text) {
  command_.footer(text);
  text_.note = text;
}
void Options::suggest(const std::string& flag, const std::string& words) {
  const auto found = std::ranges::find(text_.flags, flag, &FlagText::name);
  LIOR_CHECK(found != text_.flags.end(), "no flag {} is declared", flag);
  for (std::size_t begin = 0; begin < words.size();) {
    const std::size_t end = std::min(words.find(", ", begin), words.size());
    found->words.push_back(words.substr(begin, end - begin));
    begin = end + 2;
  }
}

#define LIOR_OPTION_TYPE(T)                                                                   \
  template void Options::add(const std::string&, T&, const std::string&, const std::string&); \
  template void Options::require(const std::string&, T&, const std::string&, const std::string&);
LIOR_OPTION_TYPE(std::string)
LIOR_OPTION_TYPE(int)
LIOR_OPTION_TYPE(std::int64_t)
LIOR_OPTION_TYPE(double)
LIOR_OPTION_TYPE(std::optional<std::string>)
LIOR_OPTION_TYPE(std::optional<int>)
LIOR_OPTION_TYPE(std::optional<std::int64_t>)
LIOR_OPTION_TYPE(std::optional<double>)
#undef LIOR_OPTION_TYPE

namespace {

constexpr int kMostThreads = 1024;

/// One line without control characters, whatever a message has taken in on its way here.
void say_error(std::string message) {
  constexpr std::size_t kLongest = 5000;
  std::replace(message.begin(), message.end(), '\n', ' ');
  std::fprintf(stderr, "error: %s\n", shown(message, kLongest).c_str());
}

/// An error that every rank meets, or none: one of them says it.
int fail_alike(int status, const std::string& message) {
  if (ranks().is_first()) say_error(message);
  return status;
}

/// An error of this rank. Where the others may know nothing of it, it ends them too.
int fail(int status, const std::string& message) {
  if (ranks().size() == 1 || ranks().failed_together()) return fail_alike(status, message);
  say_error(fmt::format("rank {} ({}): {}", ranks().rank(), ranks().host(), message));
  abort_ranks(status);
}

/// The status of `body`, which may throw what a command throws.
template <class Body, class Fail>
int status_of(const Body& body, const Fail& fail) {
  try {
    return body();
  } catch (const Error& error) {
    return fail(kBadInput, error.what());
  } catch (const std::bad_alloc&) {
    return fail(kFailure, "out of memory; a smaller problem would fit");
  } catch (const std::filesystem::filesystem_error& error) {
    // The paths that the system refuses are the user's; what it cannot do with good ones is not.
    const bool failed =
        error.code() == std::errc::no_space_on_device || error.code() == std::errc::io_error;
    return fail(failed ? kFailure : kBadInput,
                fmt::format("{}: cannot be used ({}); expected a path that the system takes",
                            shown_path(error.path1().string()), error.code().message()));
  } catch (const std::exception& error) {
    return fail(kFailure, error.what());
  }
}

void use_threads(int count) {
  LIOR_CHECK(count >= 1 && count <= kMostThreads,
             "--threads {}: cannot run on so many threads; expected 1 to {}", count, kMostThreads);
  set_threads(count);
  constexpr int kManyPerCore = 4;
  if (count > kManyPerCore * available_cores()) {
    fmt::print(stderr,
               "note: {} threads on {} cores; more threads than cores make nothing faster\n", count,
               available_cores());
  }
}

std::string names(const std::vector<Command>& commands) {
  std::string text;
  for (const Command& command : commands) text += (text.empty() ? "" : ", ") + command.name;
  return text;
}

/// The parser's message on a flag whose value is wrong: "Could not convert: --threads = x",
/// "--threads: 1 required N missing", "--filter: At Most 1 required but received 2".
std::string in_our_words(const CLI::ParseError& error) {
  std::string message = error.what();
  if (dynamic_cast<const CLI::ConversionError*>(&error) != nullptr) {
    return "'" + message.substr(message.find(": ") + 2) + "' is not a number that the flag takes";
  }
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) {
    const std::string flag = message.substr(0, message.find(':'));
    return flag + (message.ends_with("missing") ? " needs a value" : " is given more than once");
  }
  return message;
}

/// The parser's error, worded for the command in question.
std::string explain(const CLI::ParseError& error, const CLI::App& program,
                    const std::vector<Command>& commands) {
  const auto chosen = program.get_subcommands();
  if (chosen.empty()) {
    const auto unknown = program.remaining();
    if (unknown.empty()) {
      return fmt::format(
          "no command is given; the commands are {}; 'lior --help' says what each does",
          names(commands));
    }
    const bool flag = unknown.front().starts_with('-');
    return fmt::format(
        "unknown {} '{}'; {}", flag ? "flag" : "command", unknown.front(),
        flag ? "'lior --help' lists the flags" : "the commands are " + names(commands));
  }
  const CLI::App& command = *chosen.front();
  const std::string help = fmt::format("'lior {} --help' lists its flags", command.get_name());
  const auto unknown = program.remaining(true);
  if (!unknown.empty()) {  // before what is missing: it may be what was meant
    return fmt::format("unknown {} '{}' of lior {}; {}",
                       unknown.front().starts_with('-') ? "flag" : "argument", unknown.front(),
                       command.get_name(), help);
  }
  return fmt::format("lior {}: {}; {}", command.get_name(), in_our_words(error), help);
}

/// Ranks that were started with different commands would wait for each other for ever.
void check_same_command(const CLI::App& program, const std::optional<CLI::Success>& asked) {
  const auto chosen = program.get_subcommands();
  std::string command = chosen.empty() ? "lior" : chosen.front()->get_name();
  if (asked) command += " --help";
  comm::check_same_lines(ranks(), "the commands", command);
}

/// The parser's help, whose lines have any length, filled.
class FilledHelp : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* command, std::string name,
                        CLI::AppFormatMode mode) const override {
    return filled(CLI::Formatter::make_help(command, std::move(name), mode));
  }
};

int read_and_run(int argc, const char* const* argv, const std::vector<Command>& commands) {
  CLI::App program("Geometric state-space models, and the checks and benches behind them.", "lior");
  program.formatter(std::make_shared<FilledHelp>());
  program.set_version_flag("--version", fmt::format("lior {}", version()));
  program.require_subcommand(1);
  program.footer("`lior COMMAND --help` shows a command's flags.");

  int thread_count = usual_threads();
  std::vector<std::pair<CLI::App*, Run>> runs;
  Manual manual(commands.size());
  for (std::size_t i = 0; i < commands.size(); ++i) {
    const Command& command = commands[i];
    CLI::App* parser = program.add_subcommand(command.name, command.summary);
    parser->footer("");
    manual[i].name = command.name;
    manual[i].summary = command.summary;
    Options options(*parser, manual[i]);
    runs.emplace_back(parser, command.declare(options, manual));
    const bool has_threads = parser->get_option_no_throw("--threads") != nullptr;
    if (command.computes && !has_threads) {
      options.add("--threads", thread_count, "N", "threads to use (the cores the process may use)");
    }
    manual[i].help = parser->help("lior");
  }

  std::optional<CLI::Success> asked;  // --help, --version
  ranks().together([&] {
    try {
      program.parse(argc, argv);
    } catch (const CLI::Success& words) {
      asked = words;
    } catch (const CLI::ParseError& error) {
      throw Error(explain(error, program, commands));
    }
  });
  check_same_command(program, asked);
  if (asked) return ranks().is_first() ? program.exit(*asked) : kSuccess;

  ranks().together([&] { use_threads(thread_count); });
  for (std::size_t i = 0; i < commands.size(); ++i) {
    const auto& [parser, run] = runs[i];
    if (!parser->parsed()) continue;
    const int status = commands[i].on_all_ranks ? status_of(run, fail) : run_on_first(run);
    if (std::fflush(stdout) != 0) {
      if (errno == EPIPE) return status;  // whoever read it has seen enough
      throw RunError(fmt::format("cannot write the output: {}", std::strerror(errno)));
    }
    return status;
  }
  return kBadInput;  // not reached: the parser requires a command
}

}  // namespace

int run_on_first(const Run& run) {
  int status = kSuccess;
  if (ranks().is_first()) status = status_of(run, fail_alike);
  return of_first_rank(status);
}

int run_program(int argc, const char* const* argv, const std::vector<Command>& commands) {
  return status_of(
      [&] {
        start_ranks();
        const int status = read_and_run(argc, argv, commands);
        end_ranks();
        return status;
      },
      fail);
}

}  // namespace lior::app
