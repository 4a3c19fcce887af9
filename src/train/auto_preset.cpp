// SPDX-License-Identifier: Apache-2.0
#include "lior/train/auto_preset.h"

#include <algorithm>

#include "lior/core/available_memory.h"
#include "lior/core/text.h"
#include "lior/train/advice.h"

namespace lior::train {
namespace {

// 1.3 GB of memory, half a minute of one core (docs/decisions/032-auto.md).
constexpr Index kMostCounted = 32'000'000;
constexpr Index kTinyParameters = 580'000;
// By which the rate is divided of a model with counts that was trained before
// (docs/decisions/032-auto.md).
constexpr int kTuningDivisor = 3;

std::string size(Index bytes) { return bytes_text(static_cast<double>(bytes)); }

Index training_tokens(const AutoFacts& facts) {
  return static_cast<Index>(static_cast<double>(facts.training_bytes) / facts.bytes_per_token);
}

Index three_passes(const Config& asked, Index training_tokens) {
  constexpr Index kFewest = 100;
  const Index of_step = asked.batch * asked.length * asked.accumulate;
  return std::clamp(3 * training_tokens / of_step, kFewest, kDefaultSteps);
}

/// Its name, and why.
std::pair<const char*, std::string> choose_name(const AutoFacts& facts) {
  const Index bytes = facts.training_bytes;
  if (facts.entropy >= kUniformBits)
    return {"tiny", "the bytes of the text look compressed; --preset NAME takes another"};
  const std::string counted =
      bytes > kMostCounted ? fmt::format("{} of {}", size(kMostCounted), size(bytes)) : size(bytes);
  return {
      "tiny-counts",
      fmt::format("a model with the counts of {} of text learns the most from it; --preset NAME "
                  "takes another",
                  counted)};
}

/// The settings without what the size of the text adds, and why.
std::pair<Config, std::string> choose_config(const Config& asked, const AutoFacts& facts) {
  if (asked.init_from.empty()) {
    const auto [name, why] = choose_name(facts);
    return {preset_config(name, asked.optimizer.kind), why};
  }
  Config config = preset_config(asked.preset, asked.optimizer.kind);
  config.model = asked.model;
  if (config.model.count_orders > 0) config.lr /= kTuningDivisor;
  return {config, "chosen by the size of the text; --lr, --steps and others take other values"};
}

}  // namespace

bool leaves_preset(std::span<const settings::Setting> settings) {
  Config named;
  for (const std::string_view key : {"data", "preset", "init_from"}) {
    if (const settings::Setting* setting = settings::last_of(settings, key)) {
      settings::assign(fields(named), *setting);
    }
  }
  const bool is_of_model = std::any_of(settings.begin(), settings.end(), [](const auto& setting) {
    return setting.key.starts_with("model.");
  });
  // A run that begins with another one can name that one's preset alone.
  const bool is_left =
      named.preset.empty() || named.preset == kAutoPreset || !named.init_from.empty();
  return is_left && !names_task(named.data) && !is_of_model;
}

PresetChoice choose_preset(const Config& asked, const AutoFacts& facts) {
  const auto [config, why] = choose_config(asked, facts);
  PresetChoice choice{
      .config = config, .steps = three_passes(asked, training_tokens(facts)), .why = why};
  if (facts.training_bytes > kMostCounted && choice.config.model.count_orders > 0) {
    choice.config.count_tokens =
        training_tokens({.training_bytes = kMostCounted, .bytes_per_token = facts.bytes_per_token});
  }
  if (choice.config.length > asked.length && facts.documents == 1 &&
      training_tokens(facts) <= choice.config.length) {
    choice.config.length = asked.length;
    choice.config.batch = asked.batch;
    choice.config.eval_count = asked.eval_count;
  }
  if (facts.training_bytes < kTinyParameters / kParametersPerByte) {
    choice.config.dropout = 0.3;
    choice.config.eval_every = 50;
    choice.config.patience = facts.holds_out ? 3 : 0;
  }
  return choice;
}

std::string choice_text(const Config& config, const PresetChoice& choice) {
  std::string text;
  if (config.init_from.empty()) {
    text = fmt::format("preset auto: {}", config.preset);
  } else {
    text = fmt::format("begins with {}: lr {:g}", shown_path(config.init_from), config.lr);
  }
  if (config.dropout > 0) text += fmt::format(", dropout {:g}", config.dropout);
  if (config.patience > 0) text += fmt::format(", patience {}", config.patience);
  if (config.count_tokens > 0) text += fmt::format(", count_tokens {}", config.count_tokens);
  if (config.steps)
    text += fmt::format(", {} step{}", *config.steps, *config.steps == 1 ? "" : "s");
  return fmt::format("{}: {}", text, choice.why);
}

}  // namespace lior::train
