// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The convention of every backward function.
///
/// Gradients of inputs are written, or added where the caller asks (residual paths); gradients of
/// parameters are always added. Functions that take a workspace give back all they take; while it
/// is planning (core/arena.h) they take it and touch nothing else.

namespace lior::nn {

enum class Store {
  write,
  add,
};

}  // namespace lior::nn
