// SPDX-License-Identifier: Apache-2.0
#include "lior/core/profile.h"

#include <gtest/gtest.h>

namespace lior {
namespace {

/// Ops that take as long as they say on a clock of the test.
struct Clocked {
  double now = 0;
  Profile profile{[this] { return now; }};

  void op(const char* name, double seconds, double flops, double bytes) {
    const ProfiledOp op(name, flops, bytes);
    now += seconds;
  }
  void outer(double seconds) {
    const ProfiledOp op("outer", 1, 2);
    this->op("inner", seconds, 10, 20);
    now += 1;
  }
};

TEST(Profile, SumsWhatRunsInsideAScope) {
  Clocked run;
  run.op("a", 1, 1, 1);  // nobody listens
  for (int step = 0; step < 2; ++step) {
    const Profile::Scope scope(&run.profile);
    run.op("a", 3, 100, 10);
    run.op("b", 2, 0, 5);
    run.op("a", 4, 100, 10);
    run.now += 0.5;
  }
  run.op("a", 1, 1, 1);
  ASSERT_EQ(run.profile.rows().size(), 2U);
  const ProfileRow& a = run.profile.rows()[0];
  EXPECT_STREQ(a.op, "a");
  EXPECT_EQ(a.calls, 4);
  EXPECT_EQ(a.seconds, 14);
  EXPECT_EQ(a.flops, 400);
  EXPECT_EQ(a.bytes, 40);
  EXPECT_EQ(run.profile.rows()[1].seconds, 4);
  EXPECT_EQ(run.profile.steps(), 2);
  EXPECT_EQ(run.profile.seconds(), 19);
}

TEST(Profile, AnOpInsideAnotherIsPartOfIt) {
  Clocked run;
  const Profile::Scope scope(&run.profile);
  run.outer(5);
  run.op("inner", 1, 10, 20);
  ASSERT_EQ(run.profile.rows().size(), 2U);
  EXPECT_EQ(run.profile.rows()[0].seconds, 6);
  EXPECT_EQ(run.profile.rows()[0].flops, 11);
  EXPECT_EQ(run.profile.rows()[0].bytes, 22);
  EXPECT_EQ(run.profile.rows()[1].calls, 1);
}

TEST(Profile, ANullScopeChangesNothing) {
  Clocked run;
  {
    const Profile::Scope none(nullptr);
    run.op("a", 1, 1, 1);  // nobody listens
  }
  EXPECT_TRUE(run.profile.rows().empty());
  {
    const Profile::Scope scope(&run.profile);
    {
      const Profile::Scope none(nullptr);
      run.op("a", 1, 1, 1);
    }
    run.op("a", 1, 1, 1);
  }
  ASSERT_EQ(run.profile.rows().size(), 1U);
  EXPECT_EQ(run.profile.rows()[0].calls, 2);
  EXPECT_EQ(run.profile.steps(), 1);
}

}  // namespace
}  // namespace lior
