// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>

#include "lior/core/text.h"
#include "lior/train/group.h"

namespace lior::train {
namespace {

constexpr std::int32_t kMostPoints = 4096;
constexpr std::int32_t kMostPermuted = 8;  // S9 has 362,880 elements
constexpr Index kMostReflections = 8;      // factors of a turn (nn::kMaxFactors), and dimensions

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

Permutation identity(std::int32_t points) {
  Permutation p(at(points));
  std::iota(p.begin(), p.end(), 0);
  return p;
}

/// i to i + 1 of the first n of `points`.
Permutation rotation(std::int32_t n, std::int32_t points) {
  Permutation p = identity(points);
  std::rotate(p.begin(), p.begin() + 1, p.begin() + n);
  return p;
}

/// The value of an expression: generators on points of their own, and the turns that hold them.
struct Part {
  std::vector<Permutation> generators;
  double order = 0;
  GroupTurns turns{};

  std::int32_t points() const { return static_cast<std::int32_t>(generators.front().size()); }
};

/// Cycles of a permutation, fixed points among them.
Index cycles(std::span<const std::int32_t> p) {
  std::vector<bool> seen(p.size());
  Index count = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    count += !seen[i];
    for (std::size_t j = i; !seen[j]; j = at(p[j])) seen[j] = true;
  }
  return count;
}

/// Sets of points that the generators move into each other.
Index orbits(const Group& group) {
  std::vector<std::int32_t> of = identity(static_cast<std::int32_t>(group.degree()));
  const auto root = [&](std::int32_t i) {
    while (of[at(i)] != i) i = of[at(i)];
    return i;
  };
  for (const std::int32_t g : group.generators()) {
    const auto p = group.element(g);
    for (std::int32_t i = 0; i < std::ssize(p); ++i) of[at(root(i))] = root(p[at(i)]);
  }
  Index count = 0;
  for (std::int32_t i = 0; i < std::ssize(of); ++i) count += of[at(i)] == i;
  return count;
}

constexpr GroupTurns kOfTheSphere{.one_sided = true, .reflections = 2};

Part cyclic(std::int32_t n) { return {{rotation(n, n)}, static_cast<double>(n), kOfTheSphere}; }

Part dihedral(std::int32_t n) {
  Permutation mirror(at(n));
  for (std::int32_t i = 0; i < n; ++i) mirror[at(i)] = (n - i) % n;
  return {{rotation(n, n), mirror}, 2.0 * n, kOfTheSphere};
}

/// a^i and a^i b are points i and m + i of m = order / 2; a and b multiply from the left, with
/// b^2 = a^(m/2), b a = a^-1 b.
Part quaternions(std::int32_t order) {
  const std::int32_t m = order / 2;
  Permutation a(at(order)), b(at(order));
  for (std::int32_t i = 0; i < m; ++i) {
    a[at(i)] = (i + 1) % m;
    a[at(m + i)] = m + (i + 1) % m;
    b[at(i)] = m + (m - i) % m;
    b[at(m + i)] = (m - i + m / 2) % m;
  }
  return {{a, b}, static_cast<double>(order), {.reflections = 4}};  // left products of R^4
}

/// The swaps (i i+1), or the cycles (i i+1 i+2).
Part permutations(std::int32_t n, bool even_only) {
  Part part;
  const std::int32_t moved = even_only ? 3 : 2;
  for (std::int32_t i = 0; i + moved <= n; ++i) {
    Permutation p = identity(n);
    std::rotate(p.begin() + i, p.begin() + i + 1, p.begin() + i + moved);
    part.generators.push_back(p);
  }
  part.order = std::tgamma(n + 1.0) / (even_only ? 2 : 1);
  const bool of_the_sphere = n <= 4 || (n == 5 && even_only);
  part.turns = of_the_sphere ? kOfTheSphere : turns_of_permutations(Group(part.generators));
  return part;
}

/// Reads an expression from its start to its end.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  NamedGroup parse() {
    const Part part = product();
    if (place_ < text_.size()) fail("expected x, : or wr, or its end");
    NamedGroup named{Group(part.generators), part.turns};
    if (named.group.order() == 1) fail("the group has one element; at least 2 are needed");
    return named;
  }

 private:
  [[noreturn]] void fail(std::string_view what) const {
    throw Error(fmt::format("group \"{}\", character {}: {}", shown(text_), place_ + 1, what));
  }
  void skip_blanks() {
    while (place_ < text_.size() && text_[place_] == ' ') ++place_;
  }
  bool take(std::string_view word) {
    skip_blanks();
    if (!text_.substr(place_).starts_with(word)) return false;
    place_ += word.size();
    return true;
  }
  void expect(std::string_view word) {
    if (!take(word)) fail(fmt::format("expected {}", word));
  }
  std::int32_t number(std::int32_t least, std::int32_t most) {
    skip_blanks();
    std::int32_t value = -1;
    const auto [end, error] =
        std::from_chars(text_.data() + place_, text_.data() + text_.size(), value);
    if (error != std::errc{} || value < least || value > most) {
      fail(fmt::format("expected a number from {} to {}", least, most));
    }
    place_ = static_cast<std::size_t>(end - text_.data());
    return value;
  }

  Part product() {
    constexpr int kMostBrackets = 32;
    if (++depth_ > kMostBrackets) fail("brackets are at most 32 deep");
    Part left = semidirect();
    while (take("x")) left = direct(left, semidirect());
    --depth_;
    return left;
  }

  Part direct(const Part& left, const Part& right) {
    const std::int32_t points = checked(left.points() + right.points());
    Part both{.generators = {}, .order = checked_order(left.order * right.order)};
    for (const Permutation& p : left.generators) {
      Permutation wide = identity(points);
      std::copy(p.begin(), p.end(), wide.begin());
      both.generators.push_back(wide);
    }
    for (const Permutation& p : right.generators) {
      Permutation wide = identity(points);
      for (std::size_t i = 0; i < p.size(); ++i) wide[at(left.points()) + i] = p[i] + left.points();
      both.generators.push_back(wide);
    }
    both.turns.one_sided = left.turns.one_sided && right.turns.one_sided;
    const auto [least, most] = std::minmax(left.turns.reflections, right.turns.reflections);
    both.turns.reflections = least == 0 ? 0 : most;
    return both;
  }

  Part semidirect() {
    Part left = atom();
    if (take("wr")) return wreath(left, atom());
    return left;
  }

  /// Copy c of the left's points begins at c times their number.
  Part wreath(const Part& inner, const Part& outer) {
    const std::int32_t n = inner.points();
    if (n * outer.points() > kMostPoints) fail_of_points();
    const std::int32_t points = n * outer.points();
    Part part{.generators = {},
              .order = checked_order(std::pow(inner.order, outer.points()) * outer.order)};
    for (std::int32_t copy = 0; copy < outer.points(); ++copy) {
      for (const Permutation& p : inner.generators) {
        Permutation wide = identity(points);
        for (std::int32_t i = 0; i < n; ++i) wide[at(copy * n + i)] = copy * n + p[at(i)];
        part.generators.push_back(wide);
      }
    }
    for (const Permutation& p : outer.generators) {
      Permutation wide(at(points));
      for (std::int32_t i = 0; i < points; ++i) wide[at(i)] = p[at(i / n)] * n + i % n;
      part.generators.push_back(wide);
    }
    part.turns = turns_of_permutations(Group(part.generators));
    return part;
  }

  Part atom() {
    if (take("(")) {
      Part inner = product();
      expect(")");
      return inner;
    }
    if (take("<")) return generated();
    if (take("Z")) return cyclic_or_semidirect();
    if (take("D")) return dihedral(number(3, kMostPoints));
    if (take("S")) return permutations(number(2, kMostPermuted), false);
    if (take("A")) return permutations(number(3, kMostPermuted), true);
    if (take("Q")) {
      const std::int32_t order = number(8, kMostPoints);
      if (order % 4 != 0) fail("the order of Qn is a multiple of 4");
      return quaternions(order);
    }
    fail("expected a group: Zn, Dn, Qn, Sn, An, <cycles> or brackets");
  }

  /// Points of Zm, which r multiplies, and then those of Zn, so that n is its order whatever r is.
  Part cyclic_or_semidirect() {
    const std::int32_t m = number(2, kMostPoints);
    if (!take(":")) return cyclic(m);
    expect("Z");
    const std::int32_t n = number(2, kMostPoints);
    expect("@");
    const std::int32_t r = number(1, m - 1), points = checked(m + n);
    std::int32_t power = 1;
    for (std::int32_t i = 0; i < n; ++i) power = power * r % m;
    if (power != 1) fail(fmt::format("{}^{} is {} mod {}, and must be 1", r, n, power, m));
    Permutation multiplies(at(points));
    for (std::int32_t i = 0; i < m; ++i) multiplies[at(i)] = i * r % m;
    for (std::int32_t i = 0; i < n; ++i) multiplies[at(m + i)] = m + (i + 1) % n;
    Part part{{rotation(m, points), multiplies}, checked_order(static_cast<double>(m) * n)};
    part.turns = turns_of_permutations(Group(part.generators));
    return part;
  }

  /// "(0 1 2)(3 4),(0 1)>" of points 0 .. the largest that is named.
  Part generated() {
    std::vector<Permutation> generators(1);
    std::int32_t points = 2;
    while (!take(">")) {
      if (take(",")) {
        generators.emplace_back();
        continue;
      }
      const std::size_t begin = place_;
      const std::vector<std::int32_t> cycle = read_cycle();
      points = std::max(points, *std::max_element(cycle.begin(), cycle.end()) + 1);
      Permutation& p = generators.back();
      for (auto i = static_cast<std::int32_t>(p.size()); i < points; ++i) p.push_back(i);
      if (!insert_cycle(p, cycle)) {
        place_ = begin;
        fail("a cycle moves each of its points once, and cycles of one permutation do not meet");
      }
    }
    for (Permutation& p : generators) {
      for (auto i = static_cast<std::int32_t>(p.size()); i < points; ++i) p.push_back(i);
    }
    const Group group(generators);
    return {generators, static_cast<double>(group.order()), turns_of_permutations(group)};
  }

  std::vector<std::int32_t> read_cycle() {
    expect("(");
    std::vector<std::int32_t> cycle;
    while (!take(")")) cycle.push_back(number(0, kMostPoints - 1));
    if (cycle.empty()) fail("a cycle of no points; expected (0 1 2)");
    return cycle;
  }

  static bool insert_cycle(Permutation& p, const std::vector<std::int32_t>& cycle) {
    std::vector<std::int32_t> sorted = cycle;
    std::sort(sorted.begin(), sorted.end());
    if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) return false;
    for (const std::int32_t point : cycle) {
      if (p[at(point)] != point) return false;
    }
    for (std::size_t i = 0; i < cycle.size(); ++i) {
      p[at(cycle[i])] = cycle[(i + 1) % cycle.size()];
    }
    return true;
  }

  std::int32_t checked(std::int32_t points) const {
    if (points > kMostPoints) fail_of_points();
    return points;
  }
  double checked_order(double order) const {
    if (order > static_cast<double>(Group::kMostElements)) {
      fail(fmt::format("the group has {:.3g} elements; at most {} fit", order,
                       Group::kMostElements));
    }
    return order;
  }
  [[noreturn]] void fail_of_points() const {
    fail(fmt::format("a group moves at most {} points", kMostPoints));
  }

  std::string_view text_;
  std::size_t place_ = 0;
  int depth_ = 0;
};

}  // namespace

GroupTurns turns_of_permutations(const Group& group) {
  Index most = 2;
  bool some_are_odd = false;
  for (std::int32_t g = 0; g < group.order(); ++g) {
    const Index reflections = group.degree() - cycles(group.element(g));
    some_are_odd |= reflections % 2 == 1;
    most = std::max(most, reflections + reflections % 2);
  }
  const Index dimensions = group.degree() - orbits(group) + some_are_odd;
  return {.one_sided = is_abelian(group), .reflections = dimensions <= kMostReflections ? most : 0};
}

NamedGroup parse_group(std::string_view expression) { return Parser(expression).parse(); }

}  // namespace lior::train
