// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Machines of the formal-language tasks of lior/train/task.h, by formulas.

#include "lior/train/automaton.h"

namespace lior::train {

/// States: nothing read; then 1 + 2 first + last.
Automaton even_pairs();

/// States and outputs are places of a cycle; letter a moves by a - 1.
Automaton cycle_navigation(Index places);

/// Letters 0 .. modulus - 1, then +, -, *. States after a digit: the sum of the terms before the
/// last one, and that term. States after an operator: what the next digit is multiplied by, and
/// what is then added to it. Only digits follow an operator, only operators a digit.
Automaton modular_arithmetic(Index modulus);

}  // namespace lior::train
