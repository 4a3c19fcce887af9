// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Why a formula is no finite number at some point.

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lior/expr/graph.h"

namespace lior::expr {

struct Fault {
  Id at;                  ///< an operation that makes no finite number of finite ones
  std::string operation;  ///< as formulas write it, in numbers: "1/0", "log(-2)"
};

/// The first fault on the way down from y at `inputs`, by the chosen branch of a `where`. None
/// where y is finite. Takes as long as one evaluation of the whole graph.
std::optional<Fault> find_fault(const Graph& graph, Id y, std::span<const double> inputs);

/// Which nodes are `at`, or have it among the operations that lead to them.
std::vector<bool> nodes_above(const Graph& graph, Id at);

}  // namespace lior::expr
