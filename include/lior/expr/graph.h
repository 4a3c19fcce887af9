// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Expressions as graphs: each distinct operation stands there once, constants are folded, and
/// derivatives are again nodes of the same graph.

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "lior/core/view.h"

namespace lior::expr {

/// Comparisons give 1 or 0, and 0 where an argument is NaN; `where` is b if a != 0, else c.
enum class Op : std::uint8_t {
  constant,
  input,
  negate,
  abs,
  sqrt,
  exp,
  log,
  sin,
  cos,
  tan,
  asin,
  acos,
  atan,
  sinh,
  cosh,
  tanh,
  erf,
  add,
  subtract,
  multiply,
  divide,
  power,
  atan2,
  minimum,
  maximum,
  less,
  less_equal,
  equal,
  where,
  // Of tapes only:
  multiply_add,       ///< a b + c
  multiply_subtract,  ///< a b - c
  subtract_product,   ///< c - a b
  store,              ///< a is an output
};

/// A node's place in its graph.
using Id = std::int32_t;

/// An operation on the nodes a, b, c, which stand before it.
struct Node {
  Op op = Op::constant;
  Id a = -1, b = -1, c = -1;  ///< -1: none. An input has its number in a
  double value = 0;           ///< of a constant
};

/// More would be a mistake, and some would take gigabytes once they are differentiated.
inline constexpr Index kMostNodes = 400'000;

/// Nodes are only added; an Id stays valid. Every function that adds nodes throws lior::Error
/// beyond kMostNodes.
class Graph {
 public:
  Id constant(double value);
  /// The independent variable of that number, from 0 on.
  Id input(Index number);

  /// The operation on these nodes, in the simplest form that the rules below lead to: constants
  /// are folded, x + 0, 1 x, 0 x, x - x, x / x, --x and their like are gone, x^n is made of
  /// products, n/2 of a root. 0 x is 0 also where x is infinite.
  Id make(Op op, Id a, Id b = -1, Id c = -1);

  Id add(Id a, Id b) { return make(Op::add, a, b); }
  Id subtract(Id a, Id b) { return make(Op::subtract, a, b); }
  Id multiply(Id a, Id b) { return make(Op::multiply, a, b); }
  Id divide(Id a, Id b) { return make(Op::divide, a, b); }
  Id negate(Id a) { return make(Op::negate, a); }

  /// d y / d input. That of |x| at 0 is 1, of min and max where they are equal that of the first
  /// argument; comparisons have none.
  Id derivative(Id y, Index input);

  /// y with nodes in place of inputs 0, 1, .., each of which has one.
  Id replace_inputs(Id y, std::span<const Id> nodes);

  /// Whether y's formula contains the input.
  bool contains(Id y, Index input) const;

  const Node& operator[](Id id) const { return nodes_[static_cast<std::size_t>(id)]; }
  Index size() const { return static_cast<Index>(nodes_.size()); }
  /// The value of a node that is a constant.
  std::optional<double> value(Id id) const;

 private:
  struct Key {
    Op op;
    Id a, b, c;
    std::uint64_t bits;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    std::size_t operator()(const Key& key) const;
  };

  Id intern(const Node& node);
  bool is(Id id, double value) const;
  bool is(Id id, Op op) const { return (*this)[id].op == op; }
  std::optional<double> fold(Op op, Id a, Id b, Id c) const;
  Id make_sum(Id a, Id b);
  Id make_difference(Id a, Id b);
  Id make_product(Id a, Id b);
  Id make_quotient(Id a, Id b);
  Id make_power(Id a, Id b);
  Id whole_power(Id a, Index exponent);
  Id make_unary(Op op, Id a);
  Id make_where(Id condition, Id a, Id b);
  /// The nodes below y, and y itself, in their order, but for those that `skip` says.
  template <class Skip>
  std::vector<Id> below(Id y, const Skip& skip) const;
  Id node_derivative(Id y, const std::vector<Id>& slopes);

  std::vector<Node> nodes_;
  std::unordered_map<Key, Id, Hash> places_;
  std::vector<std::vector<Id>> slopes_;  // [input][node], -1 where it is not known
};

}  // namespace lior::expr
