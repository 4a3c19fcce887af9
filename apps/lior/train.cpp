// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "command.h"
#include "environment.h"
#include "interrupt.h"
#include "lior/check/profile_report.h"
#include "lior/core/timer.h"
#include "lior/io/atomic_file.h"
#include "lior/io/event_file.h"
#include "lior/train/trainer.h"
#include "progress.h"
#include "ranks.h"
#include "shell.h"

namespace lior::app {
namespace {

/// "a5: tracking, s5: reflections, ...".
std::string default_presets() {
  std::string text;
  for (const train::Task& task : train::tasks()) {
    text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", task.name, task.preset);
  }
  return text;
}

/// The settings that have a flag, in the order of the help text.
struct Flag {
  std::string key, metavar, help;
};
const std::vector<Flag>& flags() {
  static const std::vector<Flag> all = {
      {"pattern", "NAMES",
       "of a folder's files, such as '*.txt,*.md'; hidden ones are left out (*)"},
      {"field", "NAME", "where a line of a .jsonl file has its text (text)"},
      {"separator", "TEXT", "stands between documents of a file, such as '\\n\\n' (none)"},
      {"tokenizer", "NAME", "byte, bpe:N (learnt from the text), or a tokenizer.json (byte)"},
      {"preset", "NAME",
       fmt::format("{} (auto: of texts by their bytes; of tasks {})", train::preset_list(),
                   default_presets())},
      {"init_from", "DIR",
       "begin with the weights of that run, on another text or at another rate"},
      {"optimizer", "NAME", name_list<train::OptimizerKind>() + " (adamw)"},
      {"lr", "X", "largest learning rate"},
      {"dropout", "X", "part of what layers add that each step leaves out, for small texts (0)"},
      {"batch", "B", "sequences per step (presets of texts: 1 or 4; of tasks: 8 or 32)"},
      {"length", "N", "tokens per sequence"},
      {"accumulate", "G", "batches of B sequences a step, which ranks share (1)"},
      {"sequence_ranks", "S", "ranks that share each sequence, a stretch of it each (1)"},
      {"dtype", "NAME",
       "type of the layers' products: float32, or bfloat16 where native (float32)"},
      {"seed", "N", "seed of start values and data (0)"},
      {"steps", "N", "total steps (2000, or fewer on a small text, unless --minutes is given)"},
      {"minutes", "M",
       "total minutes of steps, after the text is read and counted; with --steps too, whichever "
       "comes "
       "first ends the run"},
      {"threads", "N", "threads to use (the cores the process may use)"},
      {"memory_budget", "SIZE",
       "largest memory to use, such as 512M or 2G, for a little more time"},
      {"save_every", "N", "steps between checkpoints (500); one is kept every minute besides"},
      {"log_every", "N", "steps between lines of metrics.jsonl (10)"},
      {"eval_every", "N", "steps between evaluations (200)"},
      {"patience", "N", "evaluations after the best val that end a run on a text; 0: none do (0)"},
      {"samples", "N",
       "tokens that the model writes at each evaluation, for lior report (samples.jsonl); 0: none "
       "(0)"},
      {"crystallise", "MODE",
       "auto: a run on a task ends as soon as its model can be made exact (lior crystallise), and "
       "a model that cannot learns longer words at the run's end; or off"},
      {"val_fraction", "X", "part of the text that is never trained on (0.1)"},
      {"count_tokens", "N",
       "tokens of the text that are counted, for presets with counts, spread over it evenly; 0: "
       "all "
       "(0)"},
  };
  return all;
}

/// Variables of other parts: the vector level (simd/dispatch.h), and lior evolve's settings.
constexpr std::string_view kOtherVariables[] = {"LIOR_SIMD", "LIOR_API_KEY", "LIOR_EVOLVE_"};

std::string flag_name(const std::string& key) {
  std::string name = "--" + key;
  for (char& c : name) c = c == '_' ? '-' : c;
  return name;
}

struct Arguments {
  std::string out, progress = "auto";
  std::vector<std::string> data;
  std::optional<std::string> config, tensorboard;
  bool resume = false, profile = false;
  std::vector<std::optional<std::string>> values =
      std::vector<std::optional<std::string>>(flags().size());

