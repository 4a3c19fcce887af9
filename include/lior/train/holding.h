// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Which machines turns can hold, and what a run says of its machine before it trains. The proofs
/// are in docs/math/machines.md.

#include <optional>
#include <string>
#include <vector>

#include "lior/nn/config.h"
#include "lior/train/task.h"

namespace lior::train {

/// Two states that turns cannot keep apart, though what follows can tell them.
struct Forgetting {
  std::int32_t first, second;
  std::int32_t letter;  ///< that leads both to one state
};

/// The demands of a machine on states that are turned and never forget.
enum class Holding {
  by_turns,       ///< every letter permutes what the outputs tell apart
  by_window,      ///< a letter does not, and nothing speaks against turns by the last few letters
  not_by_turns,   ///< no turns hold it, whatever window of letters chooses them
  not_looked_at,  ///< it is too large to be looked at
};

struct Verdict {
  Holding holding = Holding::by_turns;
  std::optional<Forgetting> forgetting{};  ///< for by_window and not_by_turns
};

/// Looks at the pairs of a machine's states. Cost: where every letter permutes the states, one look
/// at the table; else about (states^2 letters) for each pair, so that a machine of more than
/// kMostPairSteps is not looked at.
Verdict what_holds(const Automaton& machine);
inline constexpr double kMostPairSteps = 1e8;

/// The group that the letters of a machine generate where each permutes its states; empty where one
/// does not, or the group has more than 4,096 elements.
std::optional<Group> group_of_letters(const Automaton& machine);

/// The words of a run on a machine before it trains: the machine, in one line, and what of `model`
/// cannot hold it, each with what would be right.
std::vector<std::string> advice_on_machine(const Task& task, const nn::ModelConfig& model);

}  // namespace lior::train
