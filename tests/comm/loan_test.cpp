// SPDX-License-Identifier: Apache-2.0
#include "lior/comm/loan.h"

#include <gtest/gtest.h>

#include "lior/core/error.h"

namespace lior::comm {
namespace {

/// Numbers that rank `from` has for rank `to`: none where both are the same odd one.
Index count_of(Index from, Index to) {
  return from == to && from % 2 == 1 ? 0 : 3 + 2 * from + 5 * to;
}

Loan<Index> loan_of(Communicator& ranks) {
  std::vector<Index> lent, taken;
  for (Index r = 0; r < ranks.size(); ++r) {
    lent.push_back(count_of(ranks.rank(), r));
    taken.push_back(count_of(r, ranks.rank()));
  }
  return {ranks, lent, taken};
}

/// Parts go out and come back three times; each rank adds to what it takes.
void expect_parts_come_back(Index size, Index per_host) {
  run_ranks(
      size,
      [](Communicator& ranks) {
        Loan<Index> loan = loan_of(ranks);
        const Index own = ranks.rank();
        const auto number = [](Index from, Index to, Index k) {
          return 10000 * from + 100 * to + k;
        };
        Index lent = 0, taken = 0;
        for (Index r = 0; r < ranks.size(); ++r) {
          for (Index k = 0; k < count_of(own, r); ++k) {
            EXPECT_EQ(loan.lent(r)[k], 0);
            loan.lent(r)[k] = number(own, r, k);
          }
          if (r == own) continue;
          lent += count_of(own, r), taken += count_of(r, own);
        }
        for (Index turn = 0; turn < 3; ++turn) {
          Index before = ranks.traffic().bytes;
          loan.lend();
          EXPECT_EQ(ranks.traffic().bytes - before, taken * Index{sizeof(Index)});
          for (Index r = 0; r < ranks.size(); ++r) {
            for (Index k = 0; k < count_of(r, own); ++k) {
              ASSERT_EQ(loan.taken(r)[k], number(r, own, k) + turn * (1 + own)) << r << ", " << k;
              loan.taken(r)[k] += 1 + own;
            }
          }
          before = ranks.traffic().bytes;
          loan.give_back();
          EXPECT_EQ(ranks.traffic().bytes - before, lent * Index{sizeof(Index)});
          for (Index r = 0; r < ranks.size(); ++r) {
            for (Index k = 0; k < count_of(own, r); ++k) {
              ASSERT_EQ(loan.lent(r)[k], number(own, r, k) + (turn + 1) * (1 + r))
                  << r << ", " << k;
            }
          }
        }
      },
      per_host);
}

TEST(Loan, PartsComeBackAsTheOthersLeftThem) {
  expect_parts_come_back(1, 0);
  expect_parts_come_back(4, 0);
}

TEST(Loan, PartsForOtherHostsGoThereAndBack) {
  expect_parts_come_back(3, 1);  // each rank on its own
  expect_parts_come_back(5, 2);
}

TEST(Loan, RanksOfOneHostWorkOnOneMemory) {
  run_ranks(
      3,
      [](Communicator& ranks) {
        Loan<Index> loan = loan_of(ranks);
        std::vector<const Index*> lent_to_0(3);
        ranks.all_gather<const Index*>(loan.lent(0), std::span(lent_to_0));
        loan.lend();
        if (ranks.is_first()) {
          EXPECT_EQ(loan.taken(0), lent_to_0[0]);
          EXPECT_EQ(loan.taken(1), lent_to_0[1]);
          EXPECT_NE(loan.taken(2), lent_to_0[2]);  // the third is the first of another host
        }
        loan.give_back();
      },
      2);
}

TEST(Loan, CountsThatDifferAreRefused) {
  EXPECT_THROW(Loan<int>(alone(), std::vector<Index>{3}, std::vector<Index>{4}), Error);
}

}  // namespace
}  // namespace lior::comm
