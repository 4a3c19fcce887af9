// SPDX-License-Identifier: Apache-2.0
// Products that take seconds are made in pieces, between which a call may be stopped.
#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "linalg/check_product.h"
#include "lior/core/buffer.h"
#include "support/equal.h"

namespace lior::linalg {
namespace {

using Blocks = std::vector<std::array<Index, 4>>;  // row, col, rows, cols

Blocks blocks_of(const Shape<3>& product, double operations) {
  Blocks blocks;
  in_blocks(product, operations, [&](Index row, Index col, Index rows, Index cols) {
    blocks.push_back({row, col, rows, cols});
  });
  return blocks;
}

TEST(ProductBlocks, AProductOfAMomentIsWhole) {
  EXPECT_EQ(blocks_of({1000, 10, 10}, 100'000), (Blocks{{0, 0, 1000, 10}}));  // 200,000 operations
}

TEST(ProductBlocks, ALongerOneIsCutAlongItsLongerSide) {
  EXPECT_EQ(blocks_of({600, 10, 10}, 52'000),
            (Blocks{{0, 0, 256, 10}, {256, 0, 256, 10}, {512, 0, 88, 10}}));
  EXPECT_EQ(blocks_of({1, 1100, 10}, 10'240),
            (Blocks{{0, 0, 1, 512}, {0, 512, 1, 512}, {0, 1024, 1, 76}}));
}

TEST(ProductBlocks, BlocksAreSquaresWhereTheyCanBe) {
  EXPECT_EQ(blocks_of({600, 300, 1000}, 1), (Blocks{{0, 0, 256, 256},
                                                    {0, 256, 256, 44},
                                                    {256, 0, 256, 256},
                                                    {256, 256, 256, 44},
                                                    {512, 0, 88, 256},
                                                    {512, 256, 88, 44}}));
  const auto blocks = blocks_of({8192, 8192, 8192}, 2e10);
  EXPECT_EQ(blocks.front(), (std::array<Index, 4>{0, 0, 1024, 1024}));
  EXPECT_EQ(blocks.size(), 64);
}

TEST(ProductBlocks, AProductInBlocksIsTheProduct) {
  // Of small whole numbers, so that sums are exact in any order.
  constexpr Index kM = 600, kN = 520, kK = 70;
  for (const Transpose ta : {Transpose::no, Transpose::yes}) {
    for (const Transpose tb : {Transpose::no, Transpose::yes}) {
      Array<double, 2> a(ta == Transpose::yes ? Shape<2>{kK, kM} : Shape<2>{kM, kK});
      Array<double, 2> b(tb == Transpose::yes ? Shape<2>{kN, kK} : Shape<2>{kK, kN});
      for (Index i = 0; i < a.size(); ++i) a.data()[i] = static_cast<double>(i * 7 % 11 - 5);
      for (Index i = 0; i < b.size(); ++i) b.data()[i] = static_cast<double>(i * 5 % 13 - 6);
      Array<double, 2> whole({kM, kN}), pieces({kM, kN});
      const MatrixView<const double> left = a.view(), right = b.view();
      const MatrixView<double> all_pieces = pieces.view();
      gemm<double>(ta, tb, 1, left, right, 0, whole.view());
      in_blocks({kM, kN, kK}, 1e7, [&](Index row, Index col, Index rows, Index cols) {
        gemm<double>(ta, tb, 1, block_of(ta, left, row, 0, rows, kK),
                     block_of(tb, right, 0, col, kK, cols), 0,
                     all_pieces.block(row, col, rows, cols));
      });
      EXPECT_TRUE(equal(whole.span(), pieces.span()));
    }
  }
}

}  // namespace
}  // namespace lior::linalg
