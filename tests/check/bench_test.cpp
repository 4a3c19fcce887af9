// SPDX-License-Identifier: Apache-2.0
// The bench runner on a clock and limits of our own: a call advances the clock by what it costs.
#include "lior/check/bench.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "lior/core/thread_scope.h"

namespace lior::check {
namespace {

class BenchRunner : public testing::Test {
 protected:
  BenchRunner() {
    settings_.seconds = [this] { return now_; };
  }

  /// A row whose two sides take so many seconds a call, and whose error is `error`.
  Bench row(double before_s, double after_s, double error = 0) {
    return {.name = "thing.work",
            .shape = "[1]",
            .dtype = "f32",
            .flops = 1e6,
            .bytes = 4e6,
            .prepare = [=, this] {
              return BenchRun{.before = [=, this] { now_ += before_s, order_ += 'A'; },
                              .after = [=, this] { now_ += after_s, order_ += 'B'; },
                              .error = [=] { return error; },
                              .tolerance = 1e-6};
            }};
  }
  BenchReport run(const Bench& row) { return bench({.benches = {row}}, limits_, settings_); }

  double now_ = 0;
  std::string order_;
  Limits limits_{.rate = [](Arithmetic) { return 1e9; },
                 .bandwidth = [](Traffic, double) { return 1e9; }};
  BenchSettings settings_;
};

TEST_F(BenchRunner, MediansRatioFloorAndFraction) {
  const BenchReport report = run(row(0.1, 0.008));
  ASSERT_EQ(report.failed(), 0);
  const BenchResult& result = report.rows[0];
  EXPECT_NEAR(result.before_s, 0.1, 1e-9);
  EXPECT_NEAR(result.after_s, 0.008, 1e-9);
  EXPECT_NEAR(result.ratio(), 12.5, 1e-6);
  EXPECT_NEAR(result.floor_s, 4e-3, 1e-12);  // 4 MB at 1 GB/s beats 1 Mflop at 1 Gflop/s
  EXPECT_NEAR(result.limit_fraction(), 0.5, 1e-6);
  EXPECT_NEAR(result.after_spread, 0, 1e-9);
  EXPECT_EQ(result.probe_moved, 0);
}

TEST_F(BenchRunner, SidesAreInterleavedAndSamplesLongEnough) {
  run(row(0.1, 0.008));
  // The check, one call a side to count with, then seven samples: one A, three B (24 ms >= 20 ms).
  std::string expected = "ABAB";
  for (int sample = 0; sample < 7; ++sample) expected += "ABBB";
  EXPECT_EQ(order_, expected);

  order_.clear();  // where one call is a sample, the first calls are the first sample
  run(row(0.1, 0.1));
  expected = "AB";
  for (int sample = 0; sample < 7; ++sample) expected += "AB";
  EXPECT_EQ(order_, expected);
}

TEST_F(BenchRunner, WrongResultIsNotTimed) {
  for (const double error : {1e-3, static_cast<double>(NAN)}) {
    order_.clear();
    const BenchReport report = run(row(0.1, 0.1, error));
    EXPECT_EQ(report.failed(), 1);
    EXPECT_EQ(order_, "AB");
    EXPECT_NE(to_line(report.rows[0]).find("FAILED"), std::string::npos);
  }
}

TEST_F(BenchRunner, ThrowIsAFailedRow) {
  Bench bad = row(1, 1);
  bad.prepare = []() -> BenchRun { throw Error("no such shape"); };
  const BenchReport report = run(bad);
  EXPECT_EQ(report.failed(), 1);
  EXPECT_EQ(report.rows[0].message, "no such shape");
}

TEST_F(BenchRunner, MovingLimitsAskForAnotherMeasurement) {
  Bench only_flops = row(0.1, 0.1);
  only_flops.bytes = 0;
  // Two probes of the run come first; then the row's: 1, 2 (moved), 2 (steady).
  int asked = 0;
  limits_.rate = [&](Arithmetic) { return ++asked <= 4 ? 1e9 : 2e9; };
  const BenchReport settled = run(only_flops);
  EXPECT_EQ(settled.rows[0].probe_moved, 0);
  EXPECT_EQ(order_.size(), 2 + 2 * 14);
  EXPECT_NEAR(settled.rows[0].floor_s, 1e6 / 2e9, 1e-15);

  order_.clear();
  limits_.rate = [&](Arithmetic) { return ++asked % 2 == 0 ? 1e9 : 2e9; };
  const BenchReport restless = run(only_flops);
  EXPECT_NEAR(restless.rows[0].probe_moved, 1, 1e-12);
  EXPECT_EQ(order_.size(), 2 + 3 * 14);  // three attempts, then it says so
  EXPECT_NE(to_line(restless.rows[0]).find("limits moved by 100%"), std::string::npos);
}

TEST_F(BenchRunner, SlowRowsTakeFewerSamplesAndSaySo) {
  settings_.row_seconds = 10;
  const BenchReport some = run(row(1.5, 0.5));
  EXPECT_EQ(some.rows[0].samples, 5);
  EXPECT_EQ(order_.size(), 2 + 2 * 5);
  EXPECT_NE(to_line(some.rows[0]).find("  5 samples"), std::string::npos);

  order_.clear();
  int asked = 0;
  limits_.rate = [&](Arithmetic) { return ++asked % 2 == 0 ? 1e9 : 2e9; };  // not measured again
  const BenchReport fewest = run(row(60, 0.5));
  EXPECT_EQ(fewest.rows[0].samples, kFewestSamples);
  EXPECT_EQ(order_.size(), 2 + 2 * 3);
  EXPECT_EQ(to_line(run(row(0.1, 0.1)).rows[0]).find("samples"), std::string::npos);
}

TEST_F(BenchRunner, RowsRunAtTheirOwnThreads) {
  const ThreadScope four(4);
  Bench narrow = row(0.1, 0.1);
  narrow.threads = 3;
  int seen = 0;
  limits_.bandwidth = [&](Traffic, double bytes) {
    if (bytes == 4e6) seen = threads();
    return 1e9;
  };
  EXPECT_EQ(run(narrow).rows[0].threads, 3);
  EXPECT_EQ(seen, 3);
  EXPECT_EQ(threads(), 4);
  const ThreadScope two(2);
  EXPECT_EQ(run(narrow).rows[0].threads, 2);
}

TEST_F(BenchRunner, FamiliesOfRowsAreFitted) {
  std::vector<Bench> rows;
  for (const double size : {1e2, 4e2, 16e2, 64e2}) {
    Bench member = row(1, 1e-3 * std::pow(size, 1.5));
    member.name = "thing.growth";
    member.variable = "N", member.size = size, member.memory = 8 * size;
    rows.push_back(member);
  }
  Bench wrong = rows[3];  // a row that fails is not fitted
  wrong.size = 1e9;
  wrong.prepare = row(1, 1, 1).prepare;
  Bench alone = rows[0];
  alone.name = "thing.alone";
  const BenchReport report =
      bench({.benches = {rows[0], row(1, 1), rows[1], alone, rows[2], wrong, rows[3]}}, limits_,
            settings_);
  ASSERT_EQ(report.growth.size(), 1);
  const GrowthResult& growth = report.growth[0];
  EXPECT_EQ(growth.sizes, (std::vector<double>{1e2, 4e2, 16e2, 64e2}));
  EXPECT_NEAR(growth.time_exponent, 1.5, 1e-9);
  EXPECT_NEAR(growth.memory_exponent.value(), 1, 1e-12);
  EXPECT_NE(to_line(growth).find("time ~ N^1.50, memory ~ N^1.00 over N = 100 to 6400"),
            std::string::npos);
  const nlohmann::json json = nlohmann::json::parse(to_json(report));
  EXPECT_NEAR(json["growth"][0]["time_exponent"].get<double>(), 1.5, 1e-9);
}

TEST_F(BenchRunner, JsonIsTheContract) {
  Bench unlimited = row(0.1, 0.05);
  unlimited.flops = unlimited.bytes = 0;
  const nlohmann::json json = nlohmann::json::parse(
      to_json(bench({.benches = {row(0.1, 0.05), unlimited, row(1, 1, 1)}}, limits_, settings_)));
  for (const char* key : {"version", "machine", "probe", "rows", "growth"})
    EXPECT_TRUE(json.contains(key));
  for (const char* key : {"cpu", "threads", "levels"}) EXPECT_TRUE(json["machine"].contains(key));
  EXPECT_TRUE(json["probe"]["before"]["fma_f32"].is_number());
  EXPECT_TRUE(json["probe"]["after"]["bandwidth"].is_array());
  EXPECT_NEAR(json["rows"][0]["limit_fraction"].get<double>(), 0.08, 1e-6);
  EXPECT_TRUE(json["rows"][1]["limit_fraction"].is_null());
  EXPECT_TRUE(json["rows"][1]["after_s"].is_number());
  EXPECT_TRUE(json["rows"][2]["after_s"].is_null());
  EXPECT_EQ(json["rows"][0].size(), 13) << "the contract's keys and no others";
}

}  // namespace
}  // namespace lior::check
