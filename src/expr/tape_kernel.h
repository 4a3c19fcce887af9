// SPDX-License-Identifier: Apache-2.0
#pragma once
// Arguments of the tape's kernel.

#include "lior/expr/tape.h"

namespace lior::expr {

/// Numbers a constant is repeated: the longest block of lanes.
inline constexpr Index kLongestBlock = 64;

template <class T>
struct TapeRun {
  std::span<const Instruction> code;
  const T* constants;  // kLongestBlock numbers each
  Index inputs, block;
  T* slots;  // `block` numbers each, aligned; inputs come first
};

}  // namespace lior::expr
