// SPDX-License-Identifier: Apache-2.0
#include "lior/check/profile_report.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace lior::check {
namespace {

/// Two steps: an op at half its limit by operations, one at a quarter by bytes, and 1 s of nothing.
ProfileReport two_steps() {
  double now = 0;
  Profile profile([&] { return now; });
  for (int step = 0; step < 2; ++step) {
    const Profile::Scope scope(&profile);
    {
      const ProfiledOp op("copy", 0, 4e9);
      now += 2;
    }
    {
      const ProfiledOp op("product", 3e9, 4);
      now += 6;
    }
    now += 1;
  }
  return report(profile, {.rate = [](Arithmetic) { return 1e9; },
                          .bandwidth = [](Traffic, double) { return 8e9; }});
}

TEST(ProfileReport, StandsEachOpBesideItsLimit) {
  const ProfileReport report = two_steps();
  EXPECT_EQ(report.steps, 2);
  EXPECT_EQ(report.step_seconds, 9);
  ASSERT_EQ(report.costs.size(), 3U);
  EXPECT_EQ(report.costs[0].op, "product");
  EXPECT_EQ(report.costs[0].calls, 1);
  EXPECT_EQ(report.costs[0].seconds, 6);
  EXPECT_DOUBLE_EQ(report.costs[0].limit_fraction(), 0.5);
  EXPECT_EQ(report.costs[1].op, "copy");
  EXPECT_DOUBLE_EQ(report.costs[1].limit_fraction(), 0.25);
  EXPECT_EQ(report.costs[2].op, "other");
  EXPECT_EQ(report.costs[2].seconds, 1);
}

TEST(ProfileReport, IsATableAndJson) {
  const std::string table = to_table(two_steps());
  EXPECT_NE(
      table.find("product               1.0    6000.000   66.7%       0.5      0.0    0.50\n"),
      std::string::npos)
      << table;
  EXPECT_NE(table.find("other"), std::string::npos);
  const auto json = nlohmann::json::parse(to_json(two_steps()));
  EXPECT_EQ(json["steps"], 2);
  EXPECT_EQ(json["ops"][1]["bytes"], 4e9);
  EXPECT_TRUE(json["ops"][1]["flops"].is_null());
  EXPECT_EQ(json["ops"][2]["op"], "other");
}

TEST(ProfileReport, OfNoStepIsEmpty) {
  const ProfileReport none = report(Profile(), {.rate = [](Arithmetic) { return 1e9; },
                                                .bandwidth = [](Traffic, double) { return 1e9; }});
  EXPECT_EQ(none.steps, 0);
  EXPECT_TRUE(none.costs.empty());
}

}  // namespace
}  // namespace lior::check
