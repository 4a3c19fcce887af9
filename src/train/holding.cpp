// SPDX-License-Identifier: Apache-2.0
#include "lior/train/holding.h"

#include <algorithm>

#include "lior/core/error.h"

namespace lior::train {
namespace {

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

/// Pairs of states that a word leads to, from its start on.
class Pairs {
 public:
  explicit Pairs(const Automaton& machine) : machine_(machine), n_(machine.states) {
    find_reachable();
    find_told();
  }

  Verdict verdict() const {
    Verdict verdict;
    for (std::int32_t p = 0; p < n_; ++p) {
      for (std::int32_t q = 0; q < n_; ++q) {
        if (!told(p, q)) continue;
        if (const auto letter = merging_letter(p, q);
            letter && verdict.holding == Holding::by_turns) {
          verdict = {Holding::by_window, Forgetting{p, q, *letter}};
        }
        if (const auto letter = swallowed(p, q)) {
          return {Holding::not_by_turns, Forgetting{p, q, *letter}};
        }
      }
    }
    return verdict;
  }

 private:
  bool told(std::int32_t p, std::int32_t q) const { return told_[at(p * n_ + q)]; }
  /// Whether the letter leads on from both.
  bool both(std::int32_t p, std::int32_t q, std::int32_t letter) const {
    return machine_.after(p, letter) != Automaton::kNoState &&
           machine_.after(q, letter) != Automaton::kNoState;
  }

  void find_reachable() {
    reachable_.resize(at(n_));
    std::vector<std::int32_t> found = {machine_.start};
    reachable_[at(machine_.start)] = true;
    for (std::size_t i = 0; i < found.size(); ++i) {
      for (std::int32_t letter = 0; letter < machine_.letters; ++letter) {
        const std::int32_t next = machine_.after(found[i], letter);
        if (next == Automaton::kNoState || reachable_[at(next)]) continue;
        reachable_[at(next)] = true;
        found.push_back(next);
      }
    }
  }

  /// Pairs that some word of at least one letter, which leads on from both, tells apart by the
  /// output it ends with.
  void find_told() {
    told_.resize(at(n_ * n_));
    const auto differ = [&](std::int32_t p, std::int32_t q) {
      const std::int32_t a = machine_.output[at(p)], b = machine_.output[at(q)];
      return a != b && a != Automaton::kNoOutput && b != Automaton::kNoOutput;
    };
    for (bool more = true; more;) {
      more = false;
      for (std::int32_t p = 0; p < n_; ++p) {
        for (std::int32_t q = 0; q < n_; ++q) {
          if (p == q || told(p, q) || !reachable_[at(p)] || !reachable_[at(q)]) continue;
          for (std::int32_t a = 0; a < machine_.letters; ++a) {
            if (!both(p, q, a)) continue;
            const std::int32_t p_next = machine_.after(p, a), q_next = machine_.after(q, a);
            if (!differ(p_next, q_next) && !told(p_next, q_next)) continue;
            told_[at(p * n_ + q)] = more = true;
            break;
          }
        }
      }
    }
  }

  /// A letter that makes one of two states that can be told, and from whose state a word leads back
  /// to p: around that loop turns return as near to where they were as one likes, and so stay
  /// apart.
  std::optional<std::int32_t> merging_letter(std::int32_t p, std::int32_t q) const {
    for (std::int32_t a = 0; a < machine_.letters; ++a) {
      if (!both(p, q, a)) continue;
      const std::int32_t r = machine_.after(p, a), s = machine_.after(q, a);
      if (!told(r, s) && (is_complete() || leads(r, p))) return a;
    }
    return {};
  }

  bool is_complete() const {
    return std::count(machine_.next.begin(), machine_.next.end(), Automaton::kNoState) == 0;
  }

  bool leads(std::int32_t from, std::int32_t to) const {
    std::vector<bool> seen(at(n_));
    std::vector<std::int32_t> found = {from};
    seen[at(from)] = true;
    for (std::size_t i = 0; i < found.size(); ++i) {
      if (found[i] == to) return true;
      for (std::int32_t letter = 0; letter < machine_.letters; ++letter) {
        const std::int32_t next = machine_.after(found[i], letter);
        if (next == Automaton::kNoState || seen[at(next)]) continue;
        seen[at(next)] = true;
        found.push_back(next);
      }
    }
    return false;
  }

  /// Where one word leads p to p and q to q, and another p to q and q to q: a letter of the second
  /// at which the two become one.
  std::optional<std::int32_t> swallowed(std::int32_t p, std::int32_t q) const {
    std::vector<bool> seen(at(n_ * n_));
    std::vector<std::pair<std::int32_t, std::int32_t>> found = {{p, q}};
    bool stays = false;
    std::optional<std::int32_t> merges;
    for (std::size_t i = 0; i < found.size() && !(stays && merges); ++i) {
      for (std::int32_t letter = 0; letter < machine_.letters; ++letter) {
        if (!both(found[i].first, found[i].second, letter)) continue;
        const std::pair next(machine_.after(found[i].first, letter),
                             machine_.after(found[i].second, letter));
        stays |= next == std::pair(p, q);
        if (next.first == next.second) {
          if (!merges && leads(next.first, q)) merges = letter;
          continue;
        }
        const std::size_t place = at(next.first * n_ + next.second);
        if (seen[place]) continue;
        seen[place] = true;
        found.push_back(next);
      }
    }
    return stays ? merges : std::nullopt;
  }

