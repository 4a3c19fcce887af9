// SPDX-License-Identifier: Apache-2.0
#include "lior/train/group.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "lior/core/error.h"

namespace lior::train {
namespace {

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

Permutation product(std::span<const std::int32_t> g, std::span<const std::int32_t> h) {
  Permutation gh(h.size());
  for (std::size_t i = 0; i < h.size(); ++i) gh[i] = g[at(h[i])];
  return gh;
}

/// All products of the generators, in lexicographic order.
std::set<Permutation> closure(const std::vector<Permutation>& generators, Index most) {
  Permutation identity(generators.front().size());
  std::iota(identity.begin(), identity.end(), 0);
  std::set<Permutation> known = {identity};
  std::vector<const Permutation*> elements = {&*known.begin()};
  for (std::size_t i = 0; i < elements.size(); ++i) {
    for (const Permutation& g : generators) {
      const auto [place, is_new] = known.insert(product(*elements[i], g));
      if (!is_new) continue;
      elements.push_back(&*place);
      const auto order = static_cast<Index>(known.size());
      LIOR_CHECK(order <= most && order * std::ssize(g) <= Group::kMostNumbers,
                 "the group has more than {} elements of {} points; at most {} elements, and {} "
                 "numbers, fit",
                 order - 1, g.size(), most, Group::kMostNumbers);
    }
  }
  return known;
}

/// Marks of the elements that some of them generate.
class Subgroup {
 public:
  explicit Subgroup(const Group& group) : group_(&group), marks_(at(group.order())) {
    marks_[0] = true;
  }

  Index order() const { return std::ssize(elements_); }
  bool has(std::int32_t g) const { return marks_[at(g)]; }
  std::span<const std::int32_t> generators() const { return generators_; }

  void add(std::int32_t g) {
    if (has(g)) return;
    generators_.push_back(g);
    for (std::size_t i = 0; i < elements_.size(); ++i) {
      for (const std::int32_t h : generators_) {
        const std::int32_t product = group_->product(elements_[i], h);
        if (marks_[at(product)]) continue;
        marks_[at(product)] = true;
        elements_.push_back(product);
      }
    }
  }

 private:
  const Group* group_;
  std::vector<bool> marks_;
  std::vector<std::int32_t> elements_ = {0};
  std::vector<std::int32_t> generators_;
};

/// [S, S]: what the commutators of S's generators generate, with all that S turns them into.
Subgroup derived(const Group& group, std::span<const std::int32_t> generators) {
  Subgroup result(group);
  for (const std::int32_t g : generators) {
    for (const std::int32_t h : generators) {
      result.add(
          group.product(group.product(g, h), group.product(group.inverse(g), group.inverse(h))));
    }
  }
  for (std::size_t i = 0; i < result.generators().size(); ++i) {
    for (const std::int32_t g : generators) {
      const std::int32_t s = result.generators()[i];
      result.add(group.product(group.product(g, s), group.inverse(g)));
    }
  }
  return result;
}

}  // namespace

Group::Group(std::vector<Permutation> generators, Index most) {
  LIOR_CHECK(!generators.empty(), "a group of no generators is asked for; expected at least one");
  const std::set<Permutation> all = closure(generators, most);
  order_ = std::ssize(all);
  degree_ = std::ssize(generators.front());
  elements_.reserve(at(order_ * degree_));
  for (const Permutation& p : all) elements_.insert(elements_.end(), p.begin(), p.end());
  generators_.push_back(0);
  for (const Permutation& p : generators) {
    const std::int32_t g = *find(p);
    if (std::find(generators_.begin(), generators_.end(), g) == generators_.end()) {
      generators_.push_back(g);
    }
  }
}

std::optional<std::int32_t> Group::find(std::span<const std::int32_t> permutation) const {
  Index low = 0, high = order_;
  while (low < high) {
    const Index middle = (low + high) / 2;
    const auto other = element(static_cast<std::int32_t>(middle));
    const auto compared = std::lexicographical_compare_three_way(
        other.begin(), other.end(), permutation.begin(), permutation.end());
    if (compared == 0) return static_cast<std::int32_t>(middle);
    (compared < 0 ? low : high) = compared < 0 ? middle + 1 : middle;
  }
  return {};
}

std::int32_t Group::product(std::int32_t g, std::int32_t h) const {
  return *find(train::product(element(g), element(h)));
}

std::int32_t Group::inverse(std::int32_t g) const {
  Permutation inverse(at(degree_));
  const auto p = element(g);
  for (std::int32_t i = 0; i < degree_; ++i) inverse[at(p[at(i)])] = i;
  return *find(inverse);
}

bool is_abelian(const Group& group) {
  const auto generators = group.generators();
  return std::all_of(generators.begin(), generators.end(), [&](std::int32_t g) {
    return std::all_of(generators.begin(), generators.end(),
                       [&](std::int32_t h) { return group.product(g, h) == group.product(h, g); });
  });
}

bool is_solvable(const Group& group) {
  Subgroup now = derived(group, group.generators());
  for (Index order = group.order(); now.order() > 1;) {
    if (now.order() == order) return false;
    order = now.order();
    const std::vector<std::int32_t> generators(now.generators().begin(), now.generators().end());
    now = derived(group, generators);
  }
  return true;
}

}  // namespace lior::train
