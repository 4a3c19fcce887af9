// SPDX-License-Identifier: Apache-2.0
#include "lior/train/task.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lior/core/buffer.h"
#include "support/equal.h"
#include "support/error_of.h"

namespace lior::train {
namespace {

std::vector<Task> group_tasks() {
  std::vector<Task> all;
  for (const Task& task : tasks()) {
    if (task.problem != nullptr && task.problem->group) all.push_back(task);
  }
  return all;
}
const Task& a5() {
  static const Task task = find_task("a5");
  return task;
}
std::int32_t product_in(const Task& task, std::int32_t g, std::int32_t h) {
  return task.problem->group->group.product(g, h);
}

struct Batch {
  Array<std::int32_t, 2> tokens, targets;
  Batch(const Task& task, Purpose purpose, std::uint64_t seed, Index step, Index rows, Index length)
      : tokens({rows, length}), targets({rows, length}) {
    fill_batch(task, purpose, seed, step, 0, tokens.view(), targets.view());
  }
};

TEST(Task, NamesGoBothWaysAndWrongOnesListTheRightOnes) {
  for (const Task& task : tasks()) EXPECT_EQ(find_task(task.name).name, task.name);
  EXPECT_EQ(error_of([] { find_task("a6"); }),
            "there is no task \"a6\"; the tasks are " + task_list());
  EXPECT_TRUE(task_list().starts_with("a5, s5, "));
  EXPECT_TRUE(task_list().ends_with(", automaton:FILE"));
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
  for (const Task& task : {find_task("a5"), find_task("s5"), find_task("group:A5")}) {
    Array<std::int32_t, 2> tokens({400, 33}), targets({400, 33});
    fill_batch(task, Purpose::training, 3, 5, 0, tokens.view(), targets.view(),
               Alphabet::generators);
    std::set<std::int32_t> used(tokens.span().begin(), tokens.span().end());
    std::set<std::int32_t> labels(targets.span().begin(), targets.span().end());
    EXPECT_EQ(used.size(), task.name == "s5" ? 5 : 4) << task.name;
    EXPECT_TRUE(used.contains(0)) << task.name;  // the identity
    EXPECT_EQ(static_cast<Index>(labels.size()), task.classes) << task.name;
  }
  Array<std::int32_t, 1> tokens({9}), targets({9});
  EXPECT_THROW(fill_sequence(find_task("even_pairs"), Purpose::training, 0, 0, 0, tokens.view(),
                             targets.view(), Alphabet::generators),
               Error);
}

TEST(Task, ARowDoesNotNeedTheOthers) {
  for (const Task& task : tasks()) {
    const Index length = std::max<Index>(9, task.shortest_length);
    const Batch batch(task, Purpose::training, 7, 11, 20, length);
    Array<std::int32_t, 1> tokens({length}), targets({length});
    fill_sequence(task, Purpose::training, 7, 11, 13, tokens.view(), targets.view());
    EXPECT_TRUE(equal(tokens.span(), batch.tokens.view()[13].span())) << task.name;
    EXPECT_TRUE(equal(targets.span(), batch.targets.view()[13].span())) << task.name;
  }
}

TEST(Task, ASequenceInPiecesIsTheWholeOne) {
  for (const Task& task : tasks()) {
    for (const Index length : {40, 41}) {
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
TEST(Task, GroupsFollowTheConventions) {
  const Task s5 = find_task("s5"), z60 = find_task("z60");
  EXPECT_EQ(product_in(s5, 1, 1), 0);
  EXPECT_EQ(product_in(a5(), 1, 1), 2);
  EXPECT_EQ(product_in(a5(), 1, 2), 0);
  EXPECT_EQ(product_in(z60, 59, 2), 1);
  // g = (1 0 2 3 4) is number 24 of S5, h = (0 2 1 3 4) number 6; (g h)(i) = g(h(i)) gives
  // (1 2 0 3 4), number 30, and h g = (2 0 1 3 4), number 48.
  EXPECT_EQ(product_in(s5, 24, 6), 30);
  EXPECT_EQ(product_in(s5, 6, 24), 48);
}

TEST(Task, LabelsAreRunningProducts) {
  for (const Task& task : group_tasks()) {
    const Batch batch(task, Purpose::evaluation, 1, 0, 3, 50);
    for (Index row = 0; row < 3; ++row) {
      std::int32_t product = 0;
      for (Index t = 0; t < 50; ++t) {
        product = product_in(task, product, batch.tokens.view()(row, t));
        EXPECT_EQ(batch.targets.view()(row, t), product);
      }
    }
  }
}

// Each from its definition, over the whole word again for every label.
TEST(Task, EvenPairsCountsWhereNeighboursDiffer) {
  const Batch batch(find_task("even_pairs"), Purpose::training, 1, 0, 20, 30);
  for (Index row = 0; row < 20; ++row) {
    const auto bits = batch.tokens.view()[row], labels = batch.targets.view()[row];
    for (Index t = 0; t < 30; ++t) {
      Index pairs = 0;
      for (Index i = 0; i < t; ++i) pairs += bits[i] != bits[i + 1];
      EXPECT_EQ(labels[t], pairs % 2) << row << " " << t;
    }
  }
}

TEST(Task, CycleNavigationAddsSteps) {
  const Batch batch(find_task("cycle_navigation"), Purpose::training, 1, 0, 20, 30);
  for (Index row = 0; row < 20; ++row) {
    Index place = 500;
    for (Index t = 0; t < 30; ++t) {
      place += batch.tokens.view()(row, t) - 1;
      EXPECT_EQ(batch.targets.view()(row, t), place % 5) << row << " " << t;
    }
  }
}

/// The value mod 5 of digits at even places, operators between them.
Index value_of(View<const std::int32_t, 1> tokens, Index length) {
  constexpr Index kModulus = 5, kMinus = 6, kTimes = 7;
  Index sum = 0;
  for (Index i = 0; i < length; i += 2) {  // a term begins here
    Index term = tokens[i];
    if (i > 0 && tokens[i - 1] == kMinus) term = -term;
    for (; i + 2 < length && tokens[i + 1] == kTimes; i += 2)
      term = term * tokens[i + 2] % kModulus;
    sum += term;
  }
  return (sum % kModulus + kModulus) % kModulus;
}

TEST(Task, ModularArithmeticPutsProductsBeforeSums) {
  const Task task = find_task("modular_arithmetic");
  const Batch batch(task, Purpose::training, 1, 0, 50, 31);
  for (Index row = 0; row < 50; ++row) {
    const auto tokens = batch.tokens.view()[row], labels = batch.targets.view()[row];
    for (Index t = 0; t < 31; ++t) {
      if (t % 2 == 1) {
        EXPECT_GE(tokens[t], 5);
        EXPECT_EQ(labels[t], kNoTarget);
      } else {
        EXPECT_LT(tokens[t], 5);
        EXPECT_EQ(labels[t], value_of(std::as_const(batch.tokens).view()[row], t + 1));
      }
    }
  }
  // 1 + 2 * 3 = 2, 1 - 1 - 1 = 4, 0 * 1 + 4 * 3 - 2 = 0: the examples of the paper's program.
  const std::vector<Word> words = {{1, 5, 2, 7, 3}, {1, 6, 1, 6, 1}, {0, 7, 1, 5, 4, 7, 3, 6, 2}};
  const std::vector<std::int32_t> values = {2, 4, 0};
  for (std::size_t i = 0; i < words.size(); ++i) {
    const Automaton& machine = task.problem->machine;
    std::int32_t state = machine.start;
    for (const std::int32_t letter : words[i]) state = machine.after(state, letter);
    EXPECT_EQ(machine.output[static_cast<std::size_t>(state)], values[i]) << i;
  }
}

// What a training word holds side by side an evaluation word never does, and the other way.
TEST(Task, PairsAreTrainedOnByHalves) {
  const Task task = find_task("pairs:S3xS3");
  EXPECT_FALSE(task.has_generators());
  using Pairs = std::set<std::pair<std::int32_t, std::int32_t>>;
  std::map<Purpose, Pairs> pairs;
  for (const Purpose purpose : {Purpose::training, Purpose::evaluation}) {
    const Batch batch(task, purpose, 1, 0, 400, 65);
    for (Index row = 0; row < 400; ++row) {
      std::int32_t product = 0;
      for (Index t = 0; t < 65; ++t) {
        const std::int32_t letter = batch.tokens(row, t);
        product = product_in(task, product, letter);
        EXPECT_EQ(batch.targets(row, t), product);
        if (t > 0) pairs[purpose].emplace(batch.tokens(row, t - 1), letter);
      }
    }
    EXPECT_EQ(pairs[purpose].size(), 36 * 18);
  }
  for (const auto& pair : pairs[Purpose::training]) {
    EXPECT_FALSE(pairs[Purpose::evaluation].contains(pair)) << pair.first << " " << pair.second;
  }
}

TEST(Task, GeneratorsAreTheOnlyLettersOfTheirTask) {
  const Task task = find_task("generators:S6");
  EXPECT_EQ(task.vocabulary, 5);
  EXPECT_EQ(task.classes, 720);
  const Group& group = task.problem->group->group;
  const Batch batch(task, Purpose::training, 1, 0, 4, 40);
  for (Index row = 0; row < 4; ++row) {
    std::int32_t product = 0;
    for (Index t = 0; t < 40; ++t) {
      const auto letter = static_cast<std::size_t>(batch.tokens(row, t));
      product = group.product(product, group.generators()[letter + 1]);
      EXPECT_EQ(batch.targets(row, t), product);
    }
  }
}

// An interpreter of the lines, which knows nothing of how they were made.
TEST(Task, ReplShowsWhatItsLinesSay) {
  constexpr Index kRows = 20, kLength = 400;
  const Batch batch(find_task("repl"), Purpose::training, 1, 0, kRows, kLength);
  Index shown = 0;
  for (Index row = 0; row < kRows; ++row) {
    std::string text;
    for (Index t = 0; t < kLength; ++t) {
      text += kReplSymbols[static_cast<std::size_t>(batch.tokens(row, t))];
    }
    std::map<char, char> values;
    std::size_t begin = 0;
    for (std::size_t end; (end = text.find('\n', begin)) != text.npos; begin = end + 1) {
      const std::string line = text.substr(begin, end - begin);
      const auto label = batch.targets(row, static_cast<Index>(end));
      if (line == ">>> a,b,c,d,e=1,2,3,4,5") {
        values = {{'a', '1'}, {'b', '2'}, {'c', '3'}, {'d', '4'}, {'e', '5'}};
      } else if (line.size() == 5) {  // >>> a
        ASSERT_EQ(line.substr(0, 4), ">>> ");
        EXPECT_EQ(label, values.at(line[4]) - '1');
        if (end + 1 < text.size()) {
          EXPECT_EQ(text[end + 1], values.at(line[4]));
        }
        ++shown;
        continue;
      } else if (line.size() == 11) {  // >>> a,b=b,a
        ASSERT_EQ(line, fmt::format(">>> {0},{1}={1},{0}", line[4], line[6]));
        std::swap(values.at(line[4]), values.at(line[6]));
      } else {
        ASSERT_EQ(line.size(), 1) << line;  // a value
      }
      EXPECT_EQ(label, kNoTarget);
    }
  }
  EXPECT_GT(shown, 100);
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
