// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <memory>

#include "command.h"
#include "lior/core/text.h"
#include "lior/core/timer.h"
#include "lior/io/folder_lock.h"
#include "lior/train/checkpoint.h"
#include "lior/train/crystallise.h"
#include "lior/train/longer_words.h"
#include "lior/train/task.h"
#include "progress.h"

namespace lior::app {
namespace {

constexpr const char* kWhat =
    R"(Reads a finite automaton off a model of one geometric_mamba layer without gates, by running it, and
makes its turns exactly those of the automaton; model.safetensors is replaced. A model that is exact stays
as it is. Where that cannot be, the model stays too, the reason is said, and the status is 1.

A model of another form cannot be exact. Where it loses track along words of 1,024 tokens, it is trained on along words of 64 to 512
tokens with the automaton's outputs, for up to 3,200 steps, which are some minutes of one core; the task's own labels are not used.

Prints one JSON object. states, tokens: of the automaton; agreement: part of the outputs along
fresh words of 8 tokens that were its before; heads: that track it; deviation_before, deviation_exact,
deviation_float32: the largest error of a turned state as trained, of the exact turns in double, and of
the weights that hold them; taught: whether the weights that read the states misread exact ones and were
trained on the automaton's outputs; margin: the least lead of the right class's score; checked: positions of
long fresh words that were all right afterwards. Of a model that cannot be exact: agreement along words of at most 16 tokens;
asked: outputs along fresh words of `length` tokens; wrong_before, wrong_after: those of them that are not the automaton's; steps:
of training (0: none was wrong).
)";

struct Arguments {
  std::string model, progress = "auto";
};

std::string to_json(const train::Crystal& crystal, double seconds) {
  const train::HeadDeviation worst = train::largest_deviation(crystal);
  const auto used = std::count_if(crystal.heads.begin(), crystal.heads.end(),
                                  [](const train::HeadDeviation& head) { return head.used; });
  return fmt::format(
      "{{\"states\": {}, \"tokens\": {}, \"agreement\": {:.4g}, \"heads\": {}, "
      "\"rounds\": {}, "
      "\"deviation_before\": {:.3g}, \"deviation_exact\": {:.3g}, \"deviation_float32\": {:.3g}, "
      "\"taught\": {}, \"margin\": {:.4g}, \"checked\": {}, \"seconds\": {:.3f}}}\n",
      crystal.automaton.states, crystal.automaton.letters, crystal.agreement, used, crystal.rounds,
      worst.before, worst.exact, worst.after, crystal.taught, crystal.margin, crystal.checked,
      seconds);
}

std::string to_json(const train::LongerWords& longer, double seconds) {
  return fmt::format(
      "{{\"states\": {}, \"tokens\": {}, \"agreement\": {:.4g}, \"length\": {}, \"asked\": {}, "
      "\"wrong_before\": {}, \"wrong_after\": {}, \"steps\": {}, \"seconds\": {:.3f}}}\n",
      longer.automaton.states, longer.automaton.letters, longer.agreement, longer.length,
      longer.asked, longer.wrong_before, longer.wrong_after, longer.steps, seconds);
}

/// Its line of JSON; `changed`: whether the weights are others now.
std::string make_exact(nn::Model<float>& model, bool& changed) {
  const Timer timer;
  const train::Crystal crystal = train::crystallise(model);
  changed = !crystal.was_exact;
  if (!changed) fmt::print(stderr, "the model is exact already, and stays as it is\n");
  return to_json(crystal, timer.seconds());
}

std::string make_longer(train::TrainedModel& trained, const train::Automaton& machine,
                        const std::string& why, const std::string& progress, bool& changed) {
  fmt::print(
      stderr,
      "the model cannot be made exact: {}; where it loses track it is trained on, along longer "
      "words of its own automaton\n",
      why);
  const Timer timer;
  LateProgress display(progress);
  const train::LongerWords longer = train::learn_longer_words(
      trained.model, machine,
      {.trained_length = trained.config.length,
       .stepping = [&](double done) { display.show("longer words", done); }});
  changed = longer.steps > 0;
  if (!changed) fmt::print(stderr, "no output is wrong there, and the model stays as it is\n");
  return to_json(longer, timer.seconds());
}

int run(const Arguments& arguments) {
  train::TrainedModel trained = train::load_model(arguments.model, train::Weights::last);
  LIOR_CHECK(
      train::names_task(trained.config.data),
      "--model: {} was trained on a text; what a task's states are can be exact, a text's not",
      shown_path(arguments.model));
  const io::FolderLock lock(arguments.model);
  bool changed = false;
  const auto why = train::why_not_exact(trained.config.model);
  const train::Task task = train::task_of_data(trained.config.data);
  const std::string line = why && task.problem ? make_longer(trained, task.problem->machine, *why,
                                                             arguments.progress, changed)
                                               : make_exact(trained.model, changed);
  if (changed) train::replace_model(arguments.model, trained.model);
  fmt::print("{}", line);
  return kSuccess;
}

}  // namespace

Run crystallise_command(Options& options) {
  const auto arguments = std::make_shared<Arguments>();
  options.add_note(kWhat);
  options.require("--model", arguments->model, "DIR", "folder of a run of lior train on a task");
  add_progress(options, arguments->progress);
  return [=] { return run(*arguments); };
}

}  // namespace lior::app
