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

namespace lior::app {
namespace {

constexpr const char* kWhat =
    R"(Reads a finite automaton off a model of one geometric_mamba layer without gates, by running it, and
makes its turns exactly those of the automaton; model.safetensors is replaced. A model that is exact stays
as it is. Where that cannot be, the model stays too, the reason is said, and the status is 1.

Prints one JSON object. states, tokens: of the automaton; agreement: part of the outputs along
fresh words of 8 tokens that were its before; heads: that track it; deviation_before, deviation_exact,
deviation_float32: the largest error of a turned state as trained, of the exact turns in double, and of
the weights that hold them; taught: whether the weights that read the states misread exact ones and were
trained on the automaton's outputs; margin: the least lead of the right class's score; checked: positions of
long fresh words that were all right afterwards.
)";

struct Arguments {
  std::string model;
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

int run(const Arguments& arguments) {
  train::TrainedModel trained = train::load_model(arguments.model, train::Weights::last);
  LIOR_CHECK(
      train::names_task(trained.config.data),
      "--model: {} was trained on a text; what a task's states are can be exact, a text's not",
      shown_path(arguments.model));
  const io::FolderLock lock(arguments.model);
  const Timer timer;
  const train::Crystal crystal = train::crystallise(trained.model);
  if (crystal.was_exact) {
    fmt::print(stderr, "the model is exact already, and stays as it is\n");
  } else {
    train::replace_model(arguments.model, trained.model);
  }
  fmt::print("{}", to_json(crystal, timer.seconds()));
  return kSuccess;
}

}  // namespace

Run crystallise_command(Options& options) {
  const auto arguments = std::make_shared<Arguments>();
  options.add_note(kWhat);
  options.require("--model", arguments->model, "DIR", "folder of a run of lior train on a task");
  return [=] { return run(*arguments); };
}

}  // namespace lior::app
