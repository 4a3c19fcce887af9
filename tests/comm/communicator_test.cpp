// SPDX-License-Identifier: Apache-2.0
#include "lior/comm/communicator.h"

#include <gtest/gtest.h>

#include <atomic>
#include <numeric>

#include "lior/comm/same_lines.h"
#include "lior/core/error.h"

namespace lior::comm {
namespace {

TEST(Communicator, AProcessOnItsOwnMovesNothing) {
  Communicator& ranks = alone();
  EXPECT_EQ(ranks.size(), 1);
  EXPECT_TRUE(ranks.is_first());
  int value = 7;
  ranks.broadcast(std::span(&value, 1));
  ranks.all_gather(value, std::span(&value, 1));
  const std::vector<int> out{1, 2};
  std::vector<int> in(2);
  const std::span<const int> outgoing(out);
  const std::span<int> incoming(in);
  ranks.all_to_all(std::span(&outgoing, 1), std::span(&incoming, 1));
  EXPECT_EQ(in, out);
  EXPECT_EQ(value, 7);
  EXPECT_EQ(ranks.traffic().bytes, 0);
}

TEST(Communicator, EveryRankGetsTheRootsValues) {
  run_ranks(3, [](Communicator& ranks) {
    std::vector<double> values(5, static_cast<double>(ranks.rank()));
    ranks.broadcast(std::span(values), 2);
    EXPECT_EQ(values, std::vector<double>(5, 2.0));
    EXPECT_EQ(ranks.traffic().bytes, ranks.rank() == 2 ? 0 : 40);
  });
}

TEST(Communicator, PartsOfAnySizeComeTogetherInTheirOrder) {
  run_ranks(3, [](Communicator& ranks) {
    const std::vector<Index> ends{2, 2, 7};  // rank 1 has none
    std::vector<int> all(7, -1), expected(7);
    std::iota(expected.begin(), expected.end(), 0);
    const Index begin = ranks.rank() == 0 ? 0 : ends[ranks.rank() - 1];
    for (Index i = begin; i < ends[ranks.rank()]; ++i) all[i] = static_cast<int>(i);
    ranks.all_gather(std::span(all), std::span(ends));
    EXPECT_EQ(all, expected);
    EXPECT_EQ(ranks.traffic().bytes, 4 * (7 - (ends[ranks.rank()] - begin)));
  });
}

TEST(Communicator, EachRankSendsEachAnother) {
  run_ranks(4, [](Communicator& ranks) {
    // To rank r go r numbers that say from whom.
    std::vector<std::vector<Index>> out(4), in(4);
    std::vector<std::span<const Index>> outgoing;
    std::vector<std::span<Index>> incoming;
    for (Index r = 0; r < 4; ++r) {
      out[r].assign(r, ranks.rank());
      in[r].resize(ranks.rank());
      outgoing.emplace_back(out[r]);
      incoming.emplace_back(in[r]);
    }
    ranks.all_to_all(std::span<const std::span<const Index>>(outgoing),
                     std::span<const std::span<Index>>(incoming));
    for (Index r = 0; r < 4; ++r) EXPECT_EQ(in[r], std::vector<Index>(ranks.rank(), r));
  });
}

TEST(Communicator, RanksOfAColourCallEachOther) {
  run_ranks(6, [](Communicator& ranks) {
    const Index colour = ranks.rank() % 2;
    const std::unique_ptr<Communicator> part = ranks.split(colour);
    ASSERT_EQ(part->size(), 3);
    EXPECT_EQ(part->rank(), ranks.rank() / 2);
    // Only those of colour 1 call: the others are not waited for.
    std::vector<Index> all(3);
    for (int call = 0; call < 5 && colour == 1; ++call) {
      part->all_gather(ranks.rank(), std::span(all));
      EXPECT_EQ(all, (std::vector<Index>{1, 3, 5}));
    }
    const std::unique_ptr<Communicator> own = part->split(part->rank());
    EXPECT_EQ(own->size(), 1);
  });
  EXPECT_EQ(alone().split(7)->size(), 1);
}

/// The error that rank 0 reports when `body` runs on three ranks.
template <class Failure, class Body>
std::string failure_of(const Body& body) {
  std::string message;
  EXPECT_THROW(run_ranks(3,
                         [&](Communicator& ranks) {
                           try {
                             ranks.together([&] { body(ranks.rank()); });
                           } catch (const Failure& failure) {
                             if (ranks.is_first()) message = failure.what();
                             throw;
                           }
                         }),
               Failure);
  return message;
}

TEST(Communicator, AFailureOfOneRankIsOneOfAllAndNamesIt) {
  EXPECT_EQ(failure_of<RunError>([](Index rank) {
              if (rank > 0) throw RunError("the disk of " + std::to_string(rank) + " is full");
            }),
            "rank 1: the disk of 1 is full");
  EXPECT_EQ(failure_of<Error>([](Index rank) {
              if (rank == 2) throw Error("no such file");
            }),
            "rank 2: no such file");
}

TEST(Communicator, WhatAllRanksSayIsSaidWithoutAName) {
  EXPECT_EQ(failure_of<Error>([](Index) { throw Error("batch = 0"); }), "batch = 0");
}

TEST(Communicator, WithoutAFailureTogetherGoesOn) {
  std::atomic<int> ran = 0;
  run_ranks(2, [&](Communicator& ranks) {
    ranks.together([&] { ++ran; });
    EXPECT_FALSE(ranks.failed_together());
  });
  EXPECT_EQ(ran, 2);
}

TEST(SameLines, TheFirstLineThatDiffersIsNamed) {
  const auto check = [](const std::vector<std::string>& texts) {
    std::string message;
    try {
      run_ranks(std::ssize(texts), [&](Communicator& ranks) {
        check_same_lines(ranks, "the settings", texts[static_cast<std::size_t>(ranks.rank())]);
      });
    } catch (const Error& error) {
      message = error.what();
    }
    return message;
  };
  EXPECT_EQ(check({"a = 1\nb = 2\n", "a = 1\nb = 2\n"}), "");
  EXPECT_EQ(check({"", ""}), "");
  EXPECT_EQ(check({"a = 1\nb = 2\n", "a = 1\nb = 2\n", "a = 1\nb = 3\n"}),
            "rank 2: the settings are not those of rank 0: 'b = 3', there 'b = 2'");
  EXPECT_EQ(check({"a = 1", "a = 1\nb"}),
            "rank 1: the settings are not those of rank 0: 'b', there ''");
  EXPECT_EQ(check({"a = 1\nb", ""}),
            "rank 1: the settings are not those of rank 0: '', there 'a = 1'");
}

TEST(EvenEnds, SharesDifferByOneAtMost) {
  EXPECT_EQ(even_ends(7, 3), (std::vector<Index>{3, 5, 7}));
  EXPECT_EQ(even_ends(2, 4), (std::vector<Index>{1, 2, 2, 2}));
  EXPECT_EQ(even_ends(0, 2), (std::vector<Index>{0, 0}));
}

}  // namespace
}  // namespace lior::comm
