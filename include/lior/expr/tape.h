// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Formulas at many points: a graph's nodes as a list of vector operations.

#include <span>
#include <vector>

#include "lior/core/buffer.h"
#include "lior/expr/graph.h"

namespace lior::expr {

/// One operation on blocks of lanes. Operands and results are slots of the workspace; constants are
/// -1 - their place. A store has its slot in a, and its output in `out`.
struct Instruction {
  Op op;
  std::int32_t out, a, b, c;
};

/// The operations that lead to some nodes of a graph, each once; products that are added to
/// something are fused with it, and a slot is used again once nothing reads it any more.
///
/// Accuracy: sums, products, quotients and roots round once (a fused product not at all), other
/// functions as lior/simd/math.h says or as the C library does. Every level; float constants are
/// the double ones, rounded once.
class Tape {
 public:
  Tape() = default;
  /// `inputs`: how many inputs the graph may read.
  Tape(const Graph& graph, std::span<const Id> outputs, Index inputs);

  Index inputs() const { return inputs_; }
  Index outputs() const { return outputs_; }
  std::span<const Instruction> instructions() const { return code_; }

  /// y_k[n] = output k at the point whose input m is x[m][n], n < count: x holds inputs() pointers,
  /// and output k lies at y + k * stride. Results do not depend on what else is in the batch.
  /// Threads may share a tape; each has one workspace, as large as its largest tape needs, which is
  /// allocated at its first call.
  template <class T>
  void run(const T* const* x, T* y, Index stride, Index count) const;

 private:
  template <class T>
  const T* constants() const;

  std::vector<Instruction> code_;
  Array<double, 2> constants_;  // each repeated for a block of lanes
  Array<float, 2> constants_single_;
  Index inputs_ = 0, outputs_ = 0, slots_ = 0, block_ = 0;
};

}  // namespace lior::expr
