// SPDX-License-Identifier: Apache-2.0
// That probes run and are of the machine's order; what they say is not ours to promise.
#include "lior/check/probe.h"

#include <gtest/gtest.h>

#include "lior/core/parallel.h"
#include "lior/linalg/gemm.h"

namespace lior::check {
namespace {

TEST(Probe, RatesAreOfAProcessorsOrder) {
  const Limits limits = machine_limits();
  for (const Arithmetic arithmetic : {Arithmetic::fma_f32, Arithmetic::fma_f64}) {
    const double rate = limits.rate(arithmetic);
    EXPECT_GT(rate, 1e8);
    EXPECT_LT(rate, 1e12 * threads());
  }
  EXPECT_EQ(limits.rate(Arithmetic::fma_bf16) > 0, linalg::bf16_is_native());
}

TEST(Probe, BandwidthsAreOfAMemorysOrder) {
  const Limits limits = machine_limits();
  for (const Traffic traffic : {Traffic::read, Traffic::write, Traffic::triad}) {
    for (const double footprint : {0.0, 1e6}) {  // 0 is clamped, not divided by
      const double rate = limits.bandwidth(traffic, footprint);
      EXPECT_GT(rate, 1e8);
      EXPECT_LT(rate, 1e12 * threads());
    }
  }
}

TEST(Probe, TableIsWhatTheLimitsSay) {
  const Limits limits{.rate = [](Arithmetic a) { return a == Arithmetic::fma_bf16 ? 0.0 : 5.0; },
                      .bandwidth = [](Traffic, double footprint) { return 2 * footprint; }};
  const Probe probe = take_probe(limits);
  EXPECT_EQ(probe.threads, threads());
  EXPECT_EQ(probe.fma_f64, 5);
  EXPECT_FALSE(probe.fma_bf16);
  ASSERT_EQ(probe.bandwidth.size(), 3);
  for (const Probe::Row& row : probe.bandwidth) EXPECT_EQ(row.triad, 2 * row.footprint);
}

}  // namespace
}  // namespace lior::check
