// SPDX-License-Identifier: Apache-2.0
#include "lior/nn/tiled_attention.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nn/kernels/tiled_attention.inl.h"
#include <hwy/foreach_target.h>
#include "nn/kernels/tiled_attention.inl.h"

#if HWY_ONCE
#include "lior/core/parallel.h"
#include "lior/core/profile.h"
#include "lior/core/stop.h"
#include "lior/simd/dispatch.h"
#include "nn/arguments.h"

namespace lior::nn {

using linalg::MatrixView;

namespace {

constexpr double kMultiplicationsPerThread = 65536;

/// The matrices of one call, whatever its scores.
template <class T>
struct Attention {
  const TiledAttentionShape& shape;
  MatrixView<const T> q, k, v;
  EarlierKeys earlier{};  ///< distance 0: keys are those of the queries

  /// Of each sequence in this call.
  Index keys() const { return earlier.distance == 0 ? shape.length : earlier.count; }
  Index key_rows() const { return shape.batch * keys(); }
  Index tiles() const { return (shape.length + kTileQueries - 1) / kTileQueries; }
  Index ring_width() const { return shape.heads * (shape.key_width + shape.value_width); }

  void check(Index widest) const {
    LIOR_CHECK(shape.batch >= 0 && shape.length >= 0 && shape.heads >= 1 && shape.window >= 0,
               "attention of {} sequences of {} positions with {} heads in a window of {} cannot "
               "be; expected none below 0 and a head at least",
               shape.batch, shape.length, shape.heads, shape.window);
    LIOR_CHECK(shape.key_width >= 1 && shape.key_width <= widest && shape.value_width >= 1 &&
                   shape.value_width <= kMostHeadWidth,
               "a head has keys of {} and values of {} numbers; expected 1 to {} and 1 to {}",
               shape.key_width, shape.value_width, widest, kMostHeadWidth);
    LIOR_CHECK(earlier.count >= 0 && earlier.distance >= earlier.count,
               "{} earlier keys begin {} tokens before the first query; expected at least as many",
               earlier.count, earlier.distance);
    check_matrix(q, shape.rows(), shape.heads * shape.key_width, "q");
    check_matrix(k, key_rows(), shape.heads * shape.key_width, "k");
    check_matrix(v, key_rows(), shape.heads * shape.value_width, "v");
  }

  /// Tile `index` of a head, positions counted from the oldest in the state (T or const T).
  template <class S>
  QueryTile<T> tile(Index sequence, Index head, Index index, MatrixView<S> state) const {
    const Index E = shape.key_width, F = shape.value_width;
    const Index row = sequence * shape.length, first = index * kTileQueries;
    const Index key_row = sequence * keys();
    QueryTile<T> tile{.count = std::min(kTileQueries, shape.length - first),
                      .window = shape.window,
                      .queries = q.data + (row + first) * q.stride + head * E,
                      .query_stride = q.stride};
    tile.keys = {.fresh = k.data + key_row * k.stride + head * E, .stride = k.stride, .width = E};
    tile.values = {.fresh = v.data + key_row * v.stride + head * F, .stride = v.stride, .width = F};
    if (state.data != nullptr) {
      const T* const numbers = state.data + sequence * state.stride;
      const auto seen = static_cast<Index>(numbers[0]);
      tile.keys.ring = numbers + 1 + head * E;
      tile.values.ring = numbers + 1 + shape.heads * E + head * F;
      for (AttentionRows<T>* rows : {&tile.keys, &tile.values}) {
        rows->ring_stride = ring_width();
        rows->capacity = shape.window;
        rows->cached = std::min(seen, shape.window);
        rows->start = (seen - rows->cached) % shape.window;
      }
    }
    tile.first = tile.keys.cached + earlier.distance + first;
    tile.all_keys = tile.keys.cached + keys();
    return tile;
  }

