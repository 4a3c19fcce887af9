// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A finite automaton as a table in a text file.
///
///   # a turnstile
///   state    output   coin      push
///   locked   closed   unlocked  locked
///   unlocked open     unlocked  locked
///
/// Cells are words between blanks or tabs. The first line names the letters, behind the words state
/// and output; each line after it is a state: its name, its output, and where every letter leads.
/// The first state is the start. Outputs are numbered as they first come. A next state of - says
/// that the letter never comes there, and an output of - that the state shows none. Empty lines,
/// and what follows #, are left out, as is a byte order mark.

#include <string>
#include <vector>

#include "lior/train/automaton.h"

namespace lior::train {

struct NamedAutomaton {
  Automaton automaton;
  std::vector<std::string> states, letters, outputs;  ///< their names
};

/// Reads such a file of at most kLargestTable bytes. Throws lior::Error that names line and cell
/// where it is none; where two states or letters have one name, a state has no letter to go on
/// with, or fewer than two outputs are shown.
NamedAutomaton read_automaton(const std::string& path);

/// The same from text; `name` stands for it in messages.
NamedAutomaton parse_automaton(std::string_view text, const std::string& name);

inline constexpr Index kLargestTable = Index{1} << 24;

}  // namespace lior::train
