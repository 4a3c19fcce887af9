// SPDX-License-Identifier: Apache-2.0
#pragma once
// Memory for one call of a function that works in an arena, or takes what it saved as writable.

#include "lior/core/arena.h"
#include "lior/core/view.h"

namespace lior::python {

/// Runs `function(arena)` once to count what it takes, and once in an arena of that size.
template <class Function>
void with_arena(Function&& function) {
  Arena planner = Arena::planner();
  function(planner);
  Arena arena(planner.peak());
  function(arena);
}

/// A view for a function that takes it as writable and only reads it.
template <class T, std::size_t Rank>
View<T, Rank> as_writable(View<const T, Rank> view) {
  return {const_cast<T*>(view.data()), view.shape()};
}

}  // namespace lior::python