  /// Adds this call's keys and values to the ring of each sequence.
  void append(MatrixView<T> state) const {
    const Index W = shape.window, N = shape.length;
    for (Index b = 0; b < shape.batch; ++b) {
      T* const numbers = state.data + b * state.stride;
      const auto seen = static_cast<Index>(numbers[0]);
      for (Index n = std::max<Index>(0, N - W); n < N; ++n) {
        T* row = numbers + 1 + (seen + n) % W * ring_width();
        row = std::copy_n(k.data + (b * N + n) * k.stride, k.cols, row);
        std::copy_n(v.data + (b * N + n) * v.stride, v.cols, row);
      }
      const Index after = seen + N;
      numbers[0] = static_cast<T>(after < W ? after : W + after % W);
    }
  }
};

/// Pairs of a query and a key that it sees, over all heads; of no state.
template <class T>
double pairs_of(const Attention<T>& call) {
  const TiledAttentionShape& shape = call.shape;
  Index pairs = 0;
  for (Index n = 0; n < shape.length; ++n) {
    const Index at = call.earlier.distance + n, end = std::min(at + 1, call.keys());
    pairs += std::max<Index>(
        0, end - (shape.window == 0 ? 0 : std::max<Index>(0, at + 1 - shape.window)));
  }
  return static_cast<double>(shape.batch * shape.heads * pairs);
}

/// Queries, keys, values and outputs, once.
template <class T>
double bytes_of(const Attention<T>& call) {
  return static_cast<double>(sizeof(T)) *
         static_cast<double>((call.shape.rows() + call.key_rows()) * call.shape.heads *
                             (call.shape.key_width + call.shape.value_width));
}

/// Tiles from both ends in turn: equal counts of them cost about the same.
Index zigzag(Index i, Index count) { return i % 2 == 0 ? i / 2 : count - 1 - i / 2; }

template <class Scores, class T, class ScoresOf>
void forward(const Attention<T>& call, const ScoresOf& scores_of, MatrixView<T> state,
             MatrixView<T> out, View<T, 3> log_sums) {
  const TiledAttentionShape& shape = call.shape;
  const Index N = shape.length, H = shape.heads, F = shape.value_width;
  const ProfiledOp op("attention", 2 * pairs_of(call) * static_cast<double>(shape.key_width + F),
                      bytes_of(call));
  check_matrix(out, shape.rows(), H * F, "out");
  check_shape(log_sums, {shape.batch, H, N}, "log_sums");
  if (state.data != nullptr) check_matrix(state, shape.batch, shape.state_size(), "state");
  if (state.data != nullptr && shape.window == 0) state = {};
  const auto kernel = LIOR_SIMD_TABLE(attention_forward_tile<Scores, T>).chosen();
  const Index tiles = call.tiles();
  const double pairs = static_cast<double>(kTileQueries) * static_cast<double>(N) / 2;
  const auto grain = static_cast<Index>(
      1 + kMultiplicationsPerThread / (1 + pairs * static_cast<double>(shape.key_width + F)));
  parallel_for(shape.batch * H * tiles, grain, [&](Index begin, Index end, int) {
    for (Index unit = begin; unit < end; ++unit) {
      check_stop();
      const Index index = zigzag(unit % tiles, tiles);
      const Index head = unit / tiles % H, sequence = unit / tiles / H;
      const Index row = sequence * N + index * kTileQueries;
      kernel(scores_of(head), {.tile = call.tile(sequence, head, index, state),
                               .out = out.data + row * out.stride + head * F,
                               .out_stride = out.stride,
                               .log_sums = log_sums[sequence][head].data() + index * kTileQueries,
                               .goes_on = call.earlier.distance > 0});
    }
  });
  if (state.data != nullptr) call.append(state);
}

template <class T>
void clear(MatrixView<T> matrix) {
  for (Index r = 0; r < matrix.rows; ++r) {
    std::fill_n(matrix.data + r * matrix.stride, matrix.cols, T(0));
  }
}

template <class T>
struct AttentionGradient {
  MatrixView<const T> out;
  View<const T, 3> log_sums;
  MatrixView<const T> d_out;
  MatrixView<T> dq, dk, dv;
  View<double, 4> d_mix{};  ///< [B, H, groups, 4], zeroed; only of spinor scores
};

/// A head's tiles in groups on the way back. A worker takes a group of queries with a group of
/// keys, and in one phase the keys lie `phase` groups before their queries, round and round: then
/// no two workers share a row, and a row's sums have one order, whatever the threads. A phase waits
/// for the one before.
struct Groups {
  static constexpr Index kTasks = 32;  ///< of the first phase, over sequences and heads, at least
  Index size = 0;                      ///< queries or keys of one
  Index queries = 0, keys = 0;         ///< how many there are of each
  Index count = 1;                     ///< the larger of the two, and of phases
  Index distance = 0, window = 0;      ///< of the call

