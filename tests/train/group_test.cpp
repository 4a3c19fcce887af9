// SPDX-License-Identifier: Apache-2.0
#include "lior/train/group.h"

#include <gtest/gtest.h>

#include <numeric>
#include <string>

#include "lior/core/random.h"
#include "support/error_of.h"

namespace lior::train {
namespace {

/// Facts of a group, from books and GAP's library.
struct Known {
  std::string expression;
  Index order, classes;
  bool abelian, solvable;
};
const Known kKnown[] = {
    {"Z2", 2, 2, true, true},
    {"Z60", 60, 60, true, true},
    {"Z4 x Z6", 24, 24, true, true},
    {"D3", 6, 3, false, true},
    {"D4", 8, 5, false, true},
    {"D5", 10, 4, false, true},
    {"D6", 12, 6, false, true},
    {"Q8", 8, 5, false, true},
    {"Q12", 12, 6, false, true},
    {"Q16", 16, 7, false, true},
    {"S2", 2, 2, true, true},
    {"S3", 6, 3, false, true},
    {"S4", 24, 5, false, true},
    {"S5", 120, 7, false, false},
    {"S6", 720, 11, false, false},
    {"A3", 3, 3, true, true},
    {"A4", 12, 4, false, true},
    {"A5", 60, 5, false, false},
    {"A6", 360, 7, false, false},
    {"A7", 2520, 9, false, false},
    {"S3xS3", 36, 9, false, true},
    {"Z2 x A5", 120, 10, false, false},
    {"Z7:Z3@2", 21, 5, false, true},  // Frobenius' group of 21
    {"Z5:Z4@2", 20, 5, false, true},  // of 20
    {"Z5:Z4@4", 20, 8, false, true},  // Q20: the generator acts by its square only
    {"Z9:Z3@1", 27, 27, true, true},
    {"Z2 wr S3", 48, 10, false, true},  // symmetries of the cube
    {"S3 wr Z2", 72, 9, false, true},
    {"(Z2 x Z2) wr Z2", 32, 14, false, true},
    {"<(0 1 2 3 4 5 6),(1 5)(2 3)>", 168, 6, false, false},                      // PSL(3, 2)
    {"<(0 1 2 3 4 5 6 7 8 9 10),(2 6 10 7)(3 9 4 5)>", 7920, 10, false, false},  // M11
};

Index conjugacy_classes(const Group& group) {
  std::vector<std::int32_t> of(static_cast<std::size_t>(group.order()));
  std::iota(of.begin(), of.end(), 0);
  const auto root = [&](std::int32_t g) {
    while (of[static_cast<std::size_t>(g)] != g) {
      std::int32_t& above = of[static_cast<std::size_t>(g)];
      g = above = of[static_cast<std::size_t>(above)];
    }
    return g;
  };
  for (const std::int32_t s : group.generators()) {
    const std::int32_t back = group.inverse(s);
    for (std::int32_t g = 0; g < group.order(); ++g) {
      of[static_cast<std::size_t>(root(g))] = root(group.product(group.product(s, g), back));
    }
  }
  Index count = 0;
  for (std::int32_t g = 0; g < group.order(); ++g) count += of[static_cast<std::size_t>(g)] == g;
  return count;
}

TEST(Group, OrderAndClassesAreThoseOfBooks) {
  for (const Known& known : kKnown) {
    const Group group = parse_group(known.expression).group;
    EXPECT_EQ(group.order(), known.order) << known.expression;
    EXPECT_EQ(conjugacy_classes(group), known.classes) << known.expression;
    EXPECT_EQ(is_abelian(group), known.abelian) << known.expression;
    EXPECT_EQ(is_solvable(group), known.solvable) << known.expression;
  }
}

TEST(Group, AxiomsHold) {
  for (const Known& known : kKnown) {
    const Group group = parse_group(known.expression).group;
    const auto n = static_cast<std::int32_t>(group.order());
    Random random(1);
    const auto check = [&](std::int32_t g, std::int32_t h, std::int32_t k) {
      EXPECT_EQ(group.product(group.product(g, h), k), group.product(g, group.product(h, k)));
    };
    for (std::int32_t g = 0; g < n; ++g) {
      EXPECT_EQ(group.product(0, g), g);
      EXPECT_EQ(group.product(g, 0), g);
      EXPECT_EQ(group.product(g, group.inverse(g)), 0);
      if (n > 24) {
        check(g, static_cast<std::int32_t>(random.below(n)),
              static_cast<std::int32_t>(random.below(n)));
        continue;
      }
      for (std::int32_t h = 0; h < n; ++h) {
        for (std::int32_t k = 0; k < n; ++k) check(g, h, k);
      }
    }
  }
}

TEST(Group, ElementsAreNumberedInLexicographicOrder) {
  const Group group = parse_group("S3xS3").group;
  EXPECT_EQ(group.degree(), 6);
  for (std::int32_t g = 1; g < group.order(); ++g) {
    const auto before = group.element(g - 1), now = group.element(g);
    EXPECT_TRUE(std::lexicographical_compare(before.begin(), before.end(), now.begin(), now.end()));
  }
  // The first factor's number times 6, and the second's.
  EXPECT_EQ(group.product(6 * 3, 4), 6 * 3 + 4);
  EXPECT_EQ(group.find(Permutation{1, 0, 2, 4, 3, 5}), 6 * 2 + 2);
  EXPECT_FALSE(group.find(Permutation{3, 1, 2, 0, 4, 5}));
}

TEST(Group, TheQuaternionsAreQuaternions) {
  const Group group = parse_group("Q8").group;
  Index of_order_two = 0, squares_of_it = 0;
  std::int32_t minus_one = 0;
  for (std::int32_t g = 1; g < 8; ++g) {
    if (group.product(g, g) == 0) ++of_order_two, minus_one = g;
  }
  for (std::int32_t g = 1; g < 8; ++g) squares_of_it += group.product(g, g) == minus_one;
  EXPECT_EQ(of_order_two, 1);
  EXPECT_EQ(squares_of_it, 6);
}

TEST(Group, TurnsThatHoldIt) {
  const auto turns = [](std::string_view expression) { return parse_group(expression).turns; };
  for (const auto* of_the_sphere : {"Z60", "D8", "A4", "S4", "A5", "S3xS3", "A5 x Z2 x D4"}) {
    EXPECT_TRUE(turns(of_the_sphere).one_sided) << of_the_sphere;
    EXPECT_EQ(turns(of_the_sphere).reflections, 2) << of_the_sphere;
  }
  for (const auto* other : {"Q8", "S5", "A6", "S3 x S5", "S5 x Q8"}) {
    EXPECT_FALSE(turns(other).one_sided) << other;
    EXPECT_EQ(turns(other).reflections, 4) << other;
  }
  // (0 1 2 3 4 5) is a product of five swaps, and its sign makes a sixth.
  EXPECT_EQ(turns("S6").reflections, 6);
  EXPECT_EQ(turns("A7").reflections, 6);
  EXPECT_EQ(turns("S8").reflections, 8);
  // Eleven points in one orbit take ten dimensions.
  EXPECT_EQ(turns("<(0 1 2 3 4 5 6 7 8 9 10),(2 6 10 7)(3 9 4 5)>").reflections, 0);  // M11
}

TEST(Group, MistakesAreSaidWithTheirPlace) {
  const auto error = [](const std::string& expression) {
    return error_of([&] { parse_group(expression); });
  };
  EXPECT_EQ(error("S3 y S3"), "group \"S3 y S3\", character 4: expected x, : or wr, or its end");
  EXPECT_EQ(error(""),
            "group \"\", character 1: expected a group: Zn, Dn, Qn, Sn, An, <cycles> or brackets");
  EXPECT_EQ(
      error("S3x"),
      "group \"S3x\", character 4: expected a group: Zn, Dn, Qn, Sn, An, <cycles> or brackets");
  EXPECT_EQ(error("Z7:Z3@3"), "group \"Z7:Z3@3\", character 8: 3^3 is 6 mod 7, and must be 1");
  EXPECT_EQ(error("Z1"), "group \"Z1\", character 2: expected a number from 2 to 4096");
  EXPECT_EQ(error("<(0 1)(1 2)>"),
            "group \"<(0 1)(1 2)>\", character 7: a cycle moves each of its points once, and "
            "cycles of one permutation do not meet");
  EXPECT_EQ(error("<>"),
            "group \"<>\", character 3: the group has one element; at least 2 are needed");
  EXPECT_EQ(error("<(0)> x <>"),
            "group \"<(0)> x <>\", character 11: the group has one element; at least 2 are needed");
  EXPECT_EQ(parse_group("<> x Z2").group.order(), 2);
  EXPECT_EQ(error("S9"), "group \"S9\", character 2: expected a number from 2 to 8");
  EXPECT_EQ(error("A8 x A5"),
            "group \"A8 x A5\", character 8: the group has 1.21e+06 elements; at most 65536 fit");
  EXPECT_EQ(error("<(0 1),(0 1 2 3 4 5 6 7 8)>"),
            "the group has more than 65536 elements of 9 points; at most 65536 elements, and "
            "4194304 numbers, fit");
  EXPECT_EQ(error(std::string(100, '(')).substr(100, 60),
            "(((((((\", character 33: brackets are at most 32 deep");
}

// No text makes it do anything but read a group or say why it is none.
TEST(Group, AnyTextIsAGroupOrAnError) {
  const std::string letters = "ZDQSAx:@wr()<>, 0123456789";
  Random random(3);
  Index groups = 0;
  for (int i = 0; i < 1000; ++i) {
    std::string text;
    for (Index n = 1 + random.below(8); n > 0; --n) {
      text += letters[static_cast<std::size_t>(random.below(std::ssize(letters)))];
    }
    try {
      const Group group = parse_group(text).group;
      ++groups;
      EXPECT_EQ(group.product(0, 0), 0);
    } catch (const Error&) {
    }
  }
  EXPECT_GT(groups, 2);
}

}  // namespace
}  // namespace lior::train
