// SPDX-License-Identifier: Apache-2.0
#include "lior/train/task.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "lior/core/buffer.h"
#include "support/equal.h"
#include "support/error_of.h"

namespace lior::train {
namespace {

std::vector<const Task*> word_problems() {
  std::vector<const Task*> all;
  for (const Task& task : tasks()) {
    if (task.group != nullptr) all.push_back(&task);
  }
  return all;
}
const Task& a5() { return find_task("a5"); }

struct Batch {
  Array<std::int32_t, 2> tokens, targets;
  Batch(const Task& task, Purpose purpose, std::uint64_t seed, Index step, Index rows, Index length)
      : tokens({rows, length}), targets({rows, length}) {
    fill_batch(task, purpose, seed, step, 0, tokens.view(), targets.view());
  }
};

TEST(Task, NamesGoBothWaysAndWrongOnesListTheRightOnes) {
  for (const Task& task : tasks()) EXPECT_EQ(&find_task(task.name), &task);
  EXPECT_EQ(error_of([] { find_task("a6"); }),
            "there is no task \"a6\"; the tasks are " + task_list());
  EXPECT_TRUE(task_list().starts_with("a5, s5, "));
}

TEST(Task, TokensAndLabelsAreInRangeAndAllOccur) {
  for (const Task& task : tasks()) {
    const Batch batch(task, Purpose::training, 3, 5, 400, 33);
    std::set<std::int32_t> tokens(batch.tokens.span().begin(), batch.tokens.span().end());
    std::set<std::int32_t> labels(batch.targets.span().begin(), batch.targets.span().end());
    labels.erase(kNoTarget);
    EXPECT_EQ(static_cast<Index>(tokens.size()), task.vocabulary) << task.name;
    EXPECT_EQ(*tokens.begin(), 0) << task.name;
    EXPECT_EQ(*tokens.rbegin(), task.vocabulary - 1) << task.name;
    EXPECT_EQ(static_cast<Index>(labels.size()), task.classes) << task.name;
    EXPECT_EQ(*labels.rbegin(), task.classes - 1) << task.name;
  }
}

TEST(Task, GeneratorsAreFewAndTheirProductsAreAllLabels) {
  for (const Task& task : {find_task("a5"), find_task("s5")}) {
    Array<std::int32_t, 2> tokens({400, 33}), targets({400, 33});
    fill_batch(task, Purpose::training, 3, 5, 0, tokens.view(), targets.view(),
               Alphabet::generators);
    std::set<std::int32_t> used(tokens.span().begin(), tokens.span().end());
    std::set<std::int32_t> labels(targets.span().begin(), targets.span().end());
    EXPECT_EQ(used.size(), task.name == "a5" ? 4 : 5) << task.name;
    EXPECT_TRUE(used.contains(0)) << task.name;  // the identity
    EXPECT_EQ(static_cast<Index>(labels.size()), task.classes) << task.name;
  }
  Array<std::int32_t, 1> tokens({9}), targets({9});
  EXPECT_THROW(fill_sequence(find_task("z60"), Purpose::training, 0, 0, 0, tokens.view(),
                             targets.view(), Alphabet::generators),
               Error);
}

TEST(Task, ARowDoesNotNeedTheOthers) {
  for (const Task& task : tasks()) {
    const Batch batch(task, Purpose::training, 7, 11, 20, 9);
    Array<std::int32_t, 1> tokens({9}), targets({9});
    fill_sequence(task, Purpose::training, 7, 11, 13, tokens.view(), targets.view());
    EXPECT_TRUE(equal(tokens.span(), batch.tokens.view()[13].span())) << task.name;
    EXPECT_TRUE(equal(targets.span(), batch.targets.view()[13].span())) << task.name;
  }
}

TEST(Task, ASequenceInPiecesIsTheWholeOne) {
  for (const Task& task : tasks()) {
    for (const Index length : {16, 17}) {
      const Batch whole(task, Purpose::evaluation, 7, 0, 3, length);
      Sequence sequence(task, Purpose::evaluation, 7, 0, 2, length);
      for (Index begin = 0, width = 1; begin < length; begin += width, width = 3) {
        width = std::min(width, length - begin);
        Array<std::int32_t, 1> tokens({width}), targets({width});
        sequence.write(tokens.view(), targets.view());
        for (Index t = 0; t < width; ++t) {
          EXPECT_EQ(tokens.data()[t], whole.tokens(2, begin + t)) << task.name << " " << begin + t;
          EXPECT_EQ(targets.data()[t], whole.targets(2, begin + t))
              << task.name << " " << begin + t;
        }
      }
      Array<std::int32_t, 1> more({1});
      EXPECT_THROW(sequence.write(more.view(), more.view()), Error);
    }
  }
  EXPECT_THROW(Sequence(a5(), Purpose::evaluation, 7, 0, 0, kLongestSequence + 1), Error);
}

TEST(Task, ABatchMayBeginAtAnyRow) {
  const Batch whole(a5(), Purpose::evaluation, 7, 0, 20, 9);
  Array<std::int32_t, 2> tokens({6, 9}), targets({6, 9});
  fill_batch(a5(), Purpose::evaluation, 7, 0, 11, tokens.view(), targets.view());
  for (Index row = 0; row < 6; ++row) {
    EXPECT_TRUE(equal(tokens.view()[row].span(), whole.tokens.view()[11 + row].span())) << row;
  }
}

TEST(Task, DataNameItByItsPrefix) {
  EXPECT_TRUE(names_task("builtin:copy"));
  EXPECT_FALSE(names_task("copy"));
  EXPECT_EQ(task_of_data("builtin:copy").name, "copy");
  EXPECT_THROW(task_of_data("builtin:a6"), Error);
  EXPECT_THROW(task_of_data("copy"), Error);
}

TEST(Task, SeedStepRowAndPurposeEachChangeTheSequence) {
  const Batch base(a5(), Purpose::training, 1, 1, 2, 64);
  EXPECT_FALSE(equal(base.tokens.view()[0].span(), base.tokens.view()[1].span()));
  EXPECT_FALSE(
      equal(base.tokens.span(), Batch(a5(), Purpose::training, 2, 1, 2, 64).tokens.span()));
  EXPECT_FALSE(
      equal(base.tokens.span(), Batch(a5(), Purpose::training, 1, 2, 2, 64).tokens.span()));
  EXPECT_FALSE(
      equal(base.tokens.span(), Batch(a5(), Purpose::evaluation, 1, 1, 2, 64).tokens.span()));
}

TEST(Task, StreamsOfThePurposesAreDisjoint) {
  std::set<std::uint64_t> streams;
  for (const Purpose purpose : {Purpose::training, Purpose::evaluation}) {
    for (const Index step : {Index{0}, Index{1}, (Index{1} << 38) - 1}) {
      for (const Index row : {Index{0}, Index{1}, (Index{1} << 24) - 1}) {
        EXPECT_TRUE(streams.insert(random_stream(purpose, step, row)).second);
      }
    }
  }
  EXPECT_THROW(random_stream(Purpose::training, 0, Index{1} << 24), Error);
}

// Lexicographic numbers by hand: S5's 1 is (0 1 2 4 3), A5's 1 is (0 1 3 4 2), A5's 2 (0 1 4 2 3).
std::int32_t product_in(std::string_view task, std::int32_t g, std::int32_t h) {
  return find_task(task).group->product(g, h);
}

TEST(Task, GroupsFollowTheConventions) {
  EXPECT_EQ(product_in("s5", 1, 1), 0);
  EXPECT_EQ(product_in("a5", 1, 1), 2);
  EXPECT_EQ(product_in("a5", 1, 2), 0);
  EXPECT_EQ(product_in("z60", 59, 2), 1);
  // g = (1 0 2 3 4) is number 24 of S5, h = (0 2 1 3 4) number 6; (g h)(i) = g(h(i)) gives
  // (1 2 0 3 4), number 30, and h g = (2 0 1 3 4), number 48.
  EXPECT_EQ(product_in("s5", 24, 6), 30);
  EXPECT_EQ(product_in("s5", 6, 24), 48);
}

TEST(Task, ProductsAreAssociativeWithIdentityZero) {
  for (const Task* const word_problem : word_problems()) {
    const Task& task = *word_problem;
    const auto n = static_cast<std::int32_t>(task.vocabulary);
    for (std::int32_t g = 0; g < n; ++g) {
      EXPECT_EQ(task.group->product(0, g), g);
      EXPECT_EQ(task.group->product(g, 0), g);
      const std::int32_t h = (7 * g + 3) % n, k = (11 * g + 1) % n;
      EXPECT_EQ(task.group->product(task.group->product(g, h), k),
                task.group->product(g, task.group->product(h, k)));
    }
  }
}

TEST(Task, LabelsAreRunningProducts) {
  for (const Task* const word_problem : word_problems()) {
    const Task& task = *word_problem;
    const Batch batch(task, Purpose::evaluation, 1, 0, 3, 50);
    for (Index row = 0; row < 3; ++row) {
      std::int32_t product = 0;
      for (Index t = 0; t < 50; ++t) {
        product = task.group->product(product, batch.tokens.view()(row, t));
        EXPECT_EQ(batch.targets.view()(row, t), product);
      }
    }
  }
}

TEST(Task, CopyLabelsTheCopyOnly) {
  for (const Index length : {2, 3, 8, 9}) {
    const Batch batch(find_task("copy"), Purpose::training, 1, 0, 1, length);
    const auto tokens = batch.tokens.view()[0], targets = batch.targets.view()[0];
    const Index n = length / 2;
    EXPECT_EQ(tokens[n], 16);
    for (Index t = 0; t < length; ++t) {
      EXPECT_EQ(targets[t], t >= n && t < 2 * n ? tokens[t - n] : kNoTarget) << length << " " << t;
      if (t > n) {
        EXPECT_EQ(tokens[t], tokens[t - n - 1]);
      }
    }
  }
}

TEST(Task, InductionAsksForWhatFollowedTheLastTokenBefore) {
  const Batch batch(find_task("induction"), Purpose::training, 1, 0, 200, 12);
  for (Index row = 0; row < 200; ++row) {
    const auto tokens = batch.tokens.view()[row], targets = batch.targets.view()[row];
    Index seen = 0;
    for (Index t = 0; t < 11; ++t) {
      EXPECT_EQ(targets[t], kNoTarget);
      if (tokens[t] != tokens[11]) continue;
      ++seen;
      EXPECT_EQ(targets[11], tokens[t + 1]);
    }
    EXPECT_EQ(seen, 1);
  }
  EXPECT_THROW(Batch(find_task("induction"), Purpose::training, 1, 0, 1, 2), Error);
}

}  // namespace
}  // namespace lior::train
