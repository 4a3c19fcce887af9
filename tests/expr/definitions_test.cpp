// SPDX-License-Identifier: Apache-2.0
// Formulas that name each other: their nodes, their order, and what may not be.
#include "lior/expr/definitions.h"

#include <gtest/gtest.h>

#include "lior/expr/evaluate.h"
#include "lior/expr/parse.h"
#include "support/error_of.h"

namespace lior::expr {
namespace {

/// Definitions of x = input 0 in a graph of their own.
struct Own {
  std::vector<NamedFormula> formulas;
  Graph graph{};
  int read = 0;
  Definitions definitions{formulas, [this](const NamedFormula& formula) {
                            ++read;
                            const Scope scope{.find = [this](auto name) { return find(name); }};
                            return parse(graph, formula.text, scope, formula.where);
                          }};

  std::optional<Id> find(std::string_view name) {
    return name == "x" ? graph.input(0) : definitions.find(name);
  }
  double at(std::string_view name, double x) {
    const Id id = *find(name);
    return reference::evaluate<double>(graph, {&id, 1}, {&x, 1}).front();
  }
};

TEST(Definitions, ReadEachOtherInAnyOrderAndOnce) {
  Own own{{{"a", "b + c", "a"}, {"b", "c^2", "b"}, {"c", "2*x", "c"}}};
  EXPECT_EQ(own.at("a", 3), 42);
  EXPECT_EQ(own.at("b", 3), 36);
  EXPECT_EQ(own.read, 3);
  EXPECT_EQ(own.find("q"), std::nullopt);
}

TEST(Definitions, ThatLeadToThemselvesAreRefused) {
  Own own{{{"a", "b", "m.toml:1: definitions.a"}, {"b", "1/c", "b"}, {"c", "b*x", "c"}}};
  EXPECT_EQ(error_of([&] { own.find("a"); }), "b: refers to itself: b -> c -> b");
}

TEST(Definitions, LeadThroughAHundredOthersAndNoMore) {
  std::vector<NamedFormula> chain;
  for (int k = 0; k < 101; ++k) {
    const std::string name = "n" + std::to_string(k);
    chain.push_back({name, k == 100 ? "x" : "n" + std::to_string(k + 1) + "+1", name});
  }
  Own too_long{chain};
  EXPECT_NE(error_of([&] { too_long.find("n0"); }).find("more than 100 others"), std::string::npos);
  Own own{chain};
  EXPECT_EQ(own.at("n1", 0), 99);
}

TEST(Definitions, NamesStandInFormulasAsWholeWords) {
  for (const char* text : {"a", "2*a", "a^2", "sin(a)", "ba + a"}) EXPECT_TRUE(has_name(text, "a"));
  for (const char* text : {"", "ab", "2*_a", "a2", "tan(x)", "a\xc3\xa9"}) {
    EXPECT_FALSE(has_name(text, "a")) << text;
  }
}

TEST(Definitions, EqualsIsNoPartOfAComparison) {
  EXPECT_EQ(find_equals("a = b"), 2u);
  EXPECT_EQ(find_equals("a=b<=c"), 1u);
  EXPECT_EQ(find_equals("a<=b = c"), 5u);
  for (const char* text : {"", "a", "a == b", "a <= b >= c != d"}) {
    EXPECT_EQ(find_equals(text), std::string_view::npos) << text;
  }
}

}  // namespace
}  // namespace lior::expr
