// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <vector>

#include "command.h"
#include "environment.h"
#include "evolve_output.h"
#include "interrupt.h"
#include "lior/comm/same_lines.h"
#include "lior/core/timer.h"
#include "lior/field/diagnostics.h"
#include "lior/io/atomic_file.h"
#include "movie.h"
#include "progress.h"
#include "ranks.h"
#include "shell.h"

namespace lior::app {
namespace {

/// Applications of H in a step, about.
double applications(const EvolveSetup& setup) {
  if (setup.settings.scheme != field::Scheme::chebyshev) return 1;
  const auto& h = *setup.hamiltonian;
  return 30 + std::abs(setup.settings.dt) * (h.highest() - h.lowest()) / (2 * h.physics().hbar);
}

/// Steps between looks at the clock, at Ctrl-C and for NaN. A run is cut at its multiples and at
/// frames, nowhere else, so that one that goes on is cut alike and repeats bit for bit: it follows
/// from the settings, and is less where steps are long.
Index steps_at_once(const EvolveSetup& setup) {
  constexpr double kMostSteps = 16, kNumbers = 1 << 24;
  const double numbers = static_cast<double>(setup.grid.all_numbers()) * applications(setup);
  return static_cast<Index>(std::clamp(kNumbers / numbers, 1.0, kMostSteps));
}

/// Says how long a long step will take, before it starts; silent for short ones.
std::string length_text(const EvolveSetup& setup, Index steps) {
  constexpr double kNumbers = 1 << 29;  // some ten seconds
  if (static_cast<double>(setup.grid.all_numbers()) * applications(setup) < kNumbers) return "";
  Array<std::complex<double>, 4> image(setup.grid.shape());
  const Timer timer;
  setup.hamiltonian->apply(setup.start.view(), image.view());
  const double step = timer.seconds() * applications(setup);
  return fmt::format("a step takes about {} ({:.0f} applications of H), {} steps about {}",
                     clock_text(step), applications(setup), steps,
                     clock_text(step * static_cast<double>(steps)));
}

/// Between checkpoints, and in any case so many times what the last one took to write.
constexpr double kSecondsBetweenCheckpoints = 1, kTimesWriting = 20;

constexpr const char* kOutputs = R"(Writes into --out:
  field.h5                 /T complex [frame, x, y, i, j] with the scales /time, /x and /y; where
                           grid.nz is above 1 [frame, x, y, z, i, j], and /z
  field.xdmf, field.points its frames as ParaView and VTK open them, at the end of the run
  diagnostics.jsonl        a line a frame: step, time, norm, energy, entropy, poles, pole_error;
                           means x, y, p_x, p_y, l_z over |T|^2, and width_x, width_y; z, width_z,
                           p_z, l_x and l_y where there is z; none of an axis of one cell
  frames/NNNNNN.png        a panel an entry T_ij: phase as hue, modulus as brightness; of three
                           dimensions the plane of index output.plane (the middle) across
                           output.axis (z) or, with output.view = "column", the column densities
                           along it, sums of |T_ij|^2 times the spacing
  config.toml              every setting of the run; --config reads it back
  checkpoint.safetensors   all that --resume needs, the memory's poles included

A run that was interrupted, killed at any moment or out of disk, and resumed, repeats the bits of one
that was not: with any --threads, by the same program at the same vector level (FFT plans are chosen
by rule, not by timing). Work of about a second is done again. --resume copies field.h5, so the
disk needs room for a second one; while the program runs no other one may open it.

Files of HDF5 that a configuration names are trusted: read none from a source that you would not run
a program from.
)";

struct Arguments {
  std::string out, progress = "auto";
  std::optional<std::string> config, preset, movie, parameters;
  std::optional<std::int64_t> steps;
  bool resume = false, error_check = false;
};

/// "step 120/800  0:02 left  310 steps/s".
std::string progress_text(Index step, Index steps, double rate) {
  return fmt::format("step {}/{}  {} left  {:.{}f} steps/s", step, steps,
                     clock_text(static_cast<double>(steps - step) / rate), rate, rate < 10 ? 1 : 0);
}

/// Steps of a run, on all ranks, that stops where the field breaks. A copy of the state at the
/// start of a stretch lets a broken one be gone through again step by step.
class WatchedSteps {
 public:
  /// `stop`: asked within the steps of a stretch; empty where they are short, and then never cut.
  WatchedSteps(field::Evolution<double>& evolution, const field::Grid& grid, field::Stop stop)
      : evolution_(evolution), grid_(grid), stop_(std::move(stop)) {}