  const Automaton& machine_;
  Index n_;
  std::vector<bool> reachable_, told_;  // [states], [states, states]
};

std::string number(Index n, std::string_view what) {
  return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s");
}

/// The group whose word problem it is, if it is one's.
std::optional<NamedGroup> group_of(const WordProblem& problem) {
  if (problem.group) return problem.group;
  std::optional<Group> group = group_of_letters(problem.machine);
  if (!group) return {};
  const GroupTurns turns = turns_of_permutations(*group);
  return NamedGroup{std::move(*group), turns};
}

std::string facts(const Automaton& machine, const std::optional<NamedGroup>& named) {
  std::string text = fmt::format("the machine has {} and {}", number(machine.states, "state"),
                                 number(machine.letters, "token"));
  if (!named) return text;
  const Group& group = named->group;
  text += fmt::format(", which permute the states: a group of {} elements", group.order());
  if (is_abelian(group)) return text + ", in which order does not matter";
  return text + (is_solvable(group) ? ", which is solvable"
                                    : ", which is not solvable: no diagonal recurrence holds it, "
                                      "however many layers it has");
}

/// The sentence on turns that cannot hold the group; empty where they can, or nothing is known.
std::string advice_on_turns(const GroupTurns& turns, const nn::MixerConfig& mixer) {
  const bool one_sided = mixer.transition != algebra::Transition::two_sided;
  if (one_sided && turns.one_sided) return {};
  if (!one_sided && turns.reflections > 0 && mixer.factors >= turns.reflections) return {};
  const std::string why =
      one_sided ? fmt::format(
                      "turns from one side (model.transition = {}) hold cyclic and dihedral "
                      "groups, A4, S4, A5 and their products, and this group is not known as one",
                      name(mixer.transition))
                : fmt::format("model.factors = {} reflections a turn are too few for this group",
                              mixer.factors);
  if (turns.reflections == 0) {
    return why +
           "; no turns of eight dimensions are known to hold it, so that the model may track "
           "parts of it only";
  }
  return why + fmt::format("; model.transition = two_sided with model.factors = {} does",
                           turns.reflections);
}

}  // namespace

Verdict what_holds(const Automaton& machine) {
  if (!find_merge(machine)) return {};
  const auto pairs = static_cast<double>(machine.states * machine.states);
  if (pairs * pairs * static_cast<double>(machine.letters) > kMostPairSteps) {
    return {Holding::not_looked_at, {}};
  }
  return Pairs(machine).verdict();
}

std::optional<Group> group_of_letters(const Automaton& machine) {
  constexpr Index kMostElements = 4096;  // more take seconds, and only words are said of them
  if (find_merge(machine)) return {};
  std::vector<Permutation> generators;
  for (std::int32_t letter = 0; letter < machine.letters; ++letter) {
    Permutation p;
    for (std::int32_t state = 0; state < machine.states; ++state) {
      p.push_back(machine.after(state, letter));
    }
    if (std::count(p.begin(), p.end(), Automaton::kNoState) > 0) return {};
    generators.push_back(std::move(p));
  }
  try {
    return Group(std::move(generators), kMostElements);
  } catch (const Error&) {
    return {};
  }
}

std::vector<std::string> advice_on_machine(const Task& task, const nn::ModelConfig& model) {
  if (task.problem == nullptr) return {};
  const WordProblem& problem = *task.problem;
  const std::optional<NamedGroup> group = group_of(problem);
  std::vector<std::string> advice = {facts(problem.machine, group)};
  const bool turns_alone = !model.mixer.gates &&
                           std::all_of(model.mixers.begin(), model.mixers.end(),
                                       [](nn::Mixer m) { return m == nn::Mixer::geometric_mamba; });
  if (!turns_alone) return advice;

  const Verdict verdict = what_holds(problem.machine);
  if (const auto& lost = verdict.forgetting) {
    const std::string why =
        fmt::format("{} makes one of states {} and {}, and turns do not forget",
                    problem.letter_name(lost->letter), lost->first, lost->second);
    if (verdict.holding == Holding::not_by_turns) {
      advice.push_back(why +
                       "; this model cannot hold the machine at all lengths, with whatever "
                       "convolution; states with model.gates can (preset forgetting)");
    } else if (model.convolution == 0) {
      advice.push_back(why +
                       "; turns by the last two tokens, model.convolution = 2 (preset "
                       "tracking-pairs), or more may hold the machine");
    }
  } else if (verdict.holding == Holding::not_looked_at) {
    advice.push_back(
        "some tokens make one of two states, which turns alone may not be able to do; "
        "the machine is too large to be looked at");
  }
  if (model.layers > 1) return advice;
  if (group) {
    const std::string turns = advice_on_turns(group->turns, model.mixer);
    if (!turns.empty()) advice.push_back(turns);
  }
  if (problem.machine.letters > model.d_model + 1) {
    advice.push_back(fmt::format(
        "model.d_model = {} gives at most {} of its {} tokens turns of "
        "their own; model.d_model = {} gives all",
        model.d_model, model.d_model + 1, problem.machine.letters, problem.machine.letters - 1));
  }
  return advice;
}

}  // namespace lior::train
