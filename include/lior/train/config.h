// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The settings of a run, and the file that keeps them (settings/settings.h).
///
/// A setting has one key ("batch", "model.heads"), which is its name in a file, in the environment
/// (LIOR_BATCH, LIOR_MODEL_HEADS) and, where there is one, of its flag (--batch). Flag before
/// environment before file before preset.

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lior/linalg/precision.h"
#include "lior/nn/config.h"
#include "lior/settings/settings.h"
#include "lior/train/optimizer.h"
#include "lior/train/schedule.h"
#include "lior/train/source.h"
#include "lior/train/task.h"

namespace lior::train {

/// Whether a run on a task is made exact where it can be (crystallise.h), and ends there.
enum class Exactness { automatic, off };
constexpr auto enum_names(Exactness) { return enum_words("auto", "off"); }

/// Before the key of a setting in the environment.
inline constexpr std::string_view kVariablePrefix = "LIOR_";

/// Everything that a run depends on, except where it writes.
struct Config {
  std::string preset{};
  std::string data{};         ///< texts (corpus.h), one a line, or builtin:TASK
  std::string pattern = "*";  ///< these three say how texts are read (corpus.h)
  std::string field = "text";
  std::string separator{};
  std::string tokenizer = "byte";  ///< of a text (tokenizer.h)
  std::string init_from{};         ///< folder of a run whose weights this one begins with
  Index seed = 0;
  Index threads = 1;
  Index batch = 16;
  Index accumulate = 1;      ///< micro-batches of `batch` sequences a step, which ranks share
  Index sequence_ranks = 1;  ///< ranks that share each sequence; their number is a multiple
  Index length = 256;
  std::optional<Index> steps{};
  std::optional<double> minutes{};
  std::optional<settings::ByteCount>
      memory_budget{};     ///< most that the run may hold; absent: what it likes
  Index save_every = 500;  ///< these four in steps
  Index log_every = 10;
  Index eval_every = 200;
  Index eval_count = 32;  ///< sequences of an evaluation while training
  Index samples = 0;      ///< tokens that are written at each evaluation of a text (samples.jsonl)
  Index patience = 0;  ///< evaluations past the best one that end the run (of a text); 0: none do
  double val_fraction = 0.1;  ///< the tail of a file that is never trained on
  Index count_tokens = 0;     ///< so many of the training text are counted for model.count_orders,
                              ///< spread over it evenly; 0: all
  linalg::Precision dtype = linalg::Precision::float32;  ///< of the layers' products
  double dropout = 0;  ///< part of what layers and n-grams add that a step leaves out (dropout.h)
  double lr = 1e-3;
  double clip = 1;  ///< largest norm of a step's gradient; 0: no limit
  Exactness crystallise = Exactness::automatic;
  nn::ModelConfig model{};
  OptimizerConfig optimizer{};
  ScheduleConfig schedule{};
  CurriculumConfig curriculum{};
};

/// The data of a configuration.
DataChoice data_choice(const Config& config);

/// The settings of a preset (train/presets.cpp), with the rate that suits the optimiser. Throws
/// lior::Error that lists them.
Config preset_config(std::string_view name, OptimizerKind optimizer = OptimizerKind::adamw);

/// "auto, tiny, small, ...": for help and errors.
std::string preset_list();

/// The preset that is chosen by the data: a task's own (task.h); of a text, once it is seen, what
/// choose_preset says (auto_preset.h), and tiny before. Data without a preset have it.
inline constexpr std::string_view kAutoPreset = "auto";

/// The settings that stand for the preset "auto" of a text.
struct PresetChoice {
  Config config{};
  Index steps = 0;    ///< of a run without steps and minutes
  std::string why{};  ///< for a person
};

/// Every setting of `config`, which must outlive them.
settings::Fields fields(Config& config);

/// A new run: the preset (of none: "auto"; `choice` stands for it where it is given), then
/// `settings` in order, later ones before earlier ones. On a machine (task.h) the preset's
/// model.d_model and model.factors grow to what its turns need. Without steps and minutes: 2,000
/// steps, or the choice's. With init_from the preset, the tokenizer and the model are that run's,
/// unless `settings` say otherwise.
Config new_config(std::span<const settings::Setting> settings,
                  const PresetChoice* choice = nullptr);
inline constexpr Index kDefaultSteps = 2000;

/// A run to go on with: `saved`, then `settings`, which may change only the fields that say so, and
/// the place of the text (whose content is compared by who opens it). Steps or minutes given
/// replace both.
Config resumed_config(const Config& saved, std::span<const settings::Setting> settings);

/// config.json: every setting. Written aside, synced and renamed.
void write_config(const Config& config, const std::filesystem::path& path);
/// Reads it back; every key must be there, and no other.
Config read_config(const std::filesystem::path& path);
/// The same of a run's folder, whose name may not be empty: an unset variable of a shell is.
Config read_run_config(const std::filesystem::path& folder);

}  // namespace lior::train