  /// File, then environment, then flags: later ones hold.
  std::vector<settings::Setting> settings(ProgressDisplay& display) const {
    std::vector<settings::Setting> all;
    if (ranks().size() > 1 && !resume) {  // each rank has a part of the cores
      all.push_back({"threads", std::int64_t{usual_threads()}, "the ranks of this host"});
    }
    if (config) {
      for (settings::Setting& setting : settings::read_file(*config)) {
        all.push_back(std::move(setting));
      }
    }
    train::Config any;
    for (settings::Setting& setting : settings_of_environment(
             train::fields(any), train::kVariablePrefix, kOtherVariables, display)) {
      all.push_back(std::move(setting));
    }
    if (!data.empty()) {
      all.push_back({"data", settings::TextValue{train::join_names(data)}, "--data"});
    }
    for (std::size_t i = 0; i < flags().size(); ++i) {
      if (!values[i]) continue;
      all.push_back({flags()[i].key, settings::TextValue{*values[i]}, flag_name(flags()[i].key)});
    }
    return all;
  }
};

std::string progress_text(const train::Progress& progress) {
  std::string text = fmt::format("step {}", progress.step);
  if (progress.last_step) text += fmt::format("/{}", *progress.last_step);
  text += fmt::format("  {} left  loss {:.3f}", clock_text(progress.seconds_left), progress.loss);
  if (progress.accuracy) {
    text += fmt::format("  accuracy {:.3f} at length {}", *progress.accuracy, progress.length);
  }
  if (progress.val_loss) text += fmt::format("  val {:.3f}", *progress.val_loss);
  if (progress.val_nats_per_byte) {
    text += fmt::format(" ({:.3f} a byte)", *progress.val_nats_per_byte);
  }
  text += fmt::format("  {:.1f}k tok/s", progress.tokens_per_second / 1000);
  return text;
}

/// Where val was best, and what became of it; empty where the run has no best.
std::string val_text(const train::Outcome& outcome) {
  if (!outcome.best || outcome.steps_made == 0) return "";
  const auto& [step, val] = *outcome.best;
  const std::string of_bytes = outcome.tokens_per_byte ? fmt::format(" a token, {:.3f} a byte",
                                                                     val * *outcome.tokens_per_byte)
                                                       : "";
  if (step == outcome.step || !outcome.val_loss) {
    return fmt::format("val was best at step {}: {:.3f} nats{}\n", step, val, of_bytes);
  }
  return fmt::format(
      "val was best at step {}: {:.3f} nats{}; it has risen since, to {:.3f}. eval and generate "
      "take "
      "the "
      "weights of step {}; --weights last takes the last\n",
      step, val, of_bytes, *outcome.val_loss, step);
}

/// What became of a machine's model that cannot be exact; empty where that was not looked at.
std::string longer_text(const train::Outcome& outcome) {
  if (!outcome.longer) return "";
  const train::LongerWords& longer = *outcome.longer;
  return fmt::format(
      "its automaton has {} states; along words of {} tokens {} of {} outputs are not that "
      "one's{}\n",
      longer.automaton.states, longer.length, longer.wrong_after, longer.asked,
      longer.steps > 0 ? fmt::format(", and {} were not before", longer.wrong_before) : "");
}

/// Where a run is saved, and how to go on.
std::string ending_text(const train::Outcome& outcome, const std::string& folder) {
  const auto& [steps, minutes] = std::pair(outcome.config.steps, outcome.config.minutes);
  const std::string at = fmt::format(
      "step {}{}, {:.3g}{} minutes", outcome.step, steps ? fmt::format(" of {}", *steps) : "",
      outcome.seconds / 60, minutes ? fmt::format(" of {:g}", *minutes) : "");
  const std::string word = shell_word(folder);
  const std::string resume = fmt::format("lior train --out {} --resume", word);
  if (outcome.interrupted && outcome.step == 0) return "interrupted; nothing was written";
  if (outcome.interrupted) {
    return fmt::format("interrupted at {}; saved in {}; to go on: {}", at, shown_path(folder),
                       resume);
  }
  // The minutes that were asked for, unless many more were used: a run ends with a step, a moment
  // late.
  const double done = outcome.seconds / 60;
  const double base = minutes && done <= 1.1 * *minutes ? *minutes : done;
  const std::string longer = steps ? fmt::format("--steps {}", 2 * std::max(*steps, outcome.step))
                                   : fmt::format("--minutes {:.4g}", 2 * base);
  const std::string further =
      fmt::format("to go further: {} {}", resume, outcome.lost_patience ? "--patience 0" : longer);
  if (outcome.steps_made == 0) {
    return fmt::format("the run in {} was over, at {}; nothing was trained; {}", shown_path(folder),
                       at, further);
  }
  const std::string& data = outcome.config.data;
  if (outcome.exact) {
    const train::HeadDeviation worst = train::largest_deviation(*outcome.exact);
    return fmt::format(
        "exact at {}: {} states, moved by {} tokens; turns were up to {:.2g} off and are {:.2g}; "
        "saved in {}\nto use it: lior eval --model {} --data {} --lengths 1024,1048576 --count 4",
        at, outcome.exact->automaton.states, outcome.exact->automaton.letters, worst.before,
        worst.after, shown_path(folder), word, shell_word(data));
  }
  const std::string use =
      train::names_task(data)
          ? fmt::format("lior eval --model {} --data {}", word, shell_word(data))
          : fmt::format("lior generate --model {} --prompt TEXT", word);
  return fmt::format("{}{}finished at {}{}; saved in {}\nto use it: {}\n{}", val_text(outcome),
                     longer_text(outcome), at, outcome.lost_patience ? ", out of patience" : "",
                     shown_path(folder), use, further);
}

/// Lines of metrics.jsonl as TensorBoard shows them.
class EventWriter {
 public:
  explicit EventWriter(const std::string& folder) : file_(folder) {}

