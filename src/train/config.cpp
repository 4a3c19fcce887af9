// SPDX-License-Identifier: Apache-2.0
#include "lior/train/config.h"

#include <algorithm>

#include "lior/core/parallel.h"
#include "lior/core/text.h"
#include "lior/io/atomic_file.h"
#include "lior/nn/counts.h"
#include "lior/nn/mixers.h"
#include "lior/nn/short_convolution.h"

namespace lior::train {
namespace {

using settings::Bounds;
using settings::Setting;

/// Turns for each token, and reflections for each turn, as many as the machine of a task asks for.
void fit_to_machine(nn::ModelConfig& model, const Task& task) {
  if (task.problem == nullptr || model.mixer.gates || model.layers > 1) return;
  constexpr Index kStep = 32;
  const Index letters = task.problem->machine.letters;
  if (letters > model.d_model + 1) model.d_model = (letters + kStep - 1) / kStep * kStep;
  if (!task.problem->group || model.mixer.transition != algebra::Transition::two_sided) return;
  model.mixer.factors = std::max(model.mixer.factors, task.problem->group->turns.reflections);
}

/// Of a run that begins with another one: another preset would be a rate, a length and a batch for
/// another model.
void check_preset_is_the_runs(std::span<const Setting> settings, const Config& chosen,
                              const Config& before) {
  LIOR_CHECK(chosen.preset == before.preset,
             "{}: preset is \"{}\"; a run that begins with {} has that run's preset and model, "
             "\"{}\"; lr, length, batch and others may differ from it",
             settings::last_of(settings, "preset")->where, shown(chosen.preset),
             shown_path(chosen.init_from), shown(before.preset));
}

}  // namespace

settings::Fields fields(Config& c) {
  using settings::Field;
  using settings::kCount, settings::kCountOrNone, settings::kFraction, settings::kNotNegative,
      settings::kPositive;
  constexpr Bounds kAnySize{1, 1 << 20};
  constexpr std::size_t kFormsWithoutNet = 2;  // exact and compat
  settings::Fields all{
      {"preset", c.preset},
      {"data", c.data},
      Field("pattern", c.pattern).absent_in_old_files(),
      Field("field", c.field).absent_in_old_files(),
      Field("separator", c.separator).absent_in_old_files(),
      Field("tokenizer", c.tokenizer).absent_in_old_files(),
      Field("init_from", c.init_from).absent_in_old_files(),
      {"seed", c.seed, kCountOrNone},
      Field("threads", c.threads, {1, 4096}).changes_on_resume(),
      {"batch", c.batch, kAnySize},
      Field("accumulate", c.accumulate, {1, 1 << 12}).absent_in_old_files(),
      Field("sequence_ranks", c.sequence_ranks, {1, 1 << 12})
          .absent_in_old_files()
          .changes_on_resume(),
      {"length", c.length, {1, 1 << 24}},
      Field("steps", c.steps, kCount).changes_on_resume(),
      Field("minutes", c.minutes, kPositive).changes_on_resume(),
      Field("memory_budget", c.memory_budget).changes_on_resume(),
      Field("save_every", c.save_every, kCount).changes_on_resume(),
      Field("log_every", c.log_every, kCount).changes_on_resume(),
      {"eval_every", c.eval_every, kCount},
      {"eval_count", c.eval_count, kAnySize},
      Field("samples", c.samples, {0, 1e6}).absent_in_old_files().changes_on_resume(),
      Field("patience", c.patience, kCountOrNone).absent_in_old_files().changes_on_resume(),
      {"val_fraction", c.val_fraction, {0, 0.9}},
      Field("count_tokens", c.count_tokens, kCountOrNone).absent_in_old_files(),
      {"dtype", c.dtype},
      Field("dropout", c.dropout, {0, 0.9}).absent_in_old_files(),
      {"lr", c.lr, kPositive},
      {"clip", c.clip, kNotNegative},
      {"optimizer", c.optimizer.kind},
      Field("crystallise", c.crystallise).absent_in_old_files().changes_on_resume(),

      {"adamw.beta1", c.optimizer.beta1, {0, 0.999999}},
      {"adamw.beta2", c.optimizer.beta2, {0, 0.999999}},
      {"adamw.epsilon", c.optimizer.epsilon, kPositive},
      {"adamw.weight_decay", c.optimizer.weight_decay, kNotNegative},
      Field("muon.momentum", c.optimizer.momentum, {0, 0.999999}).absent_in_old_files(),
      Field("muon.size", c.optimizer.size, kPositive).absent_in_old_files(),
      {"lior.form", c.optimizer.form, kFormsWithoutNet},
      {"lior.power", c.optimizer.power, {1, 2}},
      {"lior.kappa", c.optimizer.kappa, kPositive},
      {"schedule.warmup", c.schedule.warmup, kFraction},
      {"schedule.floor", c.schedule.floor, kFraction},
      {"curriculum.start", c.curriculum.start, kCountOrNone},
      {"curriculum.batch", c.curriculum.batch, {0, 1 << 20}},
      {"curriculum.accuracy", c.curriculum.accuracy, kFraction},
      {"curriculum.patience", c.curriculum.patience, kCount},
      {"curriculum.generators", c.curriculum.generators, kCountOrNone},
      {"curriculum.finish", c.curriculum.finish, kCountOrNone},

      {"model.vocabulary", c.model.vocabulary, {0, 1 << 20}},
      {"model.classes", c.model.classes, {0, 1 << 20}},
      {"model.d_model", c.model.d_model, {1, 1 << 16}},
      {"model.layers", c.model.layers, {1, 1024}},
      {"model.convolution", c.model.convolution, {0, nn::kMostTaps}},
      {"model.mlp_hidden", c.model.mlp_hidden, {0, 1 << 18}},
      {"model.tied", c.model.tied},
      Field("model.ngram_orders", c.model.ngram_orders, {0, 16}).absent_in_old_files(),
      Field("model.ngram_bits", c.model.ngram_bits, {1, 26}).absent_in_old_files(),
      Field("model.ngram_output", c.model.ngram_output).absent_in_old_files(),
      Field("model.count_orders", c.model.count_orders, {0, nn::kLongestContext})
          .absent_in_old_files(),
      Field("model.recent_orders", c.model.recent_orders, {0, nn::kLongestContext})
          .absent_in_old_files(),
      Field("model.recent_window", c.model.recent_window, {0, nn::kMostWindow})
          .absent_in_old_files(),
      {"model.mixers", c.model.mixers},
  };
  nn::visit_mixer_options(c.model, [&](const nn::LayerOption& option, auto& member) {
    const std::string key = "model." + std::string(option.key);
    if constexpr (std::is_same_v<decltype(member), Index&>) {
      all.emplace_back(key, member, Bounds{option.low, option.high});
    } else {
      all.emplace_back(key, member);
    }
    if (option.is_new) all.back() = Field(all.back()).absent_in_old_files();
  });
  return all;
}

DataChoice data_choice(const Config& config) {
  return {.corpus = {.names = config.data,
                     .pattern = config.pattern,
                     .field = config.field,
                     .separator = config.separator},
          .held_out = config.val_fraction,
          .tokenizer = config.tokenizer};
}

Config new_config(std::span<const Setting> settings, const PresetChoice* choice) {
  Config chosen;
  for (const std::string_view key : {"data", "preset", "optimizer", "init_from"}) {
    if (const Setting* setting = settings::last_of(settings, key)) {
      settings::assign(fields(chosen), *setting);
    }
  }
  std::optional<Config> before;
  if (!chosen.init_from.empty()) {
    before = read_run_config(chosen.init_from);
  }
  const bool leaves_preset = chosen.preset.empty() || chosen.preset == kAutoPreset;
  if (before && !leaves_preset) check_preset_is_the_runs(settings, chosen, *before);
  if (leaves_preset) {
    chosen.preset = before                    ? before->preset
                    : names_task(chosen.data) ? task_of_data(chosen.data).preset
                                              : "tiny";
  }
  Config config =
      choice != nullptr ? choice->config : preset_config(chosen.preset, chosen.optimizer.kind);
  if (before) {
    config.model = before->model;
    config.tokenizer = before->tokenizer;
  }
  if (names_task(chosen.data)) fit_to_machine(config.model, task_of_data(chosen.data));
  config.threads = available_cores();
  for (const Setting& setting : settings) {
    if (setting.key != "preset") settings::assign(fields(config), setting);
  }
  if (!config.steps && !config.minutes) {
    config.steps = choice != nullptr ? choice->steps : kDefaultSteps;
  }
  return config;
}

Config resumed_config(const Config& saved, std::span<const Setting> settings) {
  Config config = saved;
  if (settings::last_of(settings, "steps") || settings::last_of(settings, "minutes")) {
    config.steps.reset();
    config.minutes.reset();
  }
  for (const Setting& setting : settings) settings::assign(fields(config), setting);

  Config before = saved;
  if (!names_task(config.data) && !names_task(saved.data)) before.data = config.data;
  settings::check_resumed(fields(before), fields(config), settings, "settings");
  return config;
}

void write_config(const Config& config, const std::filesystem::path& path) {
  Config copy = config;
  io::write_file_atomically(path.string(), settings::to_json(fields(copy)));
}

Config read_config(const std::filesystem::path& path) {
  Config config;
  settings::read_all(fields(config), path);
  return config;
}

Config read_run_config(const std::filesystem::path& folder) {
  LIOR_CHECK(!folder.empty(), "the folder of a run is named \"\"; expected a name");
  const std::filesystem::path path = folder / "config.json";
  std::error_code error;
  LIOR_CHECK(std::filesystem::exists(path, error),
             "{}: is no folder of a run; one has its settings in config.json",
             shown_path(folder.string()));
  return read_config(path);
}

}  // namespace lior::train
