#pragma once
/// The settings of a run: their names, their order of precedence, and the file that keeps them.
///
/// A setting has one key ("batch", "model.heads"), which is its name in a TOML file ([model] heads
/// = 4), in config.json, in the environment (LIOR_BATCH, LIOR_MODEL_HEADS) and, where there is one,
/// of its flag (--batch). Flag before environment before file before preset. Every message about a
/// setting names it, where it stands, and what would fit.

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "lior/linalg/precision.h"
#include "lior/nn/config.h"
#include "lior/train/optimizer.h"
#include "lior/train/schedule.h"

namespace lior::train {

/// A number of bytes; in text "512M", "1.5G": powers of 1,000.
struct ByteCount {
  Index count = 0;
};

/// Everything that a run depends on, but for where it writes.
struct Config {
  std::string preset{};
  std::string data{};  ///< a file, or builtin:TASK
  Index seed = 0;
  Index threads = 1;
  Index batch = 16;
  Index length = 256;
  std::optional<Index> steps{};
  std::optional<double> minutes{};
  std::optional<ByteCount> memory_budget{};  ///< most that the run may hold; absent: what it likes
  Index save_every = 500;                    ///< these four in steps
  Index log_every = 10;
  Index eval_every = 200;
  Index eval_count = 32;      ///< sequences of an evaluation while training
  double val_fraction = 0.1;  ///< the tail of a file that is never trained on
  linalg::Precision dtype = linalg::Precision::float32;  ///< of the layers' products
  double lr = 1e-3;
  double clip = 1;  ///< largest norm of a step's gradient; 0: no limit
  nn::ModelConfig model{};
  OptimizerConfig optimizer{};
  ScheduleConfig schedule{};
  CurriculumConfig curriculum{};
};

/// The settings of a preset (train/presets.cpp). Throws lior::Error that lists them.
Config preset_config(std::string_view name);

/// The preset of data without one: tiny for files, reflections for builtin:s5, tracking for the
/// other tasks.
std::string default_preset(std::string_view data);

/// A value of a file that no setting can take: "an array".
struct OtherValue {
  std::string description;
};
/// A value as words of the command line or the environment: read by the type of its setting.
struct TextValue {
  std::string text;
};

/// One setting somewhere. `where` opens its messages: "run.toml:12", or the flag or variable that
/// is the setting: "--batch", "LIOR_BATCH".
struct Setting {
  std::string key;
  std::variant<bool, Index, double, std::string, TextValue, OtherValue> value;
  std::string where;
};

/// Sets one setting. Throws lior::Error on an unknown key, a wrong type, a value out of bounds.
void apply(Config& config, const Setting& setting);

/// All keys, in the order of the file.
std::vector<std::string> setting_keys();

/// The settings of a TOML file, and those in the environment. Unknown keys are apply's to find.
std::vector<Setting> read_toml(const std::filesystem::path& path);
std::vector<Setting> read_environment();

/// Variables of the environment that begin with LIOR_ and that nothing reads.
std::vector<std::string> unknown_variables();

/// A new run: the preset (by default default_preset's), then `settings` in order, later ones before
/// earlier ones. Without steps and minutes: 2,000 steps.
Config new_config(std::span<const Setting> settings);

/// A run to go on with: `saved`, then `settings`, which may change only steps, minutes, threads,
/// memory_budget, log_every and save_every, and the place of the text (whose content is compared by
/// who opens it). Steps or minutes given replace both.
Config resumed_config(const Config& saved, std::span<const Setting> settings);

/// config.json: every setting. Written aside, synced and renamed.
void write_config(const Config& config, const std::filesystem::path& path);
/// Reads it back; every key must be there, and no other.
Config read_config(const std::filesystem::path& path);

}  // namespace lior::train