  template <class T>
  explicit Groups(const Attention<T>& call)
      : distance(call.earlier.distance), window(call.shape.window) {
    // Two tiles or more: each task turns its queries into planes once more.
    constexpr Index kLeast = 2 * kTileQueries;
    const Index pairs = std::max<Index>(1, call.shape.batch * call.shape.heads);
    const Index N = call.shape.length, M = call.keys();
    const Index wanted = (kTasks + pairs - 1) / pairs;
    const Index least = std::max(kLeast, (std::max(N, M) + wanted - 1) / wanted);
    size = (least + kTileQueries - 1) / kTileQueries * kTileQueries;
    queries = (N + size - 1) / size, keys = (M + size - 1) / size;
    count = std::max({Index{1}, queries, keys});
  }
  Index keys_of(Index group, Index phase) const { return (group - phase + count) % count; }
  /// Whether no query sees a key of the group that lies `offset` groups before its own.
  bool hides(Index offset) const {
    const Index between = distance + offset * size;
    return between + size - 1 < 0 || (window != 0 && between - size + 1 >= window);
  }
  /// Groups of queries [begin, end) that see keys in a phase: those from `phase` on have theirs
  /// `phase` groups before, the others after.
  struct Tasks {
    Index begin = 0, end = 0;
  };
  Tasks tasks(Index phase) const {
    const Index turn = std::min(phase, queries);
    return {hides(phase - count) ? turn : 0, hides(phase) ? turn : queries};
  }
};

template <class Scores, class T, class ScoresOf>
void backward(const Attention<T>& call, const ScoresOf& scores_of,
              const AttentionGradient<T>& gradient) {
  const TiledAttentionShape& shape = call.shape;
  const Index N = shape.length, M = call.keys();
  const Index H = shape.heads, E = shape.key_width, F = shape.value_width;
  const ProfiledOp op("attention", 2 * pairs_of(call) * static_cast<double>(3 * E + 2 * F),
                      2 * bytes_of(call));
  check_matrix(gradient.out, shape.rows(), H * F, "out");
  check_matrix(gradient.d_out, shape.rows(), H * F, "d_out");
  check_matrix(gradient.dq, shape.rows(), H * E, "dq");
  check_matrix(gradient.dk, call.key_rows(), H * E, "dk");
  check_matrix(gradient.dv, call.key_rows(), H * F, "dv");
  check_shape(gradient.log_sums, {shape.batch, H, N}, "log_sums");
  const bool has_own_keys = call.earlier.distance == 0;
  if (!has_own_keys) clear(gradient.dk), clear(gradient.dv);
  const auto kernel = LIOR_SIMD_TABLE(attention_backward_tile<Scores, T>).chosen();
  const Groups groups(call);
  for (Index phase = 0; phase < groups.count; ++phase) {
    const auto [begin_task, end_task] = groups.tasks(phase);
    const Index tasks = end_task - begin_task;
    if (tasks == 0) continue;
    parallel_for(shape.batch * H * tasks, 1, [&](Index begin, Index end, int) {
      for (Index unit = begin; unit < end; ++unit) {
        const Index group = begin_task + unit % tasks, head = unit / tasks % H;
        const Index sequence = unit / tasks / H, row = sequence * N;
        const Index first = group * groups.size, last = std::min(N, first + groups.size);
        const Index first_key = groups.keys_of(group, phase) * groups.size;
        const auto& g = gradient;
        const auto dq = g.dq.block(row, head * E, N, E);
        const auto dk = g.dk.block(sequence * M, head * E, M, E);
        const auto dv = g.dv.block(sequence * M, head * F, M, F);
        if (phase == 0 && has_own_keys) {
          clear(dq.block(first, 0, last - first, E));
          clear(dk.block(first, 0, last - first, E));
          clear(dv.block(first, 0, last - first, F));
        }
        for (Index n = first; n < last; n += kTileQueries) {
          check_stop();
          kernel(scores_of(head),
                 {.tile = call.tile(sequence, head, n / kTileQueries, MatrixView<const T>{}),
                  .first_key = first_key,
                  .end_key = first_key + groups.size,
                  .out = g.out.data + (row + n) * g.out.stride + head * F,
                  .out_stride = g.out.stride,
                  .log_sums = g.log_sums[sequence][head].data() + n,
                  .d_out = g.d_out.data + (row + n) * g.d_out.stride + head * F,
                  .d_out_stride = g.d_out.stride,
                  .d_queries = dq.data + n * dq.stride,
                  .d_query_stride = dq.stride,
                  .d_keys = dk.data,
                  .d_key_stride = dk.stride,
                  .d_values = dv.data,
                  .d_value_stride = dv.stride,
                  .d_mix = g.d_mix.empty() ? nullptr : g.d_mix[sequence][head][group].data()});
        }
      }
    });
  }
}

template <class T>
auto dot_scores(const TiledAttentionShape& shape, View<const T, 1> slopes) {
  if (!slopes.empty()) check_shape(slopes, {shape.heads}, "slopes");
  return [&shape, slopes](Index head) {
    return DotScores<T>{
        .width = shape.key_width,
        .scale = static_cast<T>(1 / std::sqrt(static_cast<double>(shape.key_width))),
        .slope = slopes.empty() ? T(0) : slopes(head)};
  };
}

/// The factors of l1..l4 in s, beside their terms p, w, p^2 + w^2, c.
constexpr double kMixFactor[] = {0.35355339059327376220, 0.35355339059327376220,
                                 0.35355339059327376220 / 8, 0.35355339059327376220};

template <class T>
auto spinor_scores(const TiledAttentionShape& shape, View<const T, 2> mix) {
  check_shape(mix, {shape.heads, 4}, "mix");
  LIOR_CHECK(shape.key_width == kSpinorWidth, "key_width = {}; spinors have {}", shape.key_width,
             kSpinorWidth);
  return [mix](Index head) {
    SpinorScores<T> scores;
    for (int m = 0; m < 4; ++m) scores.mix[m] = static_cast<T>(kMixFactor[m] * mix(head, m));
    return scores;
  };
}

}  // namespace

template <class T>
void dot_attention_forward(const TiledAttentionShape& shape, MatrixView<const T> q,
                           MatrixView<const T> k, MatrixView<const T> v, View<const T, 1> slopes,
                           MatrixView<T> state, MatrixView<T> out, View<T, 3> log_sums) {
  const Attention<T> call{shape, q, k, v};
  call.check(kMostHeadWidth);
  forward<DotScores<T>>(call, dot_scores(shape, slopes), state, out, log_sums);
}

template <class T>
void dot_attention_backward(const TiledAttentionShape& shape, MatrixView<const T> q,
                            MatrixView<const T> k, MatrixView<const T> v, View<const T, 1> slopes,
                            MatrixView<const T> out, View<const T, 3> log_sums,
                            MatrixView<const T> d_out, MatrixView<T> dq, MatrixView<T> dk,
                            MatrixView<T> dv) {
  const Attention<T> call{shape, q, k, v};
  call.check(kMostHeadWidth);
  backward<DotScores<T>>(call, dot_scores(shape, slopes),
                         AttentionGradient<T>{out, log_sums, d_out, dq, dk, dv});
}

template <class T>
void dot_attention_forward_earlier(const TiledAttentionShape& shape, EarlierKeys earlier,
                                   MatrixView<const T> q, MatrixView<const T> k,
                                   MatrixView<const T> v, View<const T, 1> slopes,
                                   MatrixView<T> out, View<T, 3> log_sums) {
  const Attention<T> call{shape, q, k, v, earlier};
  call.check(kMostHeadWidth);
  if (earlier.count == 0) return;
  forward<DotScores<T>>(call, dot_scores(shape, slopes), MatrixView<T>(), out, log_sums);
}

template <class T>
void dot_attention_backward_earlier(const TiledAttentionShape& shape, EarlierKeys earlier,
                                    MatrixView<const T> q, MatrixView<const T> k,
                                    MatrixView<const T> v, View<const T, 1> slopes,
                                    MatrixView<const T> out, View<const T, 3> log_sums,
                                    MatrixView<const T> d_out, MatrixView<T> dq, MatrixView<T> dk,
                                    MatrixView<T> dv) {
  const Attention<T> call{shape, q, k, v, earlier};
  call.check(kMostHeadWidth);
  if (earlier.count == 0) return;
  backward<DotScores<T>>(call, dot_scores(shape, slopes),
                         AttentionGradient<T>{out, log_sums, d_out, dq, dk, dv});
}

template <class T>
void spinor_attention_forward(const TiledAttentionShape& shape, MatrixView<const T> z,
                              MatrixView<const T> v, View<const T, 2> mix, MatrixView<T> state,
                              MatrixView<T> out, View<T, 3> log_sums) {
  const Attention<T> call{shape, z, z, v};
  call.check(kSpinorWidth);
  forward<SpinorScores<T>>(call, spinor_scores(shape, mix), state, out, log_sums);
}

template <class T>
void spinor_attention_forward_earlier(const TiledAttentionShape& shape, EarlierKeys earlier,
                                      MatrixView<const T> z, MatrixView<const T> keys,
                                      MatrixView<const T> v, View<const T, 2> mix,
                                      MatrixView<T> out, View<T, 3> log_sums) {
  const Attention<T> call{shape, z, keys, v, earlier};
  call.check(kSpinorWidth);
  if (earlier.count == 0) return;
  forward<SpinorScores<T>>(call, spinor_scores(shape, mix), MatrixView<T>(), out, log_sums);
}

namespace {

/// The gradient of a call with spinor scores; that of the mix is summed into.
template <class T>
void spinor_backward(const Attention<T>& call, View<const T, 2> mix, AttentionGradient<T> gradient,
                     View<T, 2> d_mix, Arena& workspace) {
  const TiledAttentionShape& shape = call.shape;
  call.check(kSpinorWidth);
  check_shape(d_mix, {shape.heads, 4}, "d_mix");
  const Arena::Scope scope(workspace);
  const Index groups = Groups(call).count;
  gradient.d_mix = workspace.take<double, 4>({shape.batch, shape.heads, groups, 4});
  if (workspace.planning()) return;
  std::fill(gradient.d_mix.begin(), gradient.d_mix.end(), 0.0);
  backward<SpinorScores<T>>(call, spinor_scores(shape, mix), gradient);
  for (Index b = 0; b < shape.batch; ++b) {
    for (Index head = 0; head < shape.heads; ++head) {
      for (int m = 0; m < 4; ++m) {
        double sum = 0;
        for (Index g = 0; g < groups; ++g) sum += gradient.d_mix(b, head, g, m);
        d_mix(head, m) += static_cast<T>(kMixFactor[m] * sum);
      }
    }
  }
}

}  // namespace

template <class T>
void spinor_attention_backward(const TiledAttentionShape& shape, MatrixView<const T> z,
                               MatrixView<const T> v, View<const T, 2> mix, MatrixView<const T> out,
                               View<const T, 3> log_sums, MatrixView<const T> d_out,
                               MatrixView<T> dz, MatrixView<T> dv, View<T, 2> d_mix,
                               Arena& workspace) {
  const Attention<T> call{shape, z, z, v};
  // A row of z is a query of one task and a key of another in the same phase.
  const bool is_apart = Groups(call).count > 1;
  const Arena::Scope scope(workspace);
  const auto as_queries =
      workspace.take<T, 2>({is_apart ? shape.rows() : 0, shape.heads * kSpinorWidth});
  const MatrixView<T> dq = is_apart ? MatrixView<T>(as_queries) : dz;
  spinor_backward(call, mix, AttentionGradient<T>{out, log_sums, d_out, dq, dz, dv}, d_mix,
                  workspace);
  if (workspace.planning() || !is_apart) return;
  parallel_for(shape.rows(), 1024, [&](Index begin, Index end, int) {
    for (Index r = begin; r < end; ++r) {
      for (Index c = 0; c < dz.cols; ++c) dz(r, c) += dq(r, c);
    }
  });
}

template <class T>
void spinor_attention_backward_earlier(const TiledAttentionShape& shape, EarlierKeys earlier,
                                       MatrixView<const T> z, MatrixView<const T> keys,
                                       MatrixView<const T> v, View<const T, 2> mix,
                                       MatrixView<const T> out, View<const T, 3> log_sums,
                                       MatrixView<const T> d_out, MatrixView<T> dz,
                                       MatrixView<T> d_keys, MatrixView<T> dv, View<T, 2> d_mix,
                                       Arena& workspace) {
  if (earlier.count == 0) return;
  spinor_backward(Attention<T>{shape, z, keys, v, earlier}, mix,
                  AttentionGradient<T>{out, log_sums, d_out, dz, d_keys, dv}, d_mix, workspace);
}

template <class T>
void append_to_attention_state(const TiledAttentionShape& shape, MatrixView<const T> k,
                               MatrixView<const T> v, MatrixView<T> state) {
  const Attention<T> call{shape, k, k, v};
  call.check(kMostHeadWidth);
  LIOR_CHECK(shape.window > 0, "window = 0 has no state; expected at least 1");
  check_matrix(state, shape.batch, shape.state_size(), "state");
  call.append(state);
}

#define LIOR_INSTANTIATE(T)                                                                        \
  template void dot_attention_forward(const TiledAttentionShape&, MatrixView<const T>,             \
                                      MatrixView<const T>, MatrixView<const T>, View<const T, 1>,  \
                                      MatrixView<T>, MatrixView<T>, View<T, 3>);                   \
  template void dot_attention_backward(const TiledAttentionShape&, MatrixView<const T>,            \
                                       MatrixView<const T>, MatrixView<const T>, View<const T, 1>, \
                                       MatrixView<const T>, View<const T, 3>, MatrixView<const T>, \
                                       MatrixView<T>, MatrixView<T>, MatrixView<T>);               \
  template void dot_attention_forward_earlier(                                                     \
      const TiledAttentionShape&, EarlierKeys, MatrixView<const T>, MatrixView<const T>,           \
      MatrixView<const T>, View<const T, 1>, MatrixView<T>, View<T, 3>);                           \
  template void dot_attention_backward_earlier(                                                    \
      const TiledAttentionShape&, EarlierKeys, MatrixView<const T>, MatrixView<const T>,           \
      MatrixView<const T>, View<const T, 1>, MatrixView<const T>, View<const T, 3>,                \
      MatrixView<const T>, MatrixView<T>, MatrixView<T>, MatrixView<T>);                           \
  template void spinor_attention_forward(const TiledAttentionShape&, MatrixView<const T>,          \
                                         MatrixView<const T>, View<const T, 2>, MatrixView<T>,     \
                                         MatrixView<T>, View<T, 3>);                               \
  template void spinor_attention_backward(                                                         \
      const TiledAttentionShape&, MatrixView<const T>, MatrixView<const T>, View<const T, 2>,      \
      MatrixView<const T>, View<const T, 3>, MatrixView<const T>, MatrixView<T>, MatrixView<T>,    \
      View<T, 2>, Arena&);                                                                         \
  template void spinor_attention_forward_earlier(                                                  \
      const TiledAttentionShape&, EarlierKeys, MatrixView<const T>, MatrixView<const T>,           \
      MatrixView<const T>, View<const T, 2>, MatrixView<T>, View<T, 3>);                           \
  template void spinor_attention_backward_earlier(                                                 \
      const TiledAttentionShape&, EarlierKeys, MatrixView<const T>, MatrixView<const T>,           \
      MatrixView<const T>, View<const T, 2>, MatrixView<const T>, View<const T, 3>,                \
      MatrixView<const T>, MatrixView<T>, MatrixView<T>, MatrixView<T>, View<T, 2>, Arena&);       \
  template void append_to_attention_state(const TiledAttentionShape&, MatrixView<const T>,         \
                                          MatrixView<const T>, MatrixView<T>)
LIOR_INSTANTIATE(float);
LIOR_INSTANTIATE(double);
#undef LIOR_INSTANTIATE

}  // namespace lior::nn
#endif
