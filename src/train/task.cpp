#include "lior/train/task.h"

#include <algorithm>
#include <array>
#include <vector>

#include "lior/core/parallel.h"
#include "lior/core/random.h"

namespace lior::train {
namespace {

constexpr std::array<std::string_view, 6> kNames = {"a5",     "s5",   "z60",
                                                    "parity", "copy", "induction"};
constexpr std::int32_t kCopySymbols = 16;
constexpr std::int32_t kSeparator = kCopySymbols;
constexpr std::int32_t kInductionSymbols = 64;

using Permutation = std::array<int, 5>;

bool is_even(const Permutation& p) {
  int inversions = 0;
  for (int i = 0; i < 5; ++i) {
    for (int j = i + 1; j < 5; ++j) inversions += p[i] > p[j];
  }
  return inversions % 2 == 0;
}

/// A group of permutations in lexicographic order, as its multiplication table.
class PermutationGroup {
 public:
  explicit PermutationGroup(bool even_only) {
    std::vector<Permutation> elements;
    Permutation p = {0, 1, 2, 3, 4};
    do {
      if (!even_only || is_even(p)) elements.push_back(p);
    } while (std::next_permutation(p.begin(), p.end()));

    order_ = static_cast<std::int32_t>(elements.size());
    table_.reserve(elements.size() * elements.size());
    for (const Permutation& g : elements) {
      for (const Permutation& h : elements) {
        Permutation gh;
        for (int i = 0; i < 5; ++i) gh[i] = g[h[i]];
        const auto found = std::lower_bound(elements.begin(), elements.end(), gh);
        table_.push_back(static_cast<std::int32_t>(found - elements.begin()));
      }
    }
  }
  std::int32_t product(std::int32_t g, std::int32_t h) const { return table_[g * order_ + h]; }

 private:
  std::int32_t order_ = 0;
  std::vector<std::int32_t> table_;  // [order, order]
};

std::int32_t draw(Random& random, Index bound) {
  return static_cast<std::int32_t>(random.below(bound));
}

/// Labels are running products of the tokens; the identity is element 0 of every group here.
void fill_word_problem(Task task, Random& random, View<std::int32_t, 1> tokens,
                       View<std::int32_t, 1> targets) {
  std::int32_t product = 0;
  for (Index t = 0; t < tokens.size(); ++t) {
    tokens[t] = draw(random, vocabulary(task));
    targets[t] = product = group_product(task, product, tokens[t]);
  }
}

void fill_copy(Random& random, View<std::int32_t, 1> tokens, View<std::int32_t, 1> targets) {
  const Index length = tokens.size(), n = length / 2;
  for (Index t = 0; t < n; ++t) tokens[t] = draw(random, kCopySymbols);
  tokens[n] = kSeparator;
  for (Index t = n + 1; t < length; ++t) tokens[t] = tokens[t - n - 1];
  for (Index t = 0; t < length; ++t) targets[t] = t >= n && t < 2 * n ? tokens[t - n] : kNoTarget;
}

void fill_induction(Random& random, View<std::int32_t, 1> tokens, View<std::int32_t, 1> targets) {
  const Index last = tokens.size() - 1;
  const std::int32_t a = draw(random, kInductionSymbols);
  const Index place = random.below(last - 1);
  for (Index t = 0; t < last; ++t) {
    const std::int32_t other = draw(random, kInductionSymbols - 1);
    tokens[t] = other < a ? other : other + 1;  // any symbol but a
  }
  tokens[place] = tokens[last] = a;
  std::fill(targets.begin(), targets.end(), kNoTarget);
  targets[last] = tokens[place + 1];
}

}  // namespace

Task task_from_name(std::string_view name) {
  const auto found = std::find(kNames.begin(), kNames.end(), name);
  LIOR_CHECK(found != kNames.end(),
             "there is no task \"{}\"; the tasks are a5, s5, z60, parity, copy, induction", name);
  return static_cast<Task>(found - kNames.begin());
}

std::string_view name(Task task) { return kNames[static_cast<std::size_t>(task)]; }

Index vocabulary(Task task) {
  switch (task) {
    case Task::a5:
    case Task::z60: return 60;
    case Task::s5: return 120;
    case Task::parity: return 2;
    case Task::copy: return kCopySymbols + 1;
    case Task::induction: return kInductionSymbols;
  }
  return 0;
}

Index classes(Task task) { return task == Task::copy ? kCopySymbols : vocabulary(task); }

Index shortest_length(Task task) {
  return task == Task::copy ? 2 : task == Task::induction ? 3 : 1;
}

std::int32_t group_product(Task task, std::int32_t g, std::int32_t h) {
  static const PermutationGroup alternating(true), symmetric(false);
  switch (task) {
    case Task::a5: return alternating.product(g, h);
    case Task::s5: return symmetric.product(g, h);
    case Task::z60: return (g + h) % 60;
    case Task::parity: return g ^ h;
    case Task::copy:
    case Task::induction: break;
  }
  throw Error(fmt::format("the task {} has no group; a5, s5, z60 and parity have", name(task)));
}

std::uint64_t random_stream(Purpose purpose, Index step, Index row) {
  LIOR_CHECK(step >= 0 && step < Index{1} << 38 && row >= 0 && row < Index{1} << 24,
             "step {} and row {} have no stream; they must be in [0, 2^38) and [0, 2^24)", step,
             row);
  const std::uint64_t kind = purpose == Purpose::training ? 1 : 2;
  return kind << 62 | static_cast<std::uint64_t>(step) << 24 | static_cast<std::uint64_t>(row);
}

void fill_sequence(Task task, Purpose purpose, std::uint64_t seed, Index step, Index row,
                   View<std::int32_t, 1> tokens, View<std::int32_t, 1> targets) {
  check_shape(targets, tokens.shape(), "targets");
  LIOR_CHECK(tokens.size() >= shortest_length(task),
             "a sequence of {} has at least {} tokens; length is {}", name(task),
             shortest_length(task), tokens.size());
  Random random(seed, random_stream(purpose, step, row));
  switch (task) {
    case Task::copy: return fill_copy(random, tokens, targets);
    case Task::induction: return fill_induction(random, tokens, targets);
    default: return fill_word_problem(task, random, tokens, targets);
  }
}

void fill_batch(Task task, Purpose purpose, std::uint64_t seed, Index step,
                View<std::int32_t, 2> tokens, View<std::int32_t, 2> targets) {
  check_shape(targets, tokens.shape(), "targets");
  parallel_for(tokens.extent(0), 16, [&](Index begin, Index end, int) {
    for (Index row = begin; row < end; ++row) {
      fill_sequence(task, purpose, seed, step, row, tokens[row], targets[row]);
    }
  });
}

}  // namespace lior::train
