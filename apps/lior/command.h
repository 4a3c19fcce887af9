// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The pattern of a subcommand: one file, one function. It declares its options into variables that
/// it shares with the function that it returns, which runs after the command line was read and
/// returns the exit status.
///
///     Run hello_command(Options& options) {
///       const auto name = std::make_shared<std::string>("world");
///       options.add("--name", *name, "TEXT", "whom to greet");
///       return [=] { fmt::print("hello {}\n", *name); return kSuccess; };
///     }
///
/// Bad input is a lior::Error (status 2), a run that fails a lior::RunError (status 1): main prints
/// either as one line. Each command has --help, and --threads unless it
/// declares its own, from the program.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace lior::app {

inline constexpr int kSuccess = 0, kFailure = 1, kBadInput = 2;

/// A flag as help, manual pages and completions show it. An argument without a flag has no name, a
/// flag without a value no metavar.
struct FlagText {
  std::string name{}, metavar{}, help{};
  bool required = false;
  std::vector<std::string> words{};  ///< values that a shell may suggest
};

struct CommandText;  // help.h

/// The options of one command, declared to the parser and written down in the manual; keeps the
/// parser's headers out of the commands' files.
class Options {
 public:
  Options(CLI::App& command, CommandText& text) : command_(command), text_(text) {}

  /// `flag` takes one value into `target`. T: std::string, int, std::int64_t, double, or
  /// std::optional of one of them, which stays empty when the flag is not given. `metavar` stands
  /// for the value in the help text.
  template <class T>
  void add(const std::string& flag, T& target, const std::string& metavar, const std::string& help);
  /// The same, and an error when it is not given.
  template <class T>
  void require(const std::string& flag, T& target, const std::string& metavar,
               const std::string& help);
  /// A flag that takes several values, one at least; none where it is not given.
  void add_list(const std::string& flag, std::vector<std::string>& target,
                const std::string& metavar, const std::string& help);
  /// A flag without a value.
  void add_switch(const std::string& flag, bool& target, const std::string& help);
  /// A value without a flag, which may be left out.
  void add_argument(std::optional<std::string>& target, const std::string& metavar,
                    const std::string& help);
  /// Text below the flags in --help.
  void add_note(const std::string& text);
  /// Values of a flag for a shell to suggest: "tiny, small".
  void suggest(const std::string& flag, const std::string& words);

 private:
  CLI::App& command_;
  CommandText& text_;
};

/// Runs a command whose options were read; returns the exit status.
using Run = std::function<int()>;

Run train_command(Options& options);
Run eval_command(Options& options);
Run crystallise_command(Options& options);
Run generate_command(Options& options);
Run serve_command(Options& options);
Run report_command(Options& options);
Run evolve_command(Options& options);
Run geodesic_command(Options& options);
Run curvature_command(Options& options);
Run mean_command(Options& options);
Run regression_command(Options& options);
Run image_command(Options& options);
Run verify_command(Options& options);
Run bench_command(Options& options);
Run info_command(Options& options);
Run doctor_command(Options& options);

}  // namespace lior::app
