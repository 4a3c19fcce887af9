// SPDX-License-Identifier: Apache-2.0
// The topics of `lior help`, from the tables that the program itself reads.
#include <fmt/core.h>

#include "evolve_config.h"
#include "help.h"
#include "lior/geometry/metrics.h"
#include "lior/nn/mixers.h"
#include "lior/train/config.h"
#include "lior/train/task.h"

namespace lior::app {
namespace {

std::string metrics() {
  return "Metrics for --metric: the name, and after a colon the keys that differ from their "
         "defaults,\nsuch as sphere:n=3,r=2. Behind each: its coordinates.\n\n" +
         geometry::describe_metric_kinds();
}

std::string tasks() {
  std::string text =
      "Tasks with known answers, for --data builtin:NAME.\n\n  name         tokens  classes  "
      "preset\n";
  for (const train::Task& task : train::tasks()) {
    text += fmt::format("  {:<12} {:>6}  {:>7}  {}\n", task.name, task.vocabulary, task.classes,
                        task.preset);
  }
  return text;
}

std::string mixers() {
  std::string text =
      "Layers that mix tokens, for model.mixers (names between commas, used block by block in "
      "turn),\nand their options, which are settings in the table model.\n";
  nn::ModelConfig config;
  for (const std::string_view kind : nn::layer_kinds()) {
    text += fmt::format("\n{}\n", kind);
    nn::visit_layer_options(config, [&](const nn::LayerOption& option, const auto&) {
      if (option.belongs_to(kind)) text += fmt::format("  {:<26} {}\n", option.key, option.help);
    });
  }
  return text;
}

std::string presets() {
  return fmt::format(
      "Presets of lior train: {}.\nlior train --data FILE --preset NAME; every task "
      "has its own (lior help tasks).\n\nlior evolve --preset NAME\n{}",
      train::preset_list(), evolve_presets_note());
}

std::string settings_of_train() {
  train::Config config;
  return fmt::format(
      "Settings of lior train. A file (--config, TOML or JSON), then the environment "
      "({0}MODEL_LAYERS is\nmodel.layers), then flags: later ones hold. config.json in the folder "
      "of a run holds all of them.\nThe values are those before a preset.\n\n{1}",
      train::kVariablePrefix, lior::settings::describe(train::fields(config)));
}

std::string settings_of_evolve() {
  EvolveConfig config;
  return fmt::format(
      "Settings of lior evolve, with the values of the preset packet. A preset or a file "
      "(--config, "
      "TOML),\nthen the environment ({0}GRID_NX is grid.nx), then --steps: later ones hold. "
      "config.toml in\nthe folder of a run holds all of them.\n\n{1}",
      kEvolveVariablePrefix, lior::settings::describe(fields(config)));
}

std::string environment() {
  return fmt::format(R"(Variables of the environment that the program reads.

  {0}KEY             a setting of lior train: lior help settings
  {1}KEY      a setting of lior evolve: lior help evolve-settings
  LIOR_SIMD            vector level: scalar, avx2 or avx512; at most what the processor has
  LIOR_API_KEY         the key that lior serve asks its clients for
  OMP_WAIT_POLICY, GOMP_SPINCOUNT   how threads wait; without them the program chooses by
                       whether the machine is idle
)",
                     train::kVariablePrefix, kEvolveVariablePrefix);
}

std::string files() {
  return R"(The folder of a run of lior train:

  config.json          every setting; read by eval, generate, --resume and Python
  model.safetensors    the weights of the last checkpoint
  best.safetensors     the weights of the best val, of a run on a text
  optimizer.safetensors   what --resume needs besides
  metrics.jsonl        a line every log_every steps: loss, rates, speed; and each evaluation
  report.html          what lior report writes

The folder of a run of lior evolve: lior evolve --help lists it.
Files are written aside and renamed: a run that is killed leaves the last checkpoint whole.
)";
}

std::string status() {
  return R"(Exit status of every command:

  0        done
  1        right arguments, failed run: a full disk, a field that is no longer finite
  2        wrong input: one line says what, where, and what would be right
  128 + N  ended by signal N (130 Ctrl-C, 143 SIGTERM, 129 SIGHUP), with what was done saved
)";
}

}  // namespace

const std::vector<HelpTopic>& help_topics() {
  static const std::vector<HelpTopic> all = {
      {"settings", "every setting of lior train, and what fits", settings_of_train},
      {"evolve-settings", "every setting of lior evolve, and what fits", settings_of_evolve},
      {"presets", "what a preset is for", presets},
      {"mixers", "the layers that a model can have", mixers},
      {"tasks", "data with known answers", tasks},
      {"metrics", "the metrics that have names", metrics},
      {"environment", "the variables that the program reads", environment},
      {"files", "what a run leaves in its folder", files},
      {"status", "what an exit status means", status},
  };
  return all;
}

}  // namespace lior::app
