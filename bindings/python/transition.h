#pragma once
// The names of transitions, as the configuration has them.

#include "arrays.h"
#include "lior/algebra/ci8.h"

namespace lior::python {

inline algebra::Transition transition_of(const std::string& text) {
  using algebra::Transition;
  return choose<Transition>("transition", text,
                            {{name(Transition::right), Transition::right},
                             {name(Transition::left), Transition::left},
                             {name(Transition::two_sided), Transition::two_sided}});
}

}  // namespace lior::python
