// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Finite groups by short expressions: the word problems that a recurrence can be asked to solve.
///
///   Zn       rotations of n points, order n; Z60, Z2
///   Dn       symmetries of the regular n-gon, order 2n; n >= 3
///   Qn       the quaternions i, j, k (Q8) and their generalisations, order n: a multiple of 4
///   Sn, An   all, or the even, permutations of n points; n <= 8
///   <...>    what permutations of the points 0, 1, 2, ... generate, as cycles: <(0 1 2),(0 1)(3
///   4)> G x H    the direct product Zm:Zn@r  the semidirect product in which the generator of Zn
///   multiplies Zm by r, order m n;
///            r^n = 1 mod m: Z7:Z3@2 has 21 elements
///   G wr H   the wreath product: as many copies of G as H moves points, permuted by H
///   ( )      and brackets
///
/// x binds less than : and wr. Every group is a group of permutations, (g h)(i) = g(h(i)).

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lior/core/view.h"

namespace lior::train {

/// i goes to p[i].
using Permutation = std::vector<std::int32_t>;

/// All products of a few permutations, numbered 0 .. order - 1 in lexicographic order, so that the
/// identity is 0.
class Group {
 public:
  /// The group that `generators` generate: permutations of the same points, at least one. Cost:
  /// order x generators x degree. Throws lior::Error where the group has more than `most` elements,
  /// or order x degree is more than kMostNumbers.
  static constexpr Index kMostElements = Index{1} << 16, kMostNumbers = Index{1} << 22;
  explicit Group(std::vector<Permutation> generators, Index most = kMostElements);

  Index order() const { return order_; }
  /// Points that the elements permute.
  Index degree() const { return degree_; }
  std::span<const std::int32_t> element(std::int32_t g) const {
    return std::span(elements_).subspan(static_cast<std::size_t>(g * degree_),
                                        static_cast<std::size_t>(degree_));
  }
  /// The number of g h. Cost: degree x log order.
  std::int32_t product(std::int32_t g, std::int32_t h) const;
  std::int32_t inverse(std::int32_t g) const;
  /// The identity, then the generators, each once.
  std::span<const std::int32_t> generators() const { return generators_; }

  /// The number of a permutation; empty where it is not in the group.
  std::optional<std::int32_t> find(std::span<const std::int32_t> permutation) const;

 private:
  Index order_ = 0, degree_ = 0;
  std::vector<std::int32_t> elements_;  // [order, degree]
  std::vector<std::int32_t> generators_;
};

bool is_abelian(const Group& group);

/// Whether the derived series G, [G, G], ... ends in the identity. Cost: some hundred products an
/// element.
bool is_solvable(const Group& group);

/// The heads of the recurrence that are known to hold a group (docs/math/machines.md).
struct GroupTurns {
  /// Turns of one side: G lies in a product of groups of rotations of the sphere, Zn, Dn, A4, S4
  /// and A5, a head or more for each. False where that is not known.
  bool one_sided = false;
  /// Reflections that the turn of an element takes at most, an even number: the model.factors of
  /// two_sided. 0: no such turns in eight dimensions are known here.
  Index reflections = 0;
};

/// What its permutations say: a group in which order does not matter is one-sided, and all have
/// the rotations that permute coordinates. They are a space of degree - orbits dimensions, where an
/// element is a product of degree - cycles reflections, with one dimension more for the sign where
/// some elements are odd; the space must have at most eight.
GroupTurns turns_of_permutations(const Group& group);

/// A group with what its expression says about it.
struct NamedGroup {
  Group group;
  GroupTurns turns;
};

/// The group of an expression. Throws lior::Error that says at which character it is none, or that
/// it has one element alone.
NamedGroup parse_group(std::string_view expression);

}  // namespace lior::train
