// SPDX-License-Identifier: Apache-2.0
#include "lior/core/arena.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace lior {
namespace {

TEST(Arena, ViewsAreAlignedDisjointAndShaped) {
  Arena arena(4096);
  const View<float, 2> a = arena.take<float, 2>({3, 5});
  const View<double, 1> b = arena.take<double, 1>({7});
  EXPECT_EQ(a.shape(), (Shape<2>{3, 5}));
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(a.data()) % kAlignment, 0U);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(b.data()) % kAlignment, 0U);
  EXPECT_GE(static_cast<void*>(b.data()), static_cast<void*>(a.end()));
  EXPECT_EQ(arena.used(), 128U);  // 60 and 56 bytes, each rounded to a line
}

TEST(Arena, PlannerCountsWhatTheArenaNeeds) {
  const auto lay_out = [](Arena& arena) {
    const auto kept = arena.take<float, 1>({100});
    const Arena::Scope scope(arena);
    arena.take<double, 3>({2, 3, 4});
    return kept.data();
  };
  Arena plan = Arena::planner();
  EXPECT_TRUE(plan.planning());
  EXPECT_EQ(lay_out(plan), nullptr);
  Arena exact(plan.peak());
  EXPECT_NE(lay_out(exact), nullptr);
  EXPECT_EQ(exact.peak(), exact.capacity());
  Arena small(plan.peak() - kAlignment);
  EXPECT_THROW(lay_out(small), Error);
}

TEST(Arena, ScopeGivesBackAndPeakStays) {
  Arena arena(1024);
  arena.take<std::byte, 1>({64});
  std::byte* first = nullptr;
  {
    const Arena::Scope scope(arena);
    first = arena.take<std::byte, 1>({512}).data();
  }
  EXPECT_EQ(arena.used(), 64U);
  EXPECT_EQ((arena.take<std::byte, 1>({1}).data()), first);
  EXPECT_EQ(arena.peak(), 576U);
  arena.reset();
  EXPECT_EQ(arena.used(), 0U);
}

TEST(Arena, AfterRewindGivesTheSameArraysAgain) {
  Arena arena(1024);
  arena.take<float, 1>({3});
  const std::size_t mark = arena.used();
  const auto first = arena.take<float, 1>({20});
  first[7] = 5;
  arena.take<double, 1>({9});
  arena.rewind(mark);
  const auto again = arena.take<float, 1>({20});
  EXPECT_EQ(again.data(), first.data());
  EXPECT_EQ(again[7], 5);
}

TEST(Arena, ThatIsTooSmallIsAnErrorWithTheNumbers) {
  Arena arena(128);
  arena.take<std::byte, 1>({64});
  try {
    arena.take<std::byte, 1>({65});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "the arena of 128 bytes has 64 left and 128 are asked for; plan it with the same "
                 "shapes");
  }
  EXPECT_EQ(arena.used(), 64U);
}

TEST(Arena, EmptyArrayTakesNothing) {
  Arena arena(0);
  EXPECT_TRUE((arena.take<double, 2>({0, 8}).empty()));
  EXPECT_EQ(arena.used(), 0U);
}

}  // namespace
}  // namespace lior
