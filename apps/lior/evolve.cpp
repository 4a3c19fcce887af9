#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <filesystem>

#include "command.h"
#include "evolve_output.h"
#include "interrupt.h"
#include "lior/core/timer.h"
#include "lior/field/diagnostics.h"
#include "lior/io/atomic_file.h"
#include "progress.h"

namespace lior::app {
namespace {

/// Steps between looks at the clock, at Ctrl-C and for NaN. A run is cut at its multiples and at
/// frames, nowhere else, so that one that goes on is cut alike and repeats bit for bit.
constexpr Index kStepsAtOnce = 16;

struct Arguments {
  std::string out, progress = "auto";
  std::optional<std::string> config, preset;
  std::optional<std::int64_t> steps;
  bool resume = false, error_check = false;
};

/// "120/800  15 %  310 steps/s  0:02 left", on one line that renews itself or every few seconds.
class Progress {
 public:
  explicit Progress(const std::string& mode) {
    LIOR_CHECK(mode == "auto" || mode == "bar" || mode == "plain" || mode == "none",
               "--progress {}: expected auto, bar, plain or none", mode);
    silent_ = mode == "none";
    bar_ = mode == "bar" || (mode == "auto" && isatty(STDERR_FILENO) == 1);
  }
  ~Progress() {
    if (drawn_ && bar_) std::fputc('\n', stderr);
  }
  void show(Index step, Index first, Index steps) {
    if (silent_ || (timer_.seconds() < next_ && step < steps)) return;
    next_ = timer_.seconds() + (bar_ ? 0.2 : 5);
    const double rate = static_cast<double>(step - first) / std::max(timer_.seconds(), 1e-9);
    const double left = rate > 0 ? static_cast<double>(steps - step) / rate : 0;
    std::fputs(fmt::format("{}{}/{}  {} %  {:.0f} steps/s  {} left{}", bar_ ? "\r" : "", step,
                           steps, step * 100 / steps, rate, clock_text(left), bar_ ? "  " : "\n")
                   .c_str(),
               stderr);
    drawn_ = true;
  }

 private:
  bool silent_, bar_, drawn_ = false;
  Timer timer_;
  double next_ = 0;
};

void check_whole(const field::Evolution<double>& evolution, const std::string& out) {
  const auto cell = field::first_broken_cell<double>(evolution.field());
  if (cell[0] < 0) return;
  throw RunError(fmt::format(
      "the field is no longer finite at step {}, cell ({}, {}); {} holds the last good checkpoint, "
      "and a smaller dt may help",
      evolution.step(), cell[0], cell[1], out));
}

/// The configuration of the run, and the folder made ready for it.
EvolveConfig prepare(const Arguments& arguments) {
  namespace fs = std::filesystem;
  const std::string saved = arguments.out + "/config.toml";
  LIOR_CHECK(!(arguments.config && arguments.preset),
             "give one of --config and --preset, not both");
  std::optional<EvolveConfig> config;
  if (arguments.config) config = read_evolve_config(*arguments.config);
  if (arguments.preset) config = evolve_preset(*arguments.preset);
  if (arguments.resume) {
    LIOR_CHECK(fs::exists(saved), "{}: no run to go on with; leave --resume out", arguments.out);
    EvolveConfig before = read_evolve_config(saved);
    if (config) {
      config->integrator_steps = before.integrator_steps;
      LIOR_CHECK(to_toml(*config) == to_toml(before),
                 "{}: holds a run of another configuration (its config.toml); only --steps may "
                 "change",
                 arguments.out);
    }
    config = before;
  }
  LIOR_CHECK(config.has_value(), "give --preset NAME or --config FILE.toml");
  if (arguments.steps) config->integrator_steps = *arguments.steps;
  LIOR_CHECK(
      arguments.resume || !fs::exists(arguments.out) ||
          (fs::is_directory(arguments.out) && fs::is_empty(arguments.out)),
      "{}: is not empty; --resume goes on with the run in it, another --out starts a new one",
      arguments.out);
  return *config;
}

void make_folder(const std::string& out) {
  std::error_code failed;
  std::filesystem::create_directories(out, failed);
  LIOR_CHECK(!failed, "{}: cannot be made: {}", out, failed.message());
}

/// The run again at half the step; prints how far its end is from the first one's.
void check_error(const EvolveSetup& setup, const field::Evolution<double>& evolution) {
  const auto finer = setup.make(2);
  finer->run(2 * evolution.step());
  double difference = 0, largest = 0;
  for (Index k = 0; k < setup.grid.numbers(); ++k) {
    const auto entry = evolution.field().data()[k];
    difference = std::max(difference, std::abs(entry - finer->field().data()[k]));
    largest = std::max(largest, std::abs(entry));
  }
  fmt::print(
      "error check: at half the step the field differs by {:.3g} at most, {:.3g} of its "
      "largest entry\n",
      difference, largest > 0 ? difference / largest : 0);
}

int run(const Arguments& arguments) {
  Progress progress(arguments.progress);
  const EvolveConfig config = prepare(arguments);
  const EvolveSetup setup(config);
  const auto evolution = setup.make();
  make_folder(arguments.out);
  std::optional<EvolveOutput> output;
  if (arguments.resume) {
    output.emplace(arguments.out, config, setup, *evolution);
  } else {
    output.emplace(arguments.out, config, setup);
    output->frame(*evolution);
    output->checkpoint(*evolution);
  }
  io::write_file_atomically(arguments.out + "/config.toml", to_toml(config));
  if (evolution->poles() > 0 && arguments.progress != "none") {
    std::fputs(
        fmt::format("memory: {} poles, error {:.2g}\n", evolution->poles(), evolution->pole_error())
            .c_str(),
        stderr);
  }

  catch_interrupts();
  const Index first = evolution->step(), steps = config.integrator_steps;
  Timer since_checkpoint;
  while (evolution->step() < steps && !interrupted()) {
    const Index step = evolution->step();
    const auto to_multiple = [step](Index of) { return of - step % of; };
    evolution->run(
        std::min({to_multiple(kStepsAtOnce), to_multiple(config.output_every), steps - step}));
    check_whole(*evolution, arguments.out);
    if (evolution->step() % config.output_every == 0) {
      output->frame(*evolution);
      if (since_checkpoint.seconds() > 2) {
        output->checkpoint(*evolution);
        since_checkpoint = Timer();
      }
    }
    progress.show(evolution->step(), first, steps);
  }
  output->checkpoint(*evolution);
  if (evolution->step() < steps) return kInterrupted;
  if (arguments.error_check) check_error(setup, *evolution);
  return kSuccess;
}

}  // namespace

Run evolve_command(Options& options) {
  const auto arguments = std::make_shared<Arguments>();
  options.require("--out", arguments->out, "DIR", "folder of the run; new, unless --resume");
  options.add("--preset", arguments->preset, "NAME",
              "free, packet, harmonic, barrier, belief, memory or curved");
  options.add("--config", arguments->config, "FILE.toml", "settings in place of a preset");
  options.add("--steps", arguments->steps, "N", "steps in all, in place of the settings'");
  options.add_switch("--resume", arguments->resume, "go on with the run in --out, bit for bit");
  options.add_switch("--error-check", arguments->error_check,
                     "run again at half the step and print the largest difference");
  options.add("--progress", arguments->progress, "MODE", "auto, bar, plain or none (auto)");
  return [=] { return run(*arguments); };
}

}  // namespace lior::app
