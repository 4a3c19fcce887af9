// SPDX-License-Identifier: Apache-2.0
#include "lior/nn/tiled_attention.h"

#include <gtest/gtest.h>

#include "nn/strided.h"

namespace lior::nn {
namespace {

// Values, gradients, identities and memory of both forms: src/check/nn/attention_checks.cpp.

template <class T>
class TiledAttention : public testing::Test {};
TYPED_TEST_SUITE(TiledAttention, Types);

/// Around the tiles of 32 keys and 64 queries, and past them.
constexpr Index kTileLengths[] = {0, 1, 31, 32, 33, 63, 64, 65, 200};

TYPED_TEST(TiledAttention, MatchesTheReferenceAtEverySize) {
  using T = TypeParam;
  for (const Index N : kTileLengths) {
    for (const Index width : {1, 5, 16, 33}) {
      const TiledAttentionShape shape{.batch = 2,
                                      .length = N,
                                      .heads = 2,
                                      .key_width = width,
                                      .value_width = width + 3,
                                      .window = 0};
      const Index R = shape.rows(), E = 2 * width, F = 2 * shape.value_width;
      Strided<T> q(R, E, 1), k(R, E, 2), v(R, F, 3), out(R, F, 4), want(R, F, 5);
      Array<T, 3> log_sums({2, 2, N});
      on_thread_counts([&](int) {
        dot_attention_forward<T>(shape, q, k, v, {}, {}, out, log_sums.view());
        reference::dot_attention_forward<T>(shape, q, k, v, {}, want);
        EXPECT_LE(difference(out.view(), want.view()), 32 * kEpsilon<T>) << N << " x " << width;
        EXPECT_TRUE(out.margins_are_whole());
      });
    }
  }
}

TYPED_TEST(TiledAttention, GradientsAreBitEqualAcrossThreadsAndLeaveMargins) {
  using T = TypeParam;
  const TiledAttentionShape shape{.batch = 2,
                                  .length = 300,
                                  .heads = 3,
                                  .key_width = kSpinorWidth,
                                  .value_width = 9,
                                  .window = 0};
  const Index R = shape.rows(), E = 3 * kSpinorWidth, F = 27;
  Strided<T> z(R, E, 1, 0.7), v(R, F, 2), out(R, F, 3), d_out(R, F, 4), dz(R, E, 5), dv(R, F, 6);
  Array<T, 3> log_sums({2, 3, 300});
  Array<T, 2> mix({3, 4});
  Random(7).fill_normal(mix.span());
  Arena arena(std::size_t{1} << 19);
  std::vector<T> first;
  on_thread_counts([&](int count) {
    Array<T, 2> d_mix({3, 4});
    spinor_attention_forward<T>(shape, z, v, mix.view(), {}, out, log_sums.view());
    spinor_attention_backward<T>(shape, z, v, mix.view(), out, log_sums.view(), d_out, dz, dv,
                                 d_mix.view(), arena);
    std::vector<T> all(d_mix.span().begin(), d_mix.span().end());
    for (Index r = 0; r < R; ++r) {
      for (Index e = 0; e < E; ++e) all.push_back(dz.view()(r, e));
      for (Index f = 0; f < F; ++f) all.push_back(dv.view()(r, f));
    }
    if (count == 1) first = all;
    EXPECT_EQ(all, first);
  });
  EXPECT_TRUE(dz.margins_are_whole());
  EXPECT_TRUE(dv.margins_are_whole());
}

TYPED_TEST(TiledAttention, LargeScoresDoNotOverflow) {
  using T = TypeParam;
  const TiledAttentionShape shape{
      .batch = 1, .length = 80, .heads = 1, .key_width = 4, .value_width = 4, .window = 0};
  Strided<T> q(80, 4, 1, 1e4), k(80, 4, 2, 1e4), v(80, 4, 3), out(80, 4, 4), want(80, 4, 5);
  Array<T, 3> log_sums({1, 1, 80});
  dot_attention_forward<T>(shape, q, k, v, {}, {}, out, log_sums.view());
  for (Index n = 0; n < 80; ++n) {  // one key takes it all
    Index best = 0;
    const auto score = [&](Index j) {
      double sum = 0;
      for (Index e = 0; e < 4; ++e) sum += double(q.view()(n, e)) * double(k.view()(j, e));
      return sum;
    };
    for (Index j = 1; j <= n; ++j) best = score(j) > score(best) ? j : best;
    EXPECT_NEAR(out.view()(n, 0), v.view()(best, 0), 4 * kEpsilon<T>) << n;
  }
}

TYPED_TEST(TiledAttention, NanReachesItsTileAndLaterOutputsOnly) {
  using T = TypeParam;
  const TiledAttentionShape shape{
      .batch = 1, .length = 200, .heads = 1, .key_width = 4, .value_width = 4, .window = 0};
  Strided<T> q(200, 4, 1), k(200, 4, 2), v(200, 4, 3), out(200, 4, 4);
  k.view()(140, 1) = std::numeric_limits<T>::quiet_NaN();
  Array<T, 3> log_sums({1, 1, 200});
  dot_attention_forward<T>(shape, q, k, v, {}, {}, out, log_sums.view());
  for (Index n = 0; n < 140 - 63; ++n) EXPECT_TRUE(std::isfinite(out.view()(n, 0))) << n;
  for (Index n = 140; n < 200; ++n) EXPECT_TRUE(std::isnan(out.view()(n, 0))) << n;
}

TEST(TiledAttentionErrors, NameTheArgument) {
  const TiledAttentionShape shape{
      .batch = 1, .length = 3, .heads = 2, .key_width = 4, .value_width = 4, .window = 5};
  Array<float, 2> rows({3, 8}), narrow({3, 7}), state({1, 9});
  Array<float, 3> log_sums({1, 2, 3});
  const auto run = [&](const TiledAttentionShape& of, Array<float, 2>& v,
                       linalg::MatrixView<float> kept) {
    return error_of([&] {
      dot_attention_forward<float>(of, rows.view(), rows.view(), v.view(), {}, kept, rows.view(),
                                   log_sums.view());
    });
  };
  EXPECT_EQ(run(shape, narrow, {}), "v is 3 x 7; expected 3 x 8");
  EXPECT_EQ(run(shape, rows, state.view()), "state is 1 x 9; expected 1 x 81");
  TiledAttentionShape wide = shape;
  wide.key_width = 129;
  EXPECT_EQ(run(wide, rows, {}),
            "a head has keys of 129 and values of 4 numbers; expected 1 to 128 and 1 to 128");
}

}  // namespace
}  // namespace lior::nn
