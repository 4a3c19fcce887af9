// SPDX-License-Identifier: Apache-2.0
#include "lior/train/best.h"

#include <gtest/gtest.h>

#include <array>
#include <utility>
#include <vector>

#include "lior/train/advice.h"

namespace lior::train {
namespace {

TEST(BestWeights, AreThoseOfTheLowestVal) {
  BestWeights best(2);
  EXPECT_FALSE(best.best());
  EXPECT_TRUE(best.unsaved().empty());
  const std::array first{1.0F, 2.0F}, second{3.0F, 4.0F}, third{5.0F, 6.0F};
  best.observe({.step = 10, .val_loss = 2}, first);
  best.observe({.step = 20, .val_loss = 1.5}, second);
  best.observe({.step = 30, .val_loss = 1.6}, third);
  EXPECT_EQ(best.best()->step, 20);
  EXPECT_TRUE(std::equal(second.begin(), second.end(), best.unsaved().begin()));
  best.saved();
  EXPECT_TRUE(best.unsaved().empty());
  best.observe({.step = 40, .val_loss = 1.5}, third);  // as good, and later
  EXPECT_EQ(best.best()->step, 40);
  EXPECT_FALSE(best.unsaved().empty());
}

TEST(BestWeights, OfARunThatGoesOnAreInItsFolder) {
  BestWeights best(1);
  best.restore(Best{.step = 5, .val_loss = 1});
  EXPECT_TRUE(best.unsaved().empty());
  best.observe({.step = 6, .val_loss = 1.1}, std::array{1.0F});
  EXPECT_EQ(best.best()->step, 5);
  EXPECT_TRUE(best.unsaved().empty());
}

TEST(Advice, OnBytesKnowsWhatWindowsWrites) {
  const auto advice = [](std::initializer_list<int> front) {
    std::vector<std::byte> bytes;
    for (const int byte : front) bytes.push_back(static_cast<std::byte>(byte));
    return advice_on_bytes(TextBytes("text", std::move(bytes)));
  };
  for (const auto& said : {advice({0xff, 0xfe, 'a', 0}), advice({0xfe, 0xff, 0, 'a'})}) {
    ASSERT_TRUE(said);
    EXPECT_NE(said->find("iconv -f UTF-16 -t UTF-8"), std::string::npos) << *said;
  }
  EXPECT_FALSE(advice({0xef, 0xbb, 0xbf, 'a'}));  // UTF-8 with a mark is UTF-8
  EXPECT_FALSE(advice({0xff}));
}

TEST(Advice, OnVocabularyIsAboutVeryManyTokens) {
  Config config = preset_config("tiny");
  config.model.vocabulary = 4096;
  EXPECT_FALSE(advice_on_vocabulary(config));
  config.model.vocabulary = 129'280;
  const auto said = advice_on_vocabulary(config);
  ASSERT_TRUE(said);
  EXPECT_NE(said->find("has 129280 tokens"), std::string::npos) << *said;
}

TEST(Advice, OnSizeIsAboutParametersAByte) {
  const Config config = preset_config("tiny");
  EXPECT_FALSE(advice_on_size(config, 600'000, 1'000'000));
  const auto said = advice_on_size(config, 600'000, 90'000);
  ASSERT_TRUE(said);
  EXPECT_NE(said->find("small for tiny: 600000 parameters"), std::string::npos) << *said;
}

TEST(Advice, OnValWaitsForAFewEvaluations) {
  const Config config = preset_config("tiny");  // an evaluation every 200 steps
  const Best best{.step = 400, .val_loss = 1.6};
  EXPECT_FALSE(advice_on_val(config, best, {.step = 800, .val_loss = 2}));
  EXPECT_FALSE(advice_on_val(config, best, {.step = 1000, .val_loss = 1.605}));
  const auto said = advice_on_val(config, best, {.step = 1000, .val_loss = 2});
  ASSERT_TRUE(said);
  EXPECT_NE(said->find("best at step 400 (1.600)"), std::string::npos) << *said;
}

}  // namespace
}  // namespace lior::train