  /// All of the steps or, where they were stopped, none. Throws RunError with the first step and
  /// cell that are not finite; the field is then as it was before that step's stretch.
  void run(Index steps) {
    const Index first = evolution_.step();
    save();
    evolution_.run(steps, stop_);
    if (evolution_.step() < first + steps) return restore(first);
    if (broken_cell()[0] < 0) return;
    restore(first);
    while (evolution_.step() < first + steps && broken_cell()[0] < 0) evolution_.run(1);
    const auto cell = broken_cell();
    const Index step = evolution_.step();
    restore(first);
    throw RunError(
        fmt::format("the field is no longer finite at step {}, cell {}; what was saved before is "
                    "whole, and a smaller dt may help",
                    step, grid_.whole().cell_text(cell[0], cell[1])));
  }

 private:
  /// Row and cell of it in the whole grid; the same on all ranks.
  std::array<Index, 2> broken_cell() const {
    auto own = field::first_broken_cell<double>(evolution_.field());
    if (own[0] >= 0) own[0] += grid_.first_row();
    std::vector<std::array<Index, 2>> all(static_cast<std::size_t>(ranks().size()));
    ranks().all_gather(own, std::span(all));
    const auto first = std::ranges::find_if(all, [](const auto& cell) { return cell[0] >= 0; });
    return first == all.end() ? own : *first;
  }
  void save() {
    saved_.clear();
    evolution_.visit_state([this](const char*, std::span<double> numbers) {
      saved_.insert(saved_.end(), numbers.begin(), numbers.end());
    });
  }
  void restore(Index step) {
    auto from = saved_.begin();
    evolution_.visit_state([&](const char*, std::span<double> numbers) {
      const auto end = from + static_cast<std::ptrdiff_t>(numbers.size());
      std::copy(from, end, numbers.begin());
      from = end;
    });
    evolution_.resume_at(step);
  }

  field::Evolution<double>& evolution_;
  const field::Grid& grid_;
  field::Stop stop_;
  std::vector<double> saved_;
};

/// Settings given on top of a preset: file, then environment, then flags; later ones hold. A run
/// that goes on keeps its steps, whatever the file says.
std::vector<settings::Setting> given_settings(const Arguments& arguments,
                                              ProgressDisplay& display) {
  std::vector<settings::Setting> all;
  if (arguments.config) all = settings::read_file(*arguments.config);
  if (arguments.resume) {
    std::erase_if(all, [](const auto& setting) { return setting.key == "integrator.steps"; });
  }
  EvolveConfig any;
  for (auto& setting : settings_of_environment(fields(any), kEvolveVariablePrefix, {}, display)) {
    all.push_back(std::move(setting));
  }
  if (arguments.parameters) {
    all.push_back({"parameters", settings::TextValue{*arguments.parameters}, "--parameters"});
  }
  read_names(all);
  if (arguments.steps) {
    all.push_back(
        {"integrator.steps", settings::TextValue{std::to_string(*arguments.steps)}, "--steps"});
  }
  return all;
}

/// Empty, but for what a program that was killed while it wrote its first file left behind.
bool is_unused(const std::string& folder) {
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().filename().string().find(".partial") == std::string::npos) return false;
  }
  return true;
}

/// Throws where parameters stand behind a colon, as those of metrics do.
void check_has_no_parameters(const char* flag, const std::string& text) {
  const std::size_t colon = text.find(':');
  LIOR_CHECK(
      colon == text.npos || text.find('=', colon) == text.npos || std::filesystem::exists(text),
      "{} {}: parameters stand apart: {} {} --parameters {}", flag, shown(text), flag,
      shown(text.substr(0, colon)), shown(text.substr(colon + 1)));
}

