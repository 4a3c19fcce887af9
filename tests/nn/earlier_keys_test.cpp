// SPDX-License-Identifier: Apache-2.0
// Attention over keys in parts, as ranks that share sequences do it: each stretch of queries with
// its own keys and then with those of the stretches before it has one call's outputs and gradients.
#include <gtest/gtest.h>

#include <vector>

#include "lior/core/random.h"
#include "lior/nn/tiled_attention.h"
#include "nn/strided.h"

namespace lior::nn {
namespace {

using linalg::MatrixView;

constexpr Index kLength = 700;                              // several groups of the gradient's work
const std::vector<Index> kStarts{0, 1, 300, 365, kLength};  // of very different stretches
constexpr Index kHeads = 2, kWidth = kSpinorWidth, kValues = 5;

template <class T>
MatrixView<T> rows(Array<T, 2>& array, Index begin, Index count) {
  return MatrixView<T>(array.view()).block(begin, 0, count, array.shape()[1]);
}

template <class T>
Array<T, 2> normal(Index columns, std::uint64_t seed, T size = 1) {
  Array<T, 2> numbers({kLength, columns});
  Random(seed).fill_normal(numbers.span());
  for (T& number : numbers.span()) number *= size;
  return numbers;
}

/// What attention makes of a sequence, and the gradient of sum(out d_out).
template <class T>
struct Results {
  Array<T, 2> out{{kLength, kHeads*kValues}}, dq{{kLength, kHeads*kWidth}},
      dk{{kLength, kHeads*kWidth}}, dv{{kLength, kHeads*kValues}}, d_mix{{kHeads, 4}};
};

/// Queries [begin, begin + shape.length), over their own keys or earlier ones. `dk` and `dv` are
/// added to the results.
template <class T>
struct Dot {
  Array<T, 2> q = normal<T>(kHeads * kWidth, 1), k = normal<T>(kHeads * kWidth, 2),
              v = normal<T>(kHeads * kValues, 3), d_out = normal<T>(kHeads * kValues, 4);
  Array<T, 1> slopes{{kHeads}};
  Dot() { slopes(0) = T(0.01), slopes(1) = 0; }
  static void join(Results<T>&) {}

  void forward(const TiledAttentionShape& shape, Index begin, Results<T>& to, View<T, 3> sums) {
    const Index N = shape.length;
    dot_attention_forward<T>(shape, rows(q, begin, N), rows(k, begin, N), rows(v, begin, N),
                             slopes.view(), {}, rows(to.out, begin, N), sums);
  }
  void forward(const TiledAttentionShape& shape, EarlierKeys earlier, Index begin, Results<T>& to,
               View<T, 3> sums) {
    const Index N = shape.length, first = begin - earlier.distance;
    dot_attention_forward_earlier<T>(shape, earlier, rows(q, begin, N),
                                     rows(k, first, earlier.count), rows(v, first, earlier.count),
                                     slopes.view(), rows(to.out, begin, N), sums);
  }
  void backward(const TiledAttentionShape& shape, Index begin, Results<T>& to, View<T, 3> sums,
                View<T, 2> dk, View<T, 2> dv) {
    const Index N = shape.length;
    dot_attention_backward<T>(shape, rows(q, begin, N), rows(k, begin, N), rows(v, begin, N),
                              slopes.view(), rows(to.out, begin, N), sums, rows(d_out, begin, N),
                              rows(to.dq, begin, N), dk, dv);
  }
  void backward(const TiledAttentionShape& shape, EarlierKeys earlier, Index begin, Results<T>& to,
                View<T, 3> sums, View<T, 2> dk, View<T, 2> dv) {
    const Index N = shape.length, first = begin - earlier.distance;
    dot_attention_backward_earlier<T>(shape, earlier, rows(q, begin, N),
                                      rows(k, first, earlier.count), rows(v, first, earlier.count),
                                      slopes.view(), rows(to.out, begin, N), sums,
                                      rows(d_out, begin, N), rows(to.dq, begin, N), dk, dv);
  }
};

/// The same with spinor scores.
template <class T>
struct Spinors {
  Array<T, 2> z = normal<T>(kHeads * kWidth, 1, T(0.7)), v = normal<T>(kHeads * kValues, 3),
              d_out = normal<T>(kHeads * kValues, 4), mix{{kHeads, 4}};
  Arena arena{std::size_t{1} << 20};
  Spinors() { Random(5).fill_normal(mix.span()); }
  /// A row of z is a query and a key.
  static void join(Results<T>& results) {
    for (Index i = 0; i < results.dq.size(); ++i) results.dq.span()[i] += results.dk.span()[i];
    std::ranges::fill(results.dk.span(), T(0));
  }