  void write(const train::MetricsLine& line) {
    std::vector<io::EventScalar> scalars = {{"train/loss", line.loss},
                                            {"train/accuracy", line.accuracy},
                                            {"train/length", static_cast<double>(line.length)},
                                            {"train/lr", line.lr},
                                            {"train/grad_norm", line.grad_norm}};
    if (before_ && line.seconds > before_->seconds) {
      const auto tokens = static_cast<double>(line.tokens - before_->tokens);
      scalars.push_back({"train/tokens_per_second", tokens / (line.seconds - before_->seconds)});
    }
    if (line.val_loss) scalars.push_back({"val/loss", *line.val_loss});
    if (line.val_accuracy) scalars.push_back({"val/accuracy", *line.val_accuracy});
    file_.write(line.step, scalars);
    before_ = line;
  }

 private:
  io::EventFile file_;
  std::optional<train::MetricsLine> before_;
};

int run(const Arguments& arguments) {
  ProgressDisplay display(ranks().is_first() ? arguments.progress : "none");
  catch_interrupts();
  Profile profile;
  std::optional<EventWriter> events;
  if (arguments.tensorboard && ranks().is_first()) events.emplace(*arguments.tensorboard);
  train::Progress at;  // of the latest step
  const auto showing = [&](const char* what) {
    return [&, what, timer = Timer()](double done) mutable {
      if (done == 0) timer = Timer();
      if (done == 0 || !display.due(0)) return;
      const double left = timer.seconds() * (1 - done) / done;
      display.draw(at.done,
                   fmt::format("{}: {:.0f}% done, {} left", what, 100 * done, clock_text(left)));
    };
  };
  const train::Hooks hooks{.after_step =
                               [&](const train::Progress& progress) {
                                 at = progress;
                                 const double done =
                                     progress.last_step == progress.step ? 1 : progress.done;
                                 if (display.due(done)) display.draw(done, progress_text(progress));
                               },
                           .interrupted = interrupted,
                           .evaluating = showing("evaluating"),
                           .learning_longer = showing("longer words"),
                           .profile = arguments.profile ? &profile : nullptr,
                           .say = [&](const std::string& line) { display.say(line); },
                           .logged =
                               [&](const train::MetricsLine& line) {
                                 if (events) events->write(line);
                               }};
  const train::Outcome outcome =
      train::train(arguments.settings(display), arguments.out, arguments.resume, hooks, ranks());
  display.say(ending_text(outcome, arguments.out));
  if (arguments.profile && ranks().is_first()) {
    const check::ProfileReport report = check::report(profile, check::machine_limits());
    display.say(to_table(report));
    io::write_file_atomically(arguments.out + "/profile.json", to_json(report));
  }
  return outcome.interrupted ? status_of_ranks(interrupt_status()) : kSuccess;
}

}  // namespace

Run train_command(Options& options) {
  const auto arguments = std::make_shared<Arguments>();
  options.require("--out", arguments->out, "DIR", "folder of the run; new, unless --resume");
  options.add_list(
      "--data", arguments->data, "FILE|DIR|-|builtin:NAME ...",
      "texts: files (.gz, .zst, .xz, .jsonl too), folders, patterns, a pipe; or a task: " +
          train::task_list());
  for (std::size_t i = 0; i < flags().size(); ++i) {
    options.add(flag_name(flags()[i].key), arguments->values[i], flags()[i].metavar,
                flags()[i].help);
  }
  options.add("--config", arguments->config, "FILE",
              "settings, TOML or a run's config.json; flags and LIOR_* come before");
  options.add("--tensorboard", arguments->tensorboard, "DIR",
              "also write what metrics.jsonl gets as event files for TensorBoard");
  options.add_switch("--resume", arguments->resume, "go on with the run in --out");
  options.add_switch("--profile", arguments->profile,
                     "say at the end where the steps' time went, and write it to profile.json");
  add_progress(options, arguments->progress);
  options.suggest("--preset", train::preset_list());
  options.suggest("--optimizer", name_list<train::OptimizerKind>());
  options.suggest("--dtype", name_list<linalg::Precision>());
  return [=] { return run(*arguments); };
}

}  // namespace lior::app
