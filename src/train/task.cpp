// SPDX-License-Identifier: Apache-2.0
#include "lior/train/task.h"

#include <algorithm>
#include <filesystem>
#include <numeric>

#include "lior/core/parallel.h"
#include "lior/core/text.h"
#include "lior/train/automaton_file.h"
#include "lior/train/holding.h"
#include "train/formal_languages.h"

namespace lior::train {
namespace {

constexpr std::int32_t kCopySymbols = 16;
constexpr std::int32_t kSeparator = kCopySymbols;
constexpr std::int32_t kInductionSymbols = 64;

std::int32_t draw(Random& random, Index bound) {
  return static_cast<std::int32_t>(random.below(bound));
}

/// One of the letters that may come where the sequence stands.
std::int32_t draw_letter(const Task& task, SequenceState& state) {
  const WordProblem& problem = *task.problem;
  const auto one_of = [&](const Word& letters) {
    return letters[static_cast<std::size_t>(draw(state.random, std::ssize(letters)))];
  };
  const auto& after =
      state.purpose == Purpose::training ? problem.after_in_training : problem.after_in_evaluation;
  if (state.alphabet == Alphabet::generators) return one_of(problem.generators);
  if (!problem.allowed.empty())
    return one_of(problem.allowed[static_cast<std::size_t>(state.value)]);
  if (!after.empty() && state.letter >= 0) {
    return one_of(after[static_cast<std::size_t>(state.letter)]);
  }
  return draw(state.random, task.vocabulary);
}

void write_word_problem(const Task& task, SequenceState& state, View<std::int32_t, 1> tokens,
                        View<std::int32_t, 1> targets) {
  const Automaton& machine = task.problem->machine;
  if (state.at == 0) state.value = machine.start;
  for (Index i = 0; i < tokens.size(); ++i) {
    tokens[i] = state.letter = draw_letter(task, state);
    state.value = machine.after(state.value, tokens[i]);
    targets[i] = machine.output[static_cast<std::size_t>(state.value)];
  }
}

void write_copy(const Task&, SequenceState& state, View<std::int32_t, 1> tokens,
                View<std::int32_t, 1> targets) {
  const Index n = state.length / 2;
  for (Index i = 0; i < tokens.size(); ++i) {
    const Index t = state.at + i;
    tokens[i] = t < n ? draw(state.random, kCopySymbols) : t == n ? kSeparator : state.value;
    targets[i] = t < n || t == 2 * n ? kNoTarget : draw(state.again, kCopySymbols);
    state.value = targets[i];
  }
}

void write_induction(const Task&, SequenceState& state, View<std::int32_t, 1> tokens,
                     View<std::int32_t, 1> targets) {
  const Index last = state.length - 1;
  if (state.at == 0) {
    state.symbol = draw(state.random, kInductionSymbols);
    state.place = state.random.below(last - 1);
  }
  for (Index i = 0; i < tokens.size(); ++i) {
    const Index t = state.at + i;
    const std::int32_t a = state.symbol;
    const std::int32_t other = t < last ? draw(state.random, kInductionSymbols - 1) : 0;
    const bool asked = t == state.place || t == last;
    tokens[i] = asked ? a : other < a ? other : other + 1;  // elsewhere any symbol but a
    if (t == state.place + 1) state.value = tokens[i];
    targets[i] = t == last ? state.value : kNoTarget;
  }
}

/// The line of a session that comes next, and what it prints, from the end.
std::string next_repl_line(SequenceState& state) {
  constexpr std::int32_t kVariables = 5;
  std::string line;
  const auto variable = [](std::int32_t i) {
    return kReplSymbols.substr(static_cast<std::size_t>(i), 1);
  };
  if (state.values[0] == 0) {
    std::iota(state.values.begin(), state.values.end(), 1);
    line = ">>> a,b,c,d,e=1,2,3,4,5\n";
  } else if (const std::int32_t i = draw(state.random, kVariables); draw(state.random, 2) == 0) {
    line = fmt::format(">>> {}\n{}\n", variable(i), state.values[static_cast<std::size_t>(i)]);
  } else {
    const std::int32_t other = draw(state.random, kVariables - 1);
    const std::int32_t j = other < i ? other : other + 1;
    std::swap(state.values[static_cast<std::size_t>(i)], state.values[static_cast<std::size_t>(j)]);
    line = fmt::format(">>> {0},{1}={1},{0}\n", variable(i), variable(j));
  }
  std::reverse(line.begin(), line.end());
  return line;
}

void write_repl(const Task&, SequenceState& state, View<std::int32_t, 1> tokens,
                View<std::int32_t, 1> targets) {
  const auto number = [](char symbol) {
    return static_cast<std::int32_t>(kReplSymbols.find(symbol));
  };
  for (Index i = 0; i < tokens.size(); ++i) {
    if (state.line.empty()) state.line = next_repl_line(state);
    const char symbol = state.line.back();
    state.line.pop_back();
    tokens[i] = number(symbol);
    const bool value_follows = symbol == '\n' && !state.line.empty();
    targets[i] = value_follows ? state.line.back() - '1' : kNoTarget;
  }
}

/// The preset that learns a machine.
std::string learnt_by(const WordProblem& problem) {
  switch (what_holds(problem.machine).holding) {
    case Holding::by_window: return "tracking-pairs";
    case Holding::not_by_turns:
    case Holding::not_looked_at: return "forgetting";
    case Holding::by_turns: break;
  }
  if (problem.group) return problem.group->turns.one_sided ? "tracking" : "reflections";
  const std::optional<Group> group = group_of_letters(problem.machine);
  return group && is_abelian(*group) ? "tracking" : "reflections";
}

/// Labels that are a machine's outputs. Letters that lead nowhere from a state never come there.
Task word_problem(std::string name, WordProblem problem) {
  const Automaton& machine = problem.machine;
  Index classes = 0;
  for (const std::int32_t output : machine.output) classes = std::max<Index>(classes, output + 1);
  if (std::count(machine.next.begin(), machine.next.end(), Automaton::kNoState) > 0) {
    for (std::int32_t state = 0; state < machine.states; ++state) {
      Word& letters = problem.allowed.emplace_back();
      for (std::int32_t letter = 0; letter < machine.letters; ++letter) {
        if (machine.after(state, letter) != Automaton::kNoState) letters.push_back(letter);
      }
    }
  }
  std::string preset = learnt_by(problem);
  return {.name = std::move(name),
          .vocabulary = machine.letters,
          .classes = classes,
          .shortest_length = 1,
          .write = write_word_problem,
          .preset = std::move(preset),
          .problem = std::make_shared<const WordProblem>(std::move(problem))};
}

/// The products of letters that are elements of a group.
Automaton products(const Group& group, std::span<const std::int32_t> letters) {
  constexpr Index kLargestTable = Index{1} << 22;
  LIOR_CHECK(group.order() * std::ssize(letters) <= kLargestTable,
             "a group of {} elements over {} letters has {} products; at most {} fit, and "
             "generators:EXPR has few letters",
             group.order(), letters.size(), group.order() * std::ssize(letters), kLargestTable);
  Automaton machine{
      .states = group.order(), .letters = std::ssize(letters), .next = {}, .output = {}};
  for (std::int32_t g = 0; g < group.order(); ++g) {
    machine.output.push_back(g);
    for (const std::int32_t letter : letters) machine.next.push_back(group.product(g, letter));
  }
  return machine;
}

/// The products of all elements of a group, whose number as a letter is that as a state.
WordProblem all_products(const std::string& expression) {
  NamedGroup named = parse_group(expression);
  Word letters(static_cast<std::size_t>(named.group.order()));
  std::iota(letters.begin(), letters.end(), 0);
  Automaton machine = products(named.group, letters);
  const auto generators = named.group.generators();
  return {.machine = std::move(machine),
          .generators = {generators.begin(), generators.end()},
          .group = std::move(named)};
}

Task make_group(const std::string& expression) {
  return word_problem("group:" + expression, all_products(expression));
}

Task make_generators(const std::string& expression) {
  NamedGroup named = parse_group(expression);
  Automaton machine = products(named.group, named.group.generators().subspan(1));
  return word_problem("generators:" + expression,
                      {.machine = std::move(machine), .group = std::move(named)});
}

/// Of every letter one half of the letters, in an order that is drawn once, follows it in training.
Task make_pairs(const std::string& expression) {
  constexpr std::uint64_t kSeed = 0x7061697273;  // any: the same in every run
  WordProblem problem = all_products(expression);
  problem.generators.clear();  // their words would have all pairs
  const Index letters = problem.machine.letters;
  for (Index letter = 0; letter < letters; ++letter) {
    Word order(static_cast<std::size_t>(letters));
    std::iota(order.begin(), order.end(), 0);
    Random random(kSeed, static_cast<std::uint64_t>(letter));
    for (Index i = letters; i > 1; --i) {
      std::swap(order[static_cast<std::size_t>(i - 1)],
                order[static_cast<std::size_t>(random.below(i))]);
    }
    const auto half = order.begin() + letters / 2;
    problem.after_in_training.emplace_back(order.begin(), half);
    problem.after_in_evaluation.emplace_back(half, order.end());
  }
  return word_problem("pairs:" + expression, std::move(problem));
}

/// Of what a run must find again when it goes on.
std::uint64_t fingerprint(const Automaton& machine) {
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  const auto take = [&](std::int64_t number) {
    hash = (hash ^ static_cast<std::uint64_t>(number)) * 0x100000001b3;
  };
  take(machine.letters);
  for (const std::int32_t next : machine.next) take(next);
  for (const std::int32_t output : machine.output) take(output);
  return hash;
}

Task make_automaton(const std::string& path) {
  NamedAutomaton named = read_automaton(path);
  const std::uint64_t hash = fingerprint(named.automaton);
  return word_problem("automaton:" + std::filesystem::absolute(path).lexically_normal().string(),
                      {.machine = std::move(named.automaton),
                       .letters = std::move(named.letters),
                       .fingerprint = hash});
}

std::vector<Task> make_tasks() {
  constexpr auto symbols = static_cast<Index>(kReplSymbols.size());
  return {
      word_problem("a5", all_products("A5")),
      word_problem("s5", all_products("S5")),
      word_problem("z60", all_products("Z60")),
      word_problem("parity", all_products("Z2")),
      word_problem("even_pairs", {.machine = even_pairs()}),
      word_problem("cycle_navigation", {.machine = cycle_navigation(5)}),
      word_problem("modular_arithmetic", {.machine = modular_arithmetic(5),
                                          .letters = {"0", "1", "2", "3", "4", "+", "-", "*"}}),
      {"copy", kCopySymbols + 1, kCopySymbols, 2, write_copy, "copy"},
      {"induction", kInductionSymbols, kInductionSymbols, 3, write_induction, "induction"},
      {"repl", symbols, 5, 32, write_repl, "forgetting"},
  };
}

constexpr TaskKind kTaskKinds[] = {
    {"group", "EXPR", "the products of the elements of a group: group:S3xS3", make_group},
    {"generators", "EXPR", "the same over its generators alone: generators:S7", make_generators},
    {"pairs", "EXPR", "half of all pairs of neighbours are never trained on: pairs:S3xS3",
     make_pairs},
    {"automaton", "FILE", "a machine by its table: automaton:turnstile.txt", make_automaton},
};

/// Before a task's name, where it names data.
constexpr std::string_view kBuiltin = "builtin:";

}  // namespace

std::string WordProblem::letter_name(std::int32_t letter) const {
  if (letters.empty()) return fmt::format("token {}", letter);
  return fmt::format("token {} ({})", letter, shown(letters[static_cast<std::size_t>(letter)]));
}

std::span<const Task> tasks() {
  static const std::vector<Task> all = make_tasks();
  return all;
}

std::span<const TaskKind> task_kinds() { return kTaskKinds; }

std::string task_list() {
  std::string text;
  for (const Task& task : tasks()) text += task.name + ", ";
  for (const TaskKind& kind : kTaskKinds) text += fmt::format("{}:{}, ", kind.name, kind.metavar);
  text.resize(text.size() - 2);
  return text;
}

Task find_task(std::string_view name) {
  for (const Task& task : tasks()) {
    if (task.name == name) return task;
  }
  for (const TaskKind& kind : kTaskKinds) {
    const std::string prefix = fmt::format("{}:", kind.name);
    if (name.starts_with(prefix)) return kind.make(std::string(name.substr(prefix.size())));
  }
  throw Error(fmt::format("there is no task \"{}\"; the tasks are {}", shown(name), task_list()));
}

bool names_task(std::string_view data) { return data.starts_with(kBuiltin); }

Task task_of_data(std::string_view data) {
  LIOR_CHECK(names_task(data), "\"{}\" is no task; a task is {}NAME", shown(data), kBuiltin);
  return find_task(data.substr(kBuiltin.size()));
}

std::string data_of_task(const Task& task) { return std::string(kBuiltin) + task.name; }

std::uint64_t random_stream(Purpose purpose, Index step, Index row) {
  LIOR_CHECK(step >= 0 && step < kMostSteps && row >= 0 && row < kMostRows,
             "step {} and row {} have no stream; they must be in [0, 2^38) and [0, 2^24)", step,
             row);
  const std::uint64_t kind = purpose == Purpose::training ? 1 : 2;
  return kind << 62 | static_cast<std::uint64_t>(step) << 24 | static_cast<std::uint64_t>(row);
}

Sequence::Sequence(const Task& task, Purpose purpose, std::uint64_t seed, Index step, Index row,
                   Index length, Alphabet alphabet)
    : task_(&task),
      state_{.random = Random(seed, random_stream(purpose, step, row)),
             .purpose = purpose,
             .length = length,
             .alphabet = alphabet} {
  LIOR_CHECK(alphabet == Alphabet::all || task.has_generators(),
             "the task {} has no generators to begin with (curriculum.generators); a5, s5, "
             "z60, parity and group:EXPR have",
             task.name);
  LIOR_CHECK(length >= task.shortest_length && length <= kLongestSequence,
             "a sequence of {} has {} to {} tokens; length is {}", task.name, task.shortest_length,
             kLongestSequence, length);
}

void Sequence::write(View<std::int32_t, 1> tokens, View<std::int32_t, 1> targets) {
  check_shape(targets, tokens.shape(), "targets");
  LIOR_CHECK(tokens.size() <= state_.length - state_.at,
             "{} positions are asked of a sequence that has {} left", tokens.size(),
             state_.length - state_.at);
  task_->write(*task_, state_, tokens, targets);
  state_.at += tokens.size();
}

void fill_sequence(const Task& task, Purpose purpose, std::uint64_t seed, Index step, Index row,
                   View<std::int32_t, 1> tokens, View<std::int32_t, 1> targets, Alphabet alphabet) {
  Sequence(task, purpose, seed, step, row, tokens.size(), alphabet).write(tokens, targets);
}

void fill_batch(const Task& task, Purpose purpose, std::uint64_t seed, Index step, Index first_row,
                View<std::int32_t, 2> tokens, View<std::int32_t, 2> targets, Alphabet alphabet) {
  check_shape(targets, tokens.shape(), "targets");
  parallel_for(tokens.extent(0), 16, [&](Index begin, Index end, int) {
    for (Index row = begin; row < end; ++row) {
      fill_sequence(task, purpose, seed, step, first_row + row, tokens[row], targets[row],
                    alphabet);
    }
  });
}

}  // namespace lior::train
