// SPDX-License-Identifier: Apache-2.0
#pragma once
// The words of transitions, as the configuration has them.

#include "arrays.h"
#include "lior/algebra/ci8.h"

namespace lior::python {

inline algebra::Transition transition_of(const std::string& text) {
  return parse_name<algebra::Transition>(text, "transition");
}

}  // namespace lior::python
