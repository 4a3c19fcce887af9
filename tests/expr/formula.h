// SPDX-License-Identifier: Apache-2.0
#pragma once
// Formulas of x, y and a = 2.5 in a graph of their own.

#include "lior/expr/evaluate.h"
#include "lior/expr/parse.h"

namespace lior::expr {

struct Formula {
  Graph graph;
  Id id;

  explicit Formula(std::string_view text) : id(parse(graph, text, scope(graph), "formula")) {}

  static Scope scope(Graph& graph) {
    return {.find = [&graph](std::string_view name) -> std::optional<Id> {
              if (name == "x") return graph.input(0);
              if (name == "y") return graph.input(1);
              if (name == "a") return graph.constant(2.5);
              return {};
            },
            .names = {"x", "y", "a"}};
  }

  double operator()(double x, double y = 0) const { return at(id, x, y); }
  long double operator()(long double x, long double y) const { return at(id, x, y); }
  template <class S>
  S at(Id node, S x, S y) const {
    const S inputs[] = {x, y};
    return reference::evaluate<S>(graph, {&node, 1}, inputs).front();
  }
};

}  // namespace lior::expr
