#pragma once
// Memory for one call of a function that works in an arena.

#include "lior/core/arena.h"

namespace lior::python {

/// Runs `function(arena)` once to count what it takes, and once in an arena of that size.
template <class Function>
void with_arena(Function&& function) {
  Arena planner = Arena::planner();
  function(planner);
  Arena arena(planner.peak());
  function(arena);
}

}  // namespace lior::python
