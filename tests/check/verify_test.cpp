// SPDX-License-Identifier: Apache-2.0
#include "lior/check/verify.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace lior::check {
namespace {

Check constant(const std::string& name, double error, double tolerance = 1) {
  return {.name = name,
          .module = "test",
          .dtype = "f64",
          .shape = "[1]",
          .tolerance = tolerance,
          .error = [=] { return error; }};
}

Check throwing(const std::string& name) {
  Check check = constant(name, 0);
  check.error = []() -> double { throw Error("tensor y is missing"); };
  return check;
}

const VerifySettings kOneLevel{.filter = "", .levels = {simd::Level::scalar}};

TEST(Verify, FailuresAreCounted) {
  const VerifyReport report = verify({.checks = {constant("good", 1), constant("large", 1.001),
                                                 constant("nan", NAN), throwing("throws")}},
                                     kOneLevel);
  ASSERT_EQ(report.rows.size(), 4);
  EXPECT_EQ(report.failed(), 3);
  EXPECT_TRUE(report.rows[0].pass);
  EXPECT_FALSE(report.rows[2].pass);
  EXPECT_EQ(report.rows[3].message, "tensor y is missing");
  EXPECT_TRUE(std::isnan(report.rows[3].error));
}

TEST(Verify, ToleranceZeroAsksForEquality) {
  const VerifyReport report =
      verify({.checks = {constant("same", 0, 0), constant("differs", 1e-300, 0)}}, kOneLevel);
  EXPECT_TRUE(report.rows[0].pass);
  EXPECT_FALSE(report.rows[1].pass);
}

TEST(Verify, EveryLevelRunsAndTheLevelInForceReturns) {
  const simd::Level before = simd::level();
  Check check = constant("level", 0);
  std::vector<simd::Level> seen;
  check.error = [&seen] {
    seen.push_back(simd::level());
    return 0.0;
  };
  int rows = 0;
  VerifySettings settings;
  settings.on_row = [&rows](const CheckResult&) { ++rows; };
  verify({.checks = {check}}, settings);
  const auto available = simd::available_levels();
  EXPECT_EQ(seen, std::vector(available.begin(), available.end()));
  EXPECT_EQ(rows, static_cast<int>(available.size()));
  EXPECT_EQ(simd::level(), before);
}

TEST(Verify, FilterChoosesAmongTheRegistryAndFurtherChecks) {
  VerifySettings settings = kOneLevel;
  settings.filter = "^octonion\\.";
  settings.further = {constant("octonion.golden", 0), constant("bilinears.golden", 0)};
  const VerifyReport report = verify(
      {.checks = {constant("octonion.moufang", 0), constant("ci8.octonion.x", 0)}}, settings);
  ASSERT_EQ(report.rows.size(), 2);
  EXPECT_EQ(report.rows[0].name, "octonion.moufang");
  EXPECT_EQ(report.rows[1].name, "octonion.golden");
}

TEST(Verify, FilterTakesModulesToo) {
  VerifySettings settings = kOneLevel;
  settings.filter = "^geo";
  Check of_geometry = constant("sphere", 0);
  of_geometry.module = "geometry";
  const VerifyReport report = verify({.checks = {of_geometry, constant("ball", 0)}}, settings);
  ASSERT_EQ(report.rows.size(), 1);
  EXPECT_EQ(report.rows[0].name, "sphere");
}

TEST(Verify, FilterThatChoosesNothingIsAnError) {
  VerifySettings settings = kOneLevel;
  settings.filter = "absent";
  EXPECT_THROW(verify({.checks = {constant("present", 0)}}, settings), Error);
  settings.filter = "[";
  EXPECT_THROW(verify({.checks = {constant("present", 0)}}, settings), Error);
}

TEST(Verify, FilterNestedDeepIsAnErrorAndNoOverflowOfTheStack) {
  for (const char* piece : {"(", "(a|", "[", "a{1,255}"}) {
    std::string expression;
    for (int depth = 0; depth < 30000; ++depth) expression += piece;
    EXPECT_THROW(name_filter(expression), Error) << piece;
  }
  EXPECT_TRUE(name_filter(std::string(400, '(') + "a" + std::string(400, ')'))("a"));
}

TEST(Verify, JsonIsTheContract) {
  VerifyReport report = verify({.checks = {constant("a.b", 0.25), throwing("a.c")}}, kOneLevel);
  report.not_covered = {"mystery.safetensors"};
  const nlohmann::json json = nlohmann::json::parse(to_json(report));
  EXPECT_EQ(json["checks"], 2);
  EXPECT_EQ(json["failed"], 1);
  EXPECT_EQ(json["not_covered"], nlohmann::json({"mystery.safetensors"}));
  EXPECT_EQ(json["rows"][0], (nlohmann::json{{"name", "a.b"},
                                             {"module", "test"},
                                             {"dtype", "f64"},
                                             {"level", "scalar"},
                                             {"shape", "[1]"},
                                             {"error", 0.25},
                                             {"tolerance", 1.0},
                                             {"pass", true}}));
  EXPECT_TRUE(json["rows"][1]["error"].is_null());
  EXPECT_EQ(json["rows"][1]["message"], "tensor y is missing");
}

}  // namespace
}  // namespace lior::check
