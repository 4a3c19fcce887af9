// SPDX-License-Identifier: Apache-2.0
#include "lior/train/config.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <set>

#include "lior/nn/mixers.h"
#include "support/error_of.h"

namespace lior::train {
namespace {

namespace fs = std::filesystem;
using settings::assign, settings::read_file, settings::Setting, settings::TextValue;

/// A folder that lives as long as the test.
class ConfigFiles : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / fmt::format("lior-config-{}", ::getpid());
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::string file(const std::string& name, const std::string& text) const {
    const std::string path = (folder_ / name).string();
    std::ofstream(path) << text;
    return path;
  }
  fs::path folder_;
};

Setting flag(const std::string& key, const std::string& text) {
  return {key, TextValue{text}, "--" + key};
}

TEST_F(ConfigFiles, TomlSetsWhatItNames) {
  const auto path = file("run.toml", R"(
batch = 4
lr = 1
optimizer = "lior"
[model]
heads = 3
gates = false
readout = "invariants"
[lior]
form = "compat"
)");
  const Config config = new_config(read_file(path));
  EXPECT_EQ(config.batch, 4);
  EXPECT_EQ(config.lr, 1);
  EXPECT_EQ(config.optimizer.kind, OptimizerKind::lior);
  EXPECT_EQ(config.optimizer.form, LiorForm::compat);
  EXPECT_EQ(config.model.mixer.heads, 3);
  EXPECT_FALSE(config.model.mixer.gates);
  EXPECT_EQ(config.model.mixer.readout, nn::Readout::invariants);
  EXPECT_EQ(config.model.d_model, preset_config("tiny").model.d_model);
}

/// "a", "b", "c", with their quotes.
template <class Names>
std::string quoted(const Names& names) {
  std::string list;
  for (const std::string_view name : names) {
    list += (list.empty() ? "\"" : ", \"") + std::string(name) + "\"";
  }
  return list;
}

TEST_F(ConfigFiles, MixersAreAListOfNames) {
  using nn::Mixer;
  const auto path = file("run.toml", "[model]\nmixers = \"attention, geometric_mamba\"\n");
  Config config = new_config(read_file(path));
  EXPECT_EQ(config.model.mixers, (std::vector{Mixer::attention, Mixer::geometric_mamba}));
  write_config(config, folder_ / "config.json");
  EXPECT_EQ(read_config(folder_ / "config.json").model.mixers, config.model.mixers);
  assign(fields(config), flag("model.mixers", "causal_field"));
  EXPECT_EQ(config.model.mixers, std::vector{Mixer::causal_field});
  EXPECT_EQ(
      error_of([&] { assign(fields(config), flag("model.mixers", "attention,")); }),
      "--model.mixers is \"attention,\"; it must be a string of names between commas, each one "
      "of " +
          quoted(enum_names(Mixer{})));
}

TEST_F(ConfigFiles, MistakesAreNamedWithTheirLineAndWhatWouldFit) {
  const auto message = [&](const std::string& text) {
    const auto path = file("run.toml", text);
    std::string got = error_of([&] { new_config(read_file(path)); });
    EXPECT_EQ(got.find(path), 0u) << got;
    return got.substr(std::min(path.size(), got.size()));
  };
  EXPECT_EQ(message("\n[curriculum]\nstarts = 2"),
            ":3: unknown key curriculum.starts; the keys are curriculum.start, "
            "curriculum.batch, curriculum.accuracy, curriculum.patience, curriculum.generators, "
            "curriculum.finish");
  EXPECT_EQ(message("[model]\nheads = \"four\""),
            ":2: model.heads is the string \"four\"; it must be an integer from 1 to 16384");
  EXPECT_EQ(message("batch = 1.5"), ":1: batch is 1.5; it must be an integer from 1 to 1048576");
  EXPECT_EQ(message("batch = 0"), ":1: batch is 0; it must be an integer from 1 to 1048576");
  EXPECT_EQ(message("lr = 0"), ":1: lr is 0; it must be a number above 0");
  EXPECT_EQ(message("lr = nan"), ":1: lr is nan; it must be a number above 0");
  EXPECT_EQ(message("lr = [1]"), ":1: lr is an array; it must be a number above 0");
  EXPECT_EQ(
      message("optimizer = \"adam\""),
      ":1: optimizer is the string \"adam\"; it must be one of \"adamw\", \"lior\", \"muon\"");
  EXPECT_EQ(message("[model]\ntied = 1"), ":2: model.tied is 1; it must be true or false");
  EXPECT_NE(message("batch = ").find(":1:"), std::string::npos);
}

TEST(Config, FlagBeforeEnvironmentBeforeFileBeforePreset) {
  ::setenv("LIOR_BATCH", "5", 1);
  ::setenv("LIOR_MODEL_HEADS", "6", 1);
  std::vector<Setting> settings = {{"batch", Index{3}, "run.toml:1"},
                                   {"length", Index{64}, "run.toml:2"},
                                   {"model.heads", Index{2}, "run.toml:4"}};
  Config any;
  for (Setting& setting : settings::read_environment(fields(any), kVariablePrefix)) {
    settings.push_back(setting);
  }
  settings.push_back(flag("batch", "7"));
  ::unsetenv("LIOR_BATCH");
  ::unsetenv("LIOR_MODEL_HEADS");
  const Config config = new_config(settings);
  EXPECT_EQ(config.batch, 7);
  EXPECT_EQ(config.model.mixer.heads, 6);
  EXPECT_EQ(config.length, 64);
  EXPECT_EQ(config.model.layers, preset_config("tiny").model.layers);
}

TEST(Config, PresetFollowsTheData) {
  EXPECT_EQ(new_config(std::vector<Setting>{flag("data", "builtin:a5")}).preset, "tracking");
  EXPECT_EQ(new_config(std::vector<Setting>{flag("data", "builtin:s5")}).preset, "reflections");
  EXPECT_EQ(new_config(std::vector<Setting>{flag("data", "book.txt")}).preset, "tiny");
  for (const auto& [data, preset] : {std::pair{"builtin:a5", "tracking"}, {"book.txt", "tiny"}}) {
    EXPECT_EQ(new_config(std::vector<Setting>{flag("data", data), flag("preset", "auto")}).preset,
              preset);
  }
  EXPECT_EQ(
      new_config(std::vector<Setting>{flag("data", "builtin:a5"), flag("preset", "small")}).preset,
      "small");
  EXPECT_EQ(error_of([] { new_config(std::vector<Setting>{flag("preset", "huge")}); }),
            "there is no preset \"huge\"; the presets are auto, tiny, small, medium, tiny-ngrams, "
            "tiny-counts, small-counts, tiny-recent, tiny-field, tiny-geometric-attention, "
            "tiny-attention, tiny-hybrid, tracking, tracking-pairs, reflections, forgetting, copy, "
            "induction");
}

TEST(Config, EveryTaskHasAPresetThatIsThere) {
  for (const Task& task : tasks()) {
    const Config config =
        new_config(std::vector<Setting>{flag("data", fmt::format("builtin:{}", task.name))});
    EXPECT_EQ(config.preset, task.preset);
  }
}

// Every token gets turns of its own, and every turn as many reflections as its group takes.
TEST(Config, AModelGrowsToItsMachine) {
  const auto model = [](std::vector<Setting> settings) { return new_config(settings).model; };
  EXPECT_EQ(model({flag("data", "builtin:a5")}).d_model, 64);
  EXPECT_EQ(model({flag("data", "builtin:group:A6")}).d_model, 384);
  EXPECT_EQ(model({flag("data", "builtin:group:A6"), flag("model.d_model", "64")}).d_model, 64);
  EXPECT_EQ(model({flag("data", "builtin:s5")}).mixer.factors, 4);
  EXPECT_EQ(model({flag("data", "builtin:generators:S6")}).mixer.factors, 6);
  EXPECT_EQ(model({flag("data", "builtin:generators:S6")}).d_model, 128);
}

// The LIoR step has other units than AdamW's: at AdamW's rate it hardly moves.
TEST(Config, TheRateIsTheOptimisers) {
  const auto rate = [](std::vector<Setting> settings) { return new_config(settings).lr; };
  EXPECT_EQ(rate({flag("optimizer", "adamw")}), preset_config("tiny").lr);
  EXPECT_EQ(rate({flag("optimizer", "lior")}), 1);
  EXPECT_EQ(rate({flag("optimizer", "lior"), flag("preset", "small")}), 1);
  EXPECT_EQ(rate({flag("lr", "0.5"), flag("optimizer", "lior")}), 0.5);
}

TEST(Config, TwoThousandStepsWhereNothingEndsARun) {
  EXPECT_EQ(new_config({}).steps, 2000);
  const Config by_minutes = new_config(std::vector<Setting>{flag("minutes", "0.5")});
  EXPECT_FALSE(by_minutes.steps);
  EXPECT_EQ(by_minutes.minutes, 0.5);
}

/// The runs of version 0.1.0 have these options of mixers in their config.json, and no others.
TEST(MixerOptions, ThoseThatCameLaterSaySo) {
  const std::set<std::string_view> first{"causal_field_heads",
                                         "geometric_attention_heads",
                                         "attention_heads",
                                         "attention_window",
                                         "heads",
                                         "factors",
                                         "transition",
                                         "complex_state",
                                         "gates",
                                         "phase",
                                         "rotation",
                                         "readout"};
  nn::ModelConfig config;
  nn::visit_mixer_options(config, [&](const nn::LayerOption& option, auto&) {
    EXPECT_EQ(option.is_new, !first.contains(option.key))
        << option.key << ": without is_new no run that stands can be read";
  });
}

TEST_F(ConfigFiles, ConfigJsonComesBackWhole) {
  const std::string path = (folder_ / "config.json").string();
  Config config = new_config(std::vector<Setting>{
      flag("data", "builtin:s5"), flag("lr", "0.012345678901234567"), flag("model.heads", "9")});
  write_config(config, path);
  const Config back = read_config(path);
  EXPECT_EQ(back.lr, config.lr);
  EXPECT_EQ(back.steps, config.steps);
  EXPECT_FALSE(back.minutes);
  EXPECT_EQ(back.model.mixer.heads, 9);
  EXPECT_NO_THROW(resumed_config(config, {}));
  EXPECT_EQ(back.tokenizer, "byte");

  std::ifstream stream(path);
  std::string text((std::istreambuf_iterator<char>(stream)), {});
  const auto replaced = [&](const std::string& from, const std::string& to) {
    std::string changed = text;
    changed.replace(changed.find(from), from.size(), to);
    const std::string other = file("changed.json", changed);
    return error_of([&] { read_config(other); }).substr(other.size());
  };
  EXPECT_EQ(replaced("\"heads\"", "\"hats\"").substr(0, 31), ": unknown key model.hats; the k");
  EXPECT_EQ(replaced("\"seed\": 0,", ""), ": lacks seed; every setting must be there");
  // A run of a version that knew bytes alone.
  std::string old = text;
  old.erase(old.find("\"tokenizer\": \"byte\","), 20);
  const std::string later = "\"linear_attention_heads\": 4,";
  ASSERT_NE(old.find(later), std::string::npos);
  old.erase(old.find(later), later.size());
  EXPECT_EQ(read_config(file("old.json", old)).tokenizer, "byte");
  EXPECT_EQ(replaced("\"seed\": 0", "\"seed\": null"),
            ": seed is null; it must be an integer from 0 to 1e+15");
  EXPECT_EQ(replaced("{", "["),
            ": not JSON at byte 13; a run's config.json is written by lior train");
}

TEST(Config, AResumedRunKeepsItsSettings) {
  const Config saved = new_config(std::vector<Setting>{flag("data", "a.txt"), flag("lr", "0.5")});
  EXPECT_EQ(resumed_config(saved, std::vector<Setting>{flag("lr", "0.5")}).lr, 0.5);
  const Config longer = resumed_config(saved, std::vector<Setting>{flag("minutes", "3")});
  EXPECT_FALSE(longer.steps);
  EXPECT_EQ(resumed_config(saved, std::vector<Setting>{flag("steps", "9")}).steps, 9);
  EXPECT_EQ(resumed_config(saved, std::vector<Setting>{flag("threads", "1")}).threads, 1);
  EXPECT_EQ(error_of([&] { resumed_config(saved, std::vector<Setting>{flag("lr", "0.25")}); }),
            "--lr is 0.25, but the run to resume has 0.5; only threads, sequence_ranks, steps, "
            "minutes, memory_budget, save_every, log_every, samples, patience and crystallise may "
            "change");
}

}  // namespace
}  // namespace lior::train
