// SPDX-License-Identifier: Apache-2.0
#include "lior/check/link.h"

#include <gtest/gtest.h>

#include "lior/core/error.h"

namespace lior::check {
namespace {

TEST(Link, ConstantsAreThoseOfTheModel) {
  constexpr double kLatency = 3e-6, kBandwidth = 2e9;
  for (const Index ranks : {2, 3, 16}) {
    const auto seconds = [&](Index bytes) {
      return static_cast<double>(ranks - 1) * (kLatency + static_cast<double>(bytes) / kBandwidth);
    };
    const LinkSpeed speed = link_speed(ranks, 8, seconds(8), 1 << 20, seconds(1 << 20));
    EXPECT_NEAR(speed.latency, kLatency, 1e-12 * kLatency + 1e-18);
    EXPECT_NEAR(speed.bandwidth, kBandwidth, 1e-12 * kBandwidth);
  }
}

TEST(Link, IsMeasuredBetweenRanksThatAllGetTheSame) {
  std::vector<LinkSpeed> speeds(3);
  Index bytes = 0;
  comm::run_ranks(3, [&](comm::Communicator& ranks) {
    speeds[static_cast<std::size_t>(ranks.rank())] = measure_link(ranks);
    if (ranks.is_first()) bytes = ranks.traffic().bytes;
  });
  for (const LinkSpeed& speed : speeds) {
    EXPECT_GT(speed.latency, 0);
    EXPECT_LT(speed.latency, 1);
    EXPECT_GT(speed.bandwidth, 1e6);
    EXPECT_EQ(speed.latency, speeds[0].latency);
    EXPECT_EQ(speed.bandwidth, speeds[0].bandwidth);
  }
  // 1 + 15 x 200 exchanges of 8 bytes and 1 + 15 x 4 of 4 MB, from two others; and their times.
  EXPECT_EQ(bytes, 2 * (3001 * 8 + 61 * (Index{4} << 20) + 2 * 8));
}

TEST(Link, OneRankSendsNothing) { EXPECT_THROW(measure_link(comm::alone()), Error); }

}  // namespace
}  // namespace lior::check
