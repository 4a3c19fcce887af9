// SPDX-License-Identifier: Apache-2.0
#include "lior/expr/fault.h"

#include <numeric>

#include "lior/expr/evaluate.h"
#include "lior/expr/parse.h"

namespace lior::expr {

std::optional<Fault> find_fault(const Graph& graph, Id y, std::span<const double> inputs) {
  std::vector<Id> all(static_cast<std::size_t>(graph.size()));
  std::iota(all.begin(), all.end(), Id{0});
  const std::vector<double> values = reference::evaluate<double>(graph, all, inputs);
  const auto is_faulty = [&](Id id) { return id >= 0 && !std::isfinite(values[id]); };
  // The first argument that is no finite number, of a `where` the chosen one; -1 without any.
  const auto faulty_argument = [&](const Node& node) {
    if (node.op == Op::constant || node.op == Op::input) return Id{-1};
    if (node.op == Op::where) {
      const Id chosen = values[node.a] == 0 ? node.c : node.b;
      return is_faulty(chosen) ? chosen : Id{-1};
    }
    for (const Id id : {node.a, node.b, node.c}) {
      if (is_faulty(id)) return id;
    }
    return Id{-1};
  };
  if (!is_faulty(y)) return {};
  Id at = y;
  for (Id next = faulty_argument(graph[y]); next >= 0; next = faulty_argument(graph[next])) {
    at = next;
  }
  const Node& node = graph[at];
  std::vector<double> arguments;
  if (node.op == Op::constant || node.op == Op::input) {
    arguments.push_back(values[at]);
  } else {
    for (const Id id : {node.a, node.b, node.c}) {
      if (id >= 0) arguments.push_back(values[id]);
    }
  }
  return Fault{at, shown_operation(node.op, arguments)};
}

std::vector<bool> nodes_above(const Graph& graph, Id at) {
  std::vector<bool> above(static_cast<std::size_t>(graph.size()));
  above[at] = true;
  for (Id id = at + 1; id < graph.size(); ++id) {
    const Node& node = graph[id];
    if (node.op == Op::constant || node.op == Op::input) continue;
    for (const Id argument : {node.a, node.b, node.c}) {
      if (argument >= 0 && above[argument]) above[id] = true;
    }
  }
  return above;
}

}  // namespace lior::expr
