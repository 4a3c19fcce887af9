// SPDX-License-Identifier: Apache-2.0
// Affine maps and embeddings: the references at small and odd sizes, what is written and what
// added.
#include "lior/nn/linear.h"

#include <gtest/gtest.h>

#include <vector>

#include "lior/nn/embedding.h"
#include "nn/strided.h"

namespace lior::nn {
namespace {

template <class T>
class Linear : public testing::Test {
 protected:
  Arena workspace{1 << 20};
};
TYPED_TEST_SUITE(Linear, Types);

// Sums of up to 67 products, in another order than the reference's.
template <class T>
constexpr double kTolerance = 128 * kEpsilon<T>;

TYPED_TEST(Linear, IsTheReferenceAtEverySize) {
  using T = TypeParam;
  for (const Shape<3> size : {Shape<3>{0, 3, 4}, {1, 1, 1}, {1, 5, 3}, {7, 8, 9}, {67, 17, 31}}) {
    const auto [R, K, O] = size;
    Strided<T> x(R, K, 1), weight(O, K, 2), dy(R, O, 3), y(R, O, 4), y_want(R, O, 5);
    Strided<T> dx(R, K, 6), dx_want(R, K, 7), d_weight(O, K, 8), d_weight_want(O, K, 8);
    const Buffer<T> bias = normal_numbers<T>(O, 9);
    Buffer<T> d_bias = normal_numbers<T>(O, 10), d_bias_want = normal_numbers<T>(O, 10);

    linear_forward<T>(x, weight, bias.span(), y);
    linear_backward<T>(x, weight, dy, Store::write, dx, d_weight, d_bias.span(), this->workspace);
    reference::linear_forward<T>(x, weight, bias.span(), y_want);
    reference::linear_backward<T>(x, weight, dy, dx_want, d_weight_want, d_bias_want.span());
    EXPECT_LE(difference(y.view(), y_want.view()), kTolerance<T>) << to_string(size);
    EXPECT_LE(difference(dx.view(), dx_want.view()), kTolerance<T>) << to_string(size);
    EXPECT_LE(difference(d_weight.view(), d_weight_want.view()), kTolerance<T>) << to_string(size);
    EXPECT_LE(difference(d_bias.span(), d_bias_want.span()), kTolerance<T>) << to_string(size);
    EXPECT_TRUE(y.margins_are_whole() && dx.margins_are_whole() && d_weight.margins_are_whole());

    linear_forward<T>(x, weight, {}, y);
    reference::linear_forward<T>(x, weight, {}, y_want);
    EXPECT_LE(difference(y.view(), y_want.view()), kTolerance<T>) << to_string(size);

    linear_backward<T>(x, weight, dy, Store::add, dx, d_weight, {}, this->workspace);
    for (Index r = 0; r < R; ++r) {
      for (Index k = 0; k < K; ++k) dx_want.view()(r, k) *= 2;
    }
    EXPECT_LE(difference(dx.view(), dx_want.view()), kTolerance<T>) << to_string(size);
  }
}

TYPED_TEST(Linear, LeavesOutTheGradientOfItsInput) {
  using T = TypeParam;
  Strided<T> x(9, 4, 1), weight(3, 4, 2), dy(9, 3, 3), d_weight(3, 4, 4), d_weight_want(3, 4, 4);
  Strided<T> dx(9, 4, 5);
  linear_backward<T>(x, weight, dy, Store::write, {}, d_weight, {}, this->workspace);
  reference::linear_backward<T>(x, weight, dy, dx, d_weight_want, {});
  EXPECT_LE(difference(d_weight.view(), d_weight_want.view()), kTolerance<T>);
}

TYPED_TEST(Linear, WrongShapesAreNamed) {
  using T = TypeParam;
  Strided<T> x(3, 5, 1), weight(4, 6, 2), y(3, 4, 3), right(4, 5, 4);
  Buffer<T> three(3);
  EXPECT_EQ(error_of([&] { linear_forward<T>(x, weight, {}, y); }),
            "weight is 4 x 6; expected 4 x 5");
  EXPECT_EQ(error_of([&] { linear_forward<T>(x, right, three.span(), y); }),
            "bias has 3 entries; expected 4");
  EXPECT_EQ(error_of([&] {
              linear_backward<T>(x, right, y, Store::write, y, right, {}, this->workspace);
            }),
            "dx is 3 x 4; expected 3 x 5");
}

TYPED_TEST(Linear, EmbeddingIsTheReferenceAtEveryWidth) {
  using T = TypeParam;
  const Index V = 4;
  for (const Index D : kLengths) {
    const std::vector<std::int32_t> tokens = {3, 0, 3, 3, 1, 0};
    const auto R = static_cast<Index>(tokens.size());
    Strided<T> table(V, D, 1), out(R, D, 2), out_want(R, D, 3), d_out(R, D, 4);
    embedding_forward<T>(table, tokens, out);
    reference::embedding_forward<T>(table, tokens, out_want);
    EXPECT_EQ(difference(out.view(), out_want.view()), 0) << "D=" << D;

    Strided<T> want(V, D, 5);
    reference::embedding_backward<T>(tokens, d_out, want);
    on_thread_counts([&](int) {  // the same order of sums as the reference: equal bits
      Strided<T> d_table(V, D, 5);
      embedding_backward<T>(tokens, d_out, d_table);
      EXPECT_EQ(difference(d_table.view(), want.view()), 0) << "D=" << D;
      EXPECT_TRUE(d_table.margins_are_whole());
    });
  }
}

TYPED_TEST(Linear, TokensOutsideTheTableAreNamed) {
  using T = TypeParam;
  Strided<T> table(4, 3, 1), out(2, 3, 2);
  const std::vector<std::int32_t> large = {3, 4}, negative = {-1, 0};
  EXPECT_EQ(error_of([&] { embedding_forward<T>(table, large, out); }),
            "tokens[1] is 4; expected 0 to 3, a row of the table");
  EXPECT_EQ(error_of([&] { embedding_backward<T>(negative, out, table); }),
            "tokens[0] is -1; expected 0 to 3, a row of the table");
}

}  // namespace
}  // namespace lior::nn