/// The configuration of the run, whose folder is fit for it.
EvolveConfig prepare(const Arguments& arguments, ProgressDisplay& display) {
  namespace fs = std::filesystem;
  const std::string saved = arguments.out + "/config.toml";
  LIOR_CHECK(!(arguments.config && arguments.preset),
             "give one of --config and --preset, not both");
  LIOR_CHECK(arguments.config || arguments.preset || arguments.resume,
             "give --preset NAME or --config FILE.toml");
  if (arguments.config) check_has_no_parameters("--config", *arguments.config);
  if (arguments.preset) check_has_no_parameters("--preset", *arguments.preset);
  const auto given = given_settings(arguments, display);
  EvolveConfig config, before;
  if (arguments.resume) {
    LIOR_CHECK(!arguments.out.empty() && fs::exists(saved),
               "{}: no run to go on with; leave --resume out", shown_path(arguments.out));
    settings::read_all(fields(before), saved);
    make_paths_absolute(before);
    config = before;
  }
  if (arguments.preset) config = evolve_preset(*arguments.preset);
  if (arguments.resume) config.integrator_steps = before.integrator_steps;
  for (const settings::Setting& setting : given) settings::assign(fields(config), setting);
  check_settings_are_read(config, given);
  make_paths_absolute(config);
  if (arguments.resume) {
    settings::check_resumed(fields(before), fields(config), given, "--preset");
    return config;
  }
  LIOR_CHECK(
      !fs::exists(arguments.out) || (fs::is_directory(arguments.out) && is_unused(arguments.out)),
      "{}: is not empty; --resume goes on with the run in it, another --out starts a new one",
      shown(arguments.out));
  return config;
}

void make_folder(const std::string& out) {
  std::error_code failed;
  std::filesystem::create_directories(out, failed);
  LIOR_CHECK(!failed, "{}: cannot be made: {}", shown_path(out), failed.message());
}

/// The run again at half the step; prints how far its end is from the first one's, and what that
/// says of the first: errors C dt^p and C (dt / 2)^p differ by (1 - 2^-p) of the larger.
void check_error(const EvolveSetup& setup, const field::Evolution<double>& evolution) {
  const double order = field::convergence_order(setup.settings, setup.inputs().driven());
  const auto finer = setup.make(2);
  finer->run(2 * evolution.step());
  double difference = 0, largest = 0;
  for (Index k = 0; k < setup.grid.numbers(); ++k) {
    const auto entry = evolution.field().data()[k];
    difference = std::max(difference, std::abs(entry - finer->field().data()[k]));
    largest = std::max(largest, std::abs(entry));
  }
  difference = field::largest_of(setup.grid.share, difference);
  largest = field::largest_of(setup.grid.share, largest);
  if (!ranks().is_first()) return;
  const std::string meaning =
      std::isinf(order)
          ? fmt::format("{} without sources is exact in time: this is what rounding adds up to",
                        name(setup.settings.scheme))
          : fmt::format("at order {:.3g} in dt this run is off by about {:.3g}", order,
                        difference / (1 - std::exp2(-order)));
  fmt::print(
      "error check: at half the step the field differs by {:.3g} at most, {:.3g} of its largest "
      "entry; {}\n",
      difference, largest > 0 ? difference / largest : 0, meaning);
}

/// Where the run stands, which began at step `first`, where that is saved, and how it goes on.
std::string ending_text(Index first, Index step, Index steps, const std::string& folder) {
  const std::string at = fmt::format("step {} of {}", step, steps);
  const std::string resume = fmt::format("lior evolve --out {} --resume", shell_word(folder));
  if (step < steps) {
    return fmt::format("interrupted at {}; saved in {}; to go on: {}", at, folder, resume);
  }
  const std::string what =
      first == steps ? fmt::format("the run in {} was over, at {}; nothing was evolved", folder, at)
                     : fmt::format("finished at {}; saved in {}", at, folder);
  return fmt::format("{}\nto go further: {} --steps {}", what, resume, 2 * step);
}

/// The part of the start's norm that absorption has left.
std::string absorbed_text(const EvolveSetup& setup, const field::Evolution<double>& evolution) {
  Buffer<double> row_sums(2 * setup.grid.all_nx());
  const auto norm_of = [&](field::ConstField<double> t) {
    return field::norm<double>(t, setup.hamiltonian->weight(), {row_sums.span(), setup.grid});
  };
  return fmt::format("absorbed: {:.4g} of the norm at the start are left",
                     norm_of(evolution.field()) / norm_of(setup.start.view()));
}

