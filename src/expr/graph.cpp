// SPDX-License-Identifier: Apache-2.0
#include "lior/expr/graph.h"

#include <bit>
#include <cmath>
#include <numbers>

#include "lior/expr/evaluate.h"

namespace lior::expr {
namespace {

constexpr Index kMostWholePower = 64;  // beyond it x^n is a power like any other

bool commutes(Op op) {
  return op == Op::add || op == Op::multiply || op == Op::minimum || op == Op::maximum ||
         op == Op::equal;
}

}  // namespace

std::size_t Graph::Hash::operator()(const Key& key) const {
  std::uint64_t hash = key.bits + static_cast<std::uint64_t>(key.op);
  for (const Id id : {key.a, key.b, key.c}) {
    hash = (hash ^ static_cast<std::uint32_t>(id)) * 0x9e3779b97f4a7c15ULL;
    hash ^= hash >> 29;
  }
  return hash;
}

Id Graph::intern(const Node& node) {
  const Key key{node.op, node.a, node.b, node.c, std::bit_cast<std::uint64_t>(node.value)};
  const auto [place, is_new] = places_.try_emplace(key, static_cast<Id>(nodes_.size()));
  if (is_new) {
    LIOR_CHECK(size() < kMostNodes,
               "the formula and its derivatives have more than {} operations; shorten it",
               kMostNodes);
    nodes_.push_back(node);
  }
  return place->second;
}

Id Graph::constant(double value) {
  return intern({.op = Op::constant, .value = value == 0 ? 0.0 : value});  // no -0
}

Id Graph::input(Index number) { return intern({.op = Op::input, .a = static_cast<Id>(number)}); }

std::optional<double> Graph::value(Id id) const {
  if (!is(id, Op::constant)) return {};
  return (*this)[id].value;
}

bool Graph::is(Id id, double value) const {
  return is(id, Op::constant) && (*this)[id].value == value;
}

std::optional<double> Graph::fold(Op op, Id a, Id b, Id c) const {
  double values[3] = {0, 0, 0};
  int place = 0;
  for (const Id id : {a, b, c}) {
    if (id >= 0) {
      if (!is(id, Op::constant)) return {};
      values[place] = (*this)[id].value;
    }
    ++place;
  }
  return reference::apply(op, values[0], values[1], values[2]);
}

Id Graph::make(Op op, Id a, Id b, Id c) {
  if (const auto folded = fold(op, a, b, c)) return constant(*folded);
  // In one order, so that a + b and b + a are one node; constants first.
  if (commutes(op) && (is(b, Op::constant) || (!is(a, Op::constant) && b < a))) std::swap(a, b);
  switch (op) {
    case Op::add: return make_sum(a, b);
    case Op::subtract: return make_difference(a, b);
    case Op::multiply: return make_product(a, b);
    case Op::divide: return make_quotient(a, b);
    case Op::power: return make_power(a, b);
    case Op::where: return make_where(a, b, c);
    case Op::minimum:
    case Op::maximum: return a == b ? a : intern({op, a, b});
    case Op::atan2:
    case Op::less:
    case Op::less_equal:
    case Op::equal: return intern({op, a, b});
    default: return make_unary(op, a);
  }
}

Id Graph::make_sum(Id a, Id b) {
  if (is(a, 0)) return b;
  if (is(b, Op::negate)) return subtract(a, (*this)[b].a);
  if (is(a, Op::negate)) return subtract(b, (*this)[a].a);
  return intern({Op::add, a, b});
}

Id Graph::make_difference(Id a, Id b) {
  if (a == b) return constant(0);
  if (is(b, 0)) return a;
  if (is(a, 0)) return negate(b);
  if (is(b, Op::negate)) return add(a, (*this)[b].a);
  if (is(a, Op::negate)) return negate(add((*this)[a].a, b));
  return intern({Op::subtract, a, b});
}

Id Graph::make_product(Id a, Id b) {
  if (is(a, 0)) return a;
  if (is(a, 1)) return b;
  if (is(a, -1)) return negate(b);
  if (is(a, Op::negate)) return negate(multiply((*this)[a].a, b));
  if (is(b, Op::negate)) {
    const Id inner = (*this)[b].a;
    if (const auto factor = value(a)) return multiply(constant(-*factor), inner);
    return negate(multiply(a, inner));
  }
  if (is(a, Op::constant) && is(b, Op::multiply) && is((*this)[b].a, Op::constant)) {
    const Node inner = (*this)[b];
    return multiply(multiply(a, inner.a), inner.b);
  }
  return intern({Op::multiply, a, b});
}

Id Graph::make_quotient(Id a, Id b) {
  if (a == b) return constant(1);
  if (is(a, 0) || is(b, 1)) return a;
  if (is(a, Op::negate)) return negate(divide((*this)[a].a, b));
  if (is(b, Op::negate)) return negate(divide(a, (*this)[b].a));
  if (const auto divisor = value(b)) {
    int exponent = 0;
    if (std::abs(std::frexp(*divisor, &exponent)) == 0.5) {  // a power of two: exact
      return multiply(constant(1 / *divisor), a);
    }
  }
  return intern({Op::divide, a, b});
}

Id Graph::whole_power(Id a, Index exponent) {
  Id power = -1;
  for (Id square = a; exponent > 0; exponent /= 2) {
    if (exponent % 2 == 1) power = power < 0 ? square : multiply(power, square);
    if (exponent > 1) square = multiply(square, square);
  }
  return power;
}

Id Graph::make_power(Id a, Id b) {
  if (const auto base = value(a); base && *base == std::numbers::e) return make(Op::exp, b);
  if (const auto exponent = value(b)) {
    const double size = std::abs(*exponent), doubled = 2 * size;
    if (*exponent == 0) return constant(1);
    if (doubled == std::floor(doubled) && size <= kMostWholePower) {
      const auto whole = static_cast<Index>(size);
      Id power = whole > 0 ? whole_power(a, whole) : -1;
      if (size != std::floor(size)) {
        const Id root = make(Op::sqrt, a);
        power = power < 0 ? root : multiply(power, root);
      }
      return *exponent > 0 ? power : divide(constant(1), power);
    }
  }
  return intern({Op::power, a, b});
}

Id Graph::make_unary(Op op, Id a) {
  if (is(a, Op::negate)) {
    const Id inner = (*this)[a].a;
    switch (op) {
      case Op::negate: return inner;
      case Op::abs:
      case Op::cos:
      case Op::cosh: return make(op, inner);
      case Op::sin:
      case Op::tan:
      case Op::asin:
      case Op::atan:
      case Op::sinh:
      case Op::tanh:
      case Op::erf: return negate(make(op, inner));
      default: break;
    }
  }
  if (op == Op::negate && is(a, Op::subtract)) return subtract((*this)[a].b, (*this)[a].a);
  if (op == Op::abs && is(a, Op::abs)) return a;
  return intern({op, a});
}

Id Graph::make_where(Id condition, Id a, Id b) {
  if (a == b) return a;
  if (const auto known = value(condition)) return *known != 0 ? a : b;
  return intern({Op::where, condition, a, b});
}

template <class Skip>
std::vector<Id> Graph::below(Id y, const Skip& skip) const {
  std::vector<bool> found(static_cast<std::size_t>(y) + 1);
  std::vector<Id> open;
  const auto visit = [&](Id id) {
    if (id < 0 || found[id] || skip(id)) return;
    found[id] = true;
    open.push_back(id);
  };
  visit(y);
  while (!open.empty()) {
    const Node& node = (*this)[open.back()];
    open.pop_back();
    if (node.op == Op::input) continue;
    for (const Id operand : {node.a, node.b, node.c}) visit(operand);
  }
  std::vector<Id> ids;
  for (Id id = 0; id <= y; ++id) {
    if (found[id]) ids.push_back(id);
  }
  return ids;
}

bool Graph::contains(Id y, Index input) const {
  const std::vector<Id> ids = below(y, [](Id) { return false; });
  for (const Id id : ids) {
    if (is(id, Op::input) && (*this)[id].a == input) return true;
  }
  return false;
}

Id Graph::replace_inputs(Id y, std::span<const Id> nodes) {
  std::vector<Id> now(static_cast<std::size_t>(y) + 1, -1);
  const auto at = [&](Id id) { return id < 0 ? id : now[id]; };
  for (const Id id : below(y, [](Id) { return false; })) {
    const Node node = (*this)[id];
    if (node.op == Op::input) {
      now[id] = nodes[static_cast<std::size_t>(node.a)];
    } else {
      now[id] = node.op == Op::constant ? id : make(node.op, at(node.a), at(node.b), at(node.c));
    }
  }
  return now[y];
}

Id Graph::derivative(Id y, Index input) {
  const auto place = static_cast<std::size_t>(input);
  if (slopes_.size() <= place) slopes_.resize(place + 1);
  std::vector<Id>& slopes = slopes_[place];
  slopes.resize(std::max(slopes.size(), static_cast<std::size_t>(y) + 1), -1);
  for (const Id id : below(y, [&](Id known) { return slopes[known] >= 0; })) {
    const Node node = (*this)[id];
    if (node.op == Op::input) {
      slopes[id] = constant(node.a == input ? 1 : 0);
    } else if (node.op == Op::constant) {
      slopes[id] = constant(0);
    } else {
      slopes[id] = node_derivative(id, slopes);
    }
  }
  return slopes[y];
}

Id Graph::node_derivative(Id y, const std::vector<Id>& slopes) {
  const Node node = (*this)[y];
  const Id a = node.a, b = node.b;
  const Id da = slopes[a], db = b >= 0 ? slopes[b] : -1;
  const Id zero = constant(0), one = constant(1);
  if (da == zero && (db < 0 || db == zero) && node.op != Op::where) return zero;
  const auto square = [&](Id x) { return multiply(x, x); };
  switch (node.op) {
    case Op::negate: return negate(da);
    case Op::abs: return make(Op::where, make(Op::less, a, zero), negate(da), da);
    case Op::sqrt: return divide(da, multiply(constant(2), y));
    case Op::exp: return multiply(y, da);
    case Op::log: return divide(da, a);
    case Op::sin: return multiply(make(Op::cos, a), da);
    case Op::cos: return negate(multiply(make(Op::sin, a), da));
    case Op::tan: return multiply(add(one, square(y)), da);
    case Op::asin: return divide(da, make(Op::sqrt, subtract(one, square(a))));
    case Op::acos: return negate(divide(da, make(Op::sqrt, subtract(one, square(a)))));
    case Op::atan: return divide(da, add(one, square(a)));
    case Op::sinh: return multiply(make(Op::cosh, a), da);
    case Op::cosh: return multiply(make(Op::sinh, a), da);
    case Op::tanh: return multiply(subtract(one, square(y)), da);
    case Op::erf:
      return multiply(constant(2 * std::numbers::inv_sqrtpi),
                      multiply(make(Op::exp, negate(square(a))), da));
    case Op::add: return add(da, db);
    case Op::subtract: return subtract(da, db);
    case Op::multiply: return add(multiply(da, b), multiply(a, db));
    case Op::divide: return divide(subtract(da, multiply(y, db)), b);
    case Op::power: {
      if (const auto exponent = value(b)) {
        return multiply(multiply(b, make(Op::power, a, constant(*exponent - 1))), da);
      }
      const Id by_exponent = multiply(db, make(Op::log, a));
      return multiply(y, add(by_exponent, divide(multiply(b, da), a)));
    }
    case Op::atan2:
      return divide(subtract(multiply(b, da), multiply(a, db)), add(square(a), square(b)));
    case Op::minimum: return make(Op::where, make(Op::less, b, a), db, da);
    case Op::maximum: return make(Op::where, make(Op::less, a, b), db, da);
    case Op::where: return make(Op::where, a, db, slopes[node.c]);
    default: return zero;
  }
}

}  // namespace lior::expr
