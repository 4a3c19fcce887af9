// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A graph's nodes at one point in any arithmetic: the plain text of what tapes do, and the way to
/// dual numbers or long double.

#include <cmath>
#include <span>
#include <vector>

#include "lior/expr/graph.h"

namespace lior::expr::reference {

/// One operation in the arithmetic of S, which has + - * / < <= == and the functions of <cmath>.
template <class S>
S apply(Op op, const S& a, const S& b, const S& c) {
  using std::abs, std::acos, std::asin, std::atan, std::atan2, std::cos, std::cosh, std::erf;
  using std::exp, std::log, std::pow, std::sin, std::sinh, std::sqrt, std::tan, std::tanh;
  switch (op) {
    case Op::negate: return -a;
    case Op::abs: return abs(a);
    case Op::sqrt: return sqrt(a);
    case Op::exp: return exp(a);
    case Op::log: return log(a);
    case Op::sin: return sin(a);
    case Op::cos: return cos(a);
    case Op::tan: return tan(a);
    case Op::asin: return asin(a);
    case Op::acos: return acos(a);
    case Op::atan: return atan(a);
    case Op::sinh: return sinh(a);
    case Op::cosh: return cosh(a);
    case Op::tanh: return tanh(a);
    case Op::erf: return erf(a);
    case Op::add: return a + b;
    case Op::subtract: return a - b;
    case Op::multiply: return a * b;
    case Op::divide: return a / b;
    case Op::power: return pow(a, b);
    case Op::atan2: return atan2(a, b);
    case Op::minimum: return b < a ? b : a;
    case Op::maximum: return a < b ? b : a;
    case Op::less: return a < b ? S(1) : S(0);
    case Op::less_equal: return a <= b ? S(1) : S(0);
    case Op::equal: return a == b ? S(1) : S(0);
    case Op::where: return a == S(0) ? c : b;
    default: break;  // inputs, constants and the operations of tapes are no functions
  }
  return S(std::numeric_limits<double>::quiet_NaN());
}

/// The values of the nodes `outputs` at `inputs`: every node of the graph once, in its order.
template <class S>
std::vector<S> evaluate(const Graph& graph, std::span<const Id> outputs,
                        std::span<const S> inputs) {
  std::vector<S> values(static_cast<std::size_t>(graph.size()));
  const auto at = [&](Id id) { return id < 0 ? S(0) : values[id]; };
  for (Id id = 0; id < graph.size(); ++id) {
    const Node& node = graph[id];
    if (node.op == Op::constant) {
      values[id] = S(node.value);
    } else if (node.op == Op::input) {
      values[id] = inputs[node.a];
    } else {
      values[id] = apply(node.op, at(node.a), at(node.b), at(node.c));
    }
  }
  std::vector<S> out;
  for (const Id id : outputs) out.push_back(values[id]);
  return out;
}

}  // namespace lior::expr::reference
