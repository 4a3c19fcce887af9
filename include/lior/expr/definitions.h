// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What formulas share: numbers with names, and formulas with names.

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lior/expr/graph.h"

namespace lior::expr {

/// A number with a name.
struct Parameter {
  std::string name;
  double value;
};

/// A formula, and where it stands, which opens its errors: "hole.toml:7: definitions.f".
struct NamedFormula {
  std::string name, text, where;
};

/// The nodes of formulas that may name each other, in any order. Each is read once, when it is
/// first asked for.
class Definitions {
 public:
  /// The formulas must outlive this; read(formula) makes the node of one, and may ask `find` for
  /// the names in it.
  Definitions(std::span<const NamedFormula> formulas, std::function<Id(const NamedFormula&)> read);

  Definitions(const Definitions&) = delete;
  Definitions& operator=(const Definitions&) = delete;

  std::size_t size() const { return nodes_.size(); }
  /// Both throw lior::Error where formula `k` refers to itself, or leads through more than 100
  /// others.
  Id operator[](std::size_t k);
  /// The node of the formula of that name; none where there is no such one.
  std::optional<Id> find(std::string_view name);

 private:
  std::span<const NamedFormula> formulas_;
  std::function<Id(const NamedFormula&)> read_;
  std::vector<Id> nodes_;          // -1: not read yet
  std::vector<std::size_t> open_;  // those that are being read
};

}  // namespace lior::expr
