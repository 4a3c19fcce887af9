// SPDX-License-Identifier: Apache-2.0
#include "lior/expr/definitions.h"

#include <algorithm>

#include "lior/core/text.h"

namespace lior::expr {

Definitions::Definitions(std::span<const NamedFormula> formulas,
                         std::function<Id(const NamedFormula&)> read)
    : formulas_(formulas), read_(std::move(read)), nodes_(formulas.size(), -1) {}

std::optional<Id> Definitions::find(std::string_view name) {
  const auto found = std::ranges::find(formulas_, name, &NamedFormula::name);
  if (found == formulas_.end()) return {};
  return (*this)[static_cast<std::size_t>(found - formulas_.begin())];
}

Id Definitions::operator[](std::size_t k) {
  constexpr std::size_t kLongestChain = 100;
  if (nodes_[k] >= 0) return nodes_[k];
  const NamedFormula& formula = formulas_[k];
  if (const auto first = std::ranges::find(open_, k); first != open_.end()) {
    std::string chain;
    for (auto at = first; at != open_.end(); ++at) chain += formulas_[*at].name + " -> ";
    throw Error(
        fmt::format("{}: refers to itself: {}{}", formula.where, shown(chain), formula.name));
  }
  LIOR_CHECK(open_.size() < kLongestChain,
             "{}: definitions that lead through more than {} others; write some of them out",
             formula.where, kLongestChain);
  open_.push_back(k);
  nodes_[k] = read_(formula);
  open_.pop_back();
  return nodes_[k];
}

}  // namespace lior::expr
