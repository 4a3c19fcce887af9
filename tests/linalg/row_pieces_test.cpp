// SPDX-License-Identifier: Apache-2.0
// Products that take seconds are made in pieces, between which a call may be stopped.
#include <gtest/gtest.h>

#include <vector>

#include "linalg/check_product.h"
#include "lior/core/buffer.h"
#include "support/equal.h"

namespace lior::linalg {
namespace {

using Pieces = std::vector<std::pair<Index, Index>>;

Pieces pieces_of(const Shape<3>& product, double operations) {
  Pieces pieces;
  in_row_pieces(product, operations,
                [&](Index begin, Index end) { pieces.emplace_back(begin, end); });
  return pieces;
}

TEST(RowPieces, AProductOfAMomentIsWhole) {
  EXPECT_EQ(pieces_of({1000, 10, 10}, 100'000), (Pieces{{0, 1000}}));  // 200,000 operations
  EXPECT_EQ(pieces_of({1, 1'000'000, 10}, 100'000), (Pieces{{0, 1}}));
}

TEST(RowPieces, ALongerOneIsCutIntoRowsThatCoverItOnce) {
  EXPECT_EQ(pieces_of({1000, 10, 10}, 60'000),
            (Pieces{{0, 256}, {256, 512}, {512, 768}, {768, 1000}}));
  EXPECT_EQ(pieces_of({1100, 10, 10}, 104'000), (Pieces{{0, 512}, {512, 1024}, {1024, 1100}}));
}

TEST(RowPieces, APieceHasRowsEnoughForWhatItReads) {
  EXPECT_EQ(pieces_of({600, 1000, 1000}, 1), (Pieces{{0, 256}, {256, 512}, {512, 600}}));
}

TEST(RowPieces, RowsOfATransposedFactorAreItsColumns) {
  Array<float, 2> a({3, 5});
  const MatrixView<const float> view = a.view();
  const auto plain = rows_of(Transpose::no, view, 1, 3);
  EXPECT_EQ(plain.data, &a(1, 0));
  EXPECT_TRUE(
      equal(std::vector{plain.rows, plain.cols, plain.stride}, std::vector<Index>{2, 5, 5}));
  const auto turned = rows_of(Transpose::yes, view, 1, 3);
  EXPECT_EQ(turned.data, &a(0, 1));
  EXPECT_TRUE(
      equal(std::vector{turned.rows, turned.cols, turned.stride}, std::vector<Index>{3, 2, 5}));
}

}  // namespace
}  // namespace lior::linalg