int run(const Arguments& arguments) {
  ProgressDisplay display(ranks().is_first() ? arguments.progress : "none");
  EvolveConfig config;
  ranks().together([&] {
    config = prepare(arguments, display);
    if (!arguments.movie) return;
    LIOR_CHECK(config.output_frames, "--movie is made of pictures, and output.frames is false");
    check_movie(*arguments.movie);
  });
  // A file on the disk of each host, or a variable of one host's environment, may differ.
  comm::check_same_lines(ranks(), "the settings", settings::to_toml(fields(config)));
  std::unique_ptr<EvolveSetup> made;
  std::unique_ptr<field::Evolution<double>> evolution;
  alike([&] {
    made = std::make_unique<EvolveSetup>(config);
    evolution = made->make();
  });
  const EvolveSetup& setup = *made;
  if (ranks().is_first()) make_folder(arguments.out);
  const Index saved = EvolveOutput::saved_step(arguments.out);
  if (saved > config.integrator_steps) {
    display.say(fmt::format("the run in {} stands at step {}, past --steps {}: nothing was evolved",
                            arguments.out, saved, config.integrator_steps));
    return kSuccess;
  }
  catch_interrupts();
  // First of all: a run that is killed from here on can be resumed.
  if (ranks().is_first()) {
    io::write_file_atomically(arguments.out + "/config.toml", settings::to_toml(fields(config)));
  }
  EvolveOutput output(arguments.out, config, setup, *evolution,
                      [&](const std::string& text) { display.say(text); });
  if (evolution->poles() > 0) {
    display.say(
        fmt::format("memory: {} poles, error {:.2g}", evolution->poles(), evolution->pole_error()));
  }

  const Index first = evolution->step(), steps = config.integrator_steps;
  const bool long_steps = setup.settings.scheme == field::Scheme::chebyshev;
  const auto is_to_end = [] { return on_any_rank(interrupted()); };
  WatchedSteps watched(*evolution, setup.grid, long_steps ? field::Stop(is_to_end) : field::Stop());
  const Index at_once = steps_at_once(setup);
  const std::string length = length_text(setup, steps - first);
  if (!length.empty()) display.say(length);
  const Timer timer;
  Timer since_checkpoint;
  double pause = kSecondsBetweenCheckpoints;
  while (evolution->step() < steps && !is_to_end()) {
    const Index step = evolution->step();
    const auto to_multiple = [step](Index of) { return of - step % of; };
    const Index stretch =
        std::min({to_multiple(at_once), to_multiple(config.output_every), steps - step});
    try {
      alike([&] { watched.run(stretch); });
    } catch (const RunError&) {
      output.finish(*evolution);
      throw;
    }
    if (evolution->step() == step) break;  // interrupted within a step
    if (evolution->step() % config.output_every == 0) output.frame(*evolution);
    if (evolution->step() < steps && of_first_rank(since_checkpoint.seconds() > pause)) {
      const Timer writing;
      output.checkpoint(*evolution);
      pause = std::max(kSecondsBetweenCheckpoints, kTimesWriting * writing.seconds());
      since_checkpoint = Timer();
    }
    const double done = static_cast<double>(evolution->step()) / static_cast<double>(steps);
    if (display.due(done)) {
      const double rate =
          static_cast<double>(evolution->step() - first) / std::max(timer.seconds(), 1e-9);
      display.draw(done, progress_text(evolution->step(), steps, rate));
    }
  }
  output.finish(*evolution);
  display.say(ending_text(first, evolution->step(), steps, arguments.out));
  if (setup.absorption.size() > 0) display.say(absorbed_text(setup, *evolution));
  if (evolution->step() < steps) return status_of_ranks(interrupt_status());
  if (arguments.movie && ranks().is_first()) {
    write_movie(arguments.out + "/frames", output.frames(), *arguments.movie);
    display.say(fmt::format("{} frames as a film: {}", output.frames(), *arguments.movie));
  }
  if (arguments.error_check) check_error(setup, *evolution);
  return kSuccess;
}

}  // namespace

Run evolve_command(Options& options) {
  const auto arguments = std::make_shared<Arguments>();
  options.require("--out", arguments->out, "DIR", "folder of the run; new, unless --resume");
  options.add_note(evolve_presets_note() + "\n" + kOutputs);
  options.add("--preset", arguments->preset, "NAME", evolve_preset_list());
  options.suggest("--preset", evolve_preset_list());
  options.add("--config", arguments->config, "FILE.toml",
              "settings in place of a preset (lior help evolve-settings)");
  options.add("--parameters", arguments->parameters, "NAME=VALUE,..",
              "numbers that formulas name, in place of the settings'");
  options.add("--steps", arguments->steps, "N", "total steps, in place of the settings'");
  options.add_switch("--resume", arguments->resume, "go on with the run in --out, bit for bit");
  options.add_switch("--error-check", arguments->error_check,
                     "run again at half the step and print the largest difference");
  options.add("--movie", arguments->movie, "FILE",
              "the pictures as a film, by ffmpeg: .mp4, .gif, .webm");
  add_progress(options, arguments->progress);
  return [=] { return run(*arguments); };
}

}  // namespace lior::app