  void forward(const TiledAttentionShape& shape, Index begin, Results<T>& to, View<T, 3> sums) {
    const Index N = shape.length;
    spinor_attention_forward<T>(shape, rows(z, begin, N), rows(v, begin, N), mix.view(), {},
                                rows(to.out, begin, N), sums);
  }
  void forward(const TiledAttentionShape& shape, EarlierKeys earlier, Index begin, Results<T>& to,
               View<T, 3> sums) {
    const Index N = shape.length, first = begin - earlier.distance;
    spinor_attention_forward_earlier<T>(
        shape, earlier, rows(z, begin, N), rows(z, first, earlier.count),
        rows(v, first, earlier.count), mix.view(), rows(to.out, begin, N), sums);
  }
  void backward(const TiledAttentionShape& shape, Index begin, Results<T>& to, View<T, 3> sums,
                View<T, 2>, View<T, 2> dv) {
    const Index N = shape.length;
    spinor_attention_backward<T>(shape, rows(z, begin, N), rows(v, begin, N), mix.view(),
                                 rows(to.out, begin, N), sums, rows(d_out, begin, N),
                                 rows(to.dq, begin, N), dv, to.d_mix.view(), arena);
  }
  void backward(const TiledAttentionShape& shape, EarlierKeys earlier, Index begin, Results<T>& to,
                View<T, 3> sums, View<T, 2> dk, View<T, 2> dv) {
    const Index N = shape.length, first = begin - earlier.distance;
    spinor_attention_backward_earlier<T>(
        shape, earlier, rows(z, begin, N), rows(z, first, earlier.count),
        rows(v, first, earlier.count), mix.view(), rows(to.out, begin, N), sums,
        rows(d_out, begin, N), rows(to.dq, begin, N), dk, dv, to.d_mix.view(), arena);
  }
};

/// Of the stretches between `starts`, each over its own keys first, then the nearest ones before.
template <class T, class Attended>
Results<T> attend(Attended& of, Index window, std::span<const Index> starts) {
  Results<T> results;
  for (std::size_t s = 0; s + 1 < starts.size(); ++s) {
    const Index begin = starts[s], N = starts[s + 1] - begin;
    const TiledAttentionShape shape{.batch = 1,
                                    .length = N,
                                    .heads = kHeads,
                                    .key_width = kWidth,
                                    .value_width = kValues,
                                    .window = window};
    const auto earlier = [&](std::size_t r) {
      return EarlierKeys{starts[r + 1] - starts[r], begin - starts[r]};
    };
    Array<T, 3> sums({1, kHeads, N});
    of.forward(shape, begin, results, sums.view());
    for (std::size_t r = s; r-- > 0;) of.forward(shape, earlier(r), begin, results, sums.view());

    const auto add = [&](Index first, Index count, const auto& backward) {
      Array<T, 2> dk({count, kHeads * kWidth}), dv({count, kHeads * kValues});
      backward(dk.view(), dv.view());
      for (Index n = 0; n < count; ++n) {
        for (Index j = 0; j < dk.shape()[1]; ++j) results.dk(first + n, j) += dk(n, j);
        for (Index j = 0; j < dv.shape()[1]; ++j) results.dv(first + n, j) += dv(n, j);
      }
    };
    add(begin, N, [&](View<T, 2> dk, View<T, 2> dv) {
      of.backward(shape, begin, results, sums.view(), dk, dv);
    });
    for (std::size_t r = s; r-- > 0;) {
      add(starts[r], earlier(r).count, [&](View<T, 2> dk, View<T, 2> dv) {
        Random(6).fill_normal(dk.span());  // what is there before does not matter
        Random(7).fill_normal(dv.span());
        of.backward(shape, earlier(r), begin, results, sums.view(), dk, dv);
      });
    }
  }
  return results;
}

template <class T>
class EarlierKeysOf : public testing::Test {};
using Cases = testing::Types<std::pair<float, Dot<float>>, std::pair<double, Dot<double>>,
                             std::pair<float, Spinors<float>>, std::pair<double, Spinors<double>>>;
TYPED_TEST_SUITE(EarlierKeysOf, Cases);

TYPED_TEST(EarlierKeysOf, InPartsGiveOneCallsResult) {
  using T = typename TypeParam::first_type;
  typename TypeParam::second_type of;
  for (const Index window : {Index{0}, Index{1}, Index{40}, Index{331}, kLength - 1}) {
    on_thread_counts([&](int) {
      const std::vector<Index> whole{0, kLength};
      Results<T> one = attend<T>(of, window, whole), parts = attend<T>(of, window, kStarts);
      of.join(one), of.join(parts);
      const auto expect_near = [&](Array<T, 2> Results<T>::*part, const char* name) {
        EXPECT_LE(difference<T>((parts.*part).span(), (one.*part).span()), 64 * kEpsilon<T>)
            << name << ", window " << window;
      };
      expect_near(&Results<T>::out, "out");
      expect_near(&Results<T>::dq, "dq");
      expect_near(&Results<T>::dk, "dk");
      expect_near(&Results<T>::dv, "dv");
      expect_near(&Results<T>::d_mix, "d_mix");
    });
  }
}

}  // namespace
}  // namespace lior::nn
