// SPDX-License-Identifier: Apache-2.0
#include "lior/train/auto_preset.h"

#include <gtest/gtest.h>

namespace lior::train {
namespace {

using settings::Setting, settings::TextValue;
constexpr Index kKilobyte = 1000, kMegabyte = 1000 * kKilobyte;
constexpr double kProse = 4.8, kPacked = 7.9;  // bits a byte

Setting flag(const std::string& key, const std::string& text) {
  return {key, TextValue{text}, "--" + key};
}

/// The choice for a run with these settings.
Config chosen(std::vector<Setting> settings, const AutoFacts& facts) {
  settings.push_back(flag("data", "book.txt"));
  EXPECT_TRUE(leaves_preset(settings));
  const PresetChoice choice = choose_preset(new_config(settings), facts);
  return new_config(settings, &choice);
}

TEST(AutoPreset, TakesCountsWhereverTheyFit) {
  const auto preset = [](const char* minutes, Index bytes, double bits = kProse) {
    return chosen({flag("minutes", minutes)}, {.training_bytes = bytes, .entropy = bits}).preset;
  };
  EXPECT_EQ(preset("3", 90 * kKilobyte), "tiny-counts");
  EXPECT_EQ(preset("60", 4 * kMegabyte), "tiny-counts");
  EXPECT_EQ(preset("15", 400 * kMegabyte), "tiny-counts");
  EXPECT_EQ(preset("15", 4 * kMegabyte, kPacked), "tiny");
  EXPECT_EQ(chosen({flag("tokenizer", "bpe:300")}, {.training_bytes = kMegabyte}).preset,
            "tiny-counts");
}

TEST(AutoPreset, OfALargeTextAPartIsCounted) {
  const auto counted = [](Index bytes, double bytes_per_token, double bits = kProse) {
    const AutoFacts facts{
        .training_bytes = bytes, .bytes_per_token = bytes_per_token, .entropy = bits};
    return chosen({}, facts).count_tokens;
  };
  EXPECT_EQ(counted(30 * kMegabyte, 1), 0);
  EXPECT_EQ(counted(400 * kMegabyte, 1), 32 * kMegabyte);
  EXPECT_EQ(counted(400 * kMegabyte, 4), 8 * kMegabyte);
  EXPECT_EQ(counted(400 * kMegabyte, 1, kPacked), 0);  // tiny counts nothing
}

TEST(AutoPreset, ASmallTextIsNotLearntByHeart) {
  const AutoFacts facts{.training_bytes = 90 * kKilobyte, .entropy = kProse};
  const Config small = chosen({}, facts);
  EXPECT_GT(small.dropout, 0);
  EXPECT_GT(small.patience, 0);
  EXPECT_EQ(small.steps, 3 * facts.training_bytes / (small.batch * small.length));
  const Config large = chosen({}, {.training_bytes = kMegabyte, .entropy = kProse});
  EXPECT_EQ(large.dropout, 0);
  EXPECT_EQ(large.patience, 0);
  EXPECT_EQ(large.steps, kDefaultSteps);
  EXPECT_EQ(chosen({}, {.training_bytes = kKilobyte, .entropy = kProse}).steps, 100);
  // Three times through the text, whatever its tokens are.
  const AutoFacts of_pieces{
      .training_bytes = 2 * facts.training_bytes, .bytes_per_token = 2, .entropy = kProse};
  EXPECT_EQ(chosen({}, of_pieces).steps, small.steps);
  // Nothing to be patient with.
  const AutoFacts trains_on_all{
      .training_bytes = facts.training_bytes, .entropy = kProse, .holds_out = false};
  EXPECT_EQ(chosen({}, trains_on_all).patience, 0);
}

TEST(AutoPreset, AShortDocumentHasShortSequences) {
  const auto sequences = [](Index bytes, Index documents) {
    const Config config =
        chosen({}, {.training_bytes = bytes, .entropy = kProse, .documents = documents});
    return std::pair(config.batch, config.length);
  };
  EXPECT_EQ(sequences(kMegabyte, 1), std::pair(Index{1}, Index{1024}));
  EXPECT_EQ(sequences(kMegabyte, 900), std::pair(Index{1}, Index{1024}));
  EXPECT_EQ(sequences(kMegabyte, 100'000), std::pair(Index{1}, Index{1024}));
  EXPECT_EQ(sequences(kKilobyte, 1), std::pair(Index{4}, Index{256}));
}

TEST(AutoPreset, SettingsHold) {
  const AutoFacts facts{.training_bytes = 90 * kKilobyte, .entropy = kProse};
  const Config config = chosen(
      {flag("preset", "auto"), flag("dropout", "0"), flag("patience", "7"), flag("steps", "9")},
      facts);
  EXPECT_EQ(config.preset, "tiny-counts");
  EXPECT_EQ(config.dropout, 0);
  EXPECT_EQ(config.patience, 7);
  EXPECT_EQ(config.steps, 9);
  EXPECT_FALSE(chosen({flag("minutes", "2")}, facts).steps);
}

TEST(AutoPreset, IsOfATextAloneWithNothingOfAModel) {
  const auto leaves = [](std::vector<Setting> settings) {
    settings.insert(settings.begin(), flag("data", "book.txt"));
    return leaves_preset(settings);
  };
  EXPECT_TRUE(leaves({}));
  EXPECT_TRUE(leaves({flag("preset", "auto"), flag("lr", "1e-3")}));
  EXPECT_FALSE(leaves({flag("preset", "tiny")}));
  EXPECT_FALSE(leaves({flag("model.d_model", "32")}));
  EXPECT_TRUE(leaves({flag("init_from", "run")}));
  EXPECT_TRUE(leaves({flag("preset", "tiny"), flag("init_from", "run")}));
  EXPECT_FALSE(leaves({flag("init_from", "run"), flag("model.d_model", "32")}));
  EXPECT_FALSE(leaves({flag("data", "builtin:a5")}));
}

TEST(AutoPreset, OfARunToBeginWithIsThatRunsAndSlower) {
  Config asked = preset_config("small", OptimizerKind::adamw);
  asked.init_from = "run";
  asked.model.d_model = 96;  // as a configuration said
  EXPECT_EQ(choose_preset(asked, {.training_bytes = kMegabyte}).config.lr, asked.lr);
  asked.model.count_orders = 6;
  const auto tuned = [&](Index bytes) {
    return choose_preset(asked, {.training_bytes = bytes, .entropy = kPacked}).config;
  };
  const Config large = tuned(kMegabyte), small = tuned(90 * kKilobyte);
  EXPECT_EQ(large.preset, "small");
  EXPECT_EQ(large.model.d_model, 96);
  EXPECT_DOUBLE_EQ(large.lr, asked.lr / 3);
  EXPECT_EQ(large.patience, 0);
  EXPECT_GT(small.dropout, 0);
  EXPECT_GT(small.patience, 0);
  Config config = small;
  config.init_from = "run";
  config.steps = 100;
  EXPECT_EQ(choice_text(config, choose_preset(asked, {.training_bytes = 90 * kKilobyte})),
            "begins with run: lr 0.000666667, dropout 0.3, patience 3, 100 steps: chosen by the "
            "size of the text; --lr, --steps and others take other values");
}

TEST(AutoPreset, SaysWhatItTakesAndWhy) {
  const PresetChoice choice = choose_preset(new_config(std::vector<Setting>{}),
                                            {.training_bytes = 90 * kKilobyte, .entropy = kProse});
  Config config = choice.config;
  config.steps = 264;
  EXPECT_EQ(
      choice_text(config, choice),
      "preset auto: tiny-counts, dropout 0.3, patience 3, 264 steps: a model with the counts of "
      "90 KB of text learns the most from it; --preset NAME takes another");
}

}  // namespace
}  // namespace lior::train
