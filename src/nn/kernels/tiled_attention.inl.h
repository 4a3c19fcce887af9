// SPDX-License-Identifier: Apache-2.0
// Attention of one tile of queries, lanes over queries: scores as products of tiles, the online
// softmax down the keys, and the adjoint of both. Compiled once per level.
#if defined(LIOR_NN_KERNELS_TILED_ATTENTION_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIOR_NN_KERNELS_TILED_ATTENTION_INL_H
#undef LIOR_NN_KERNELS_TILED_ATTENTION_INL_H
#else
#define LIOR_NN_KERNELS_TILED_ATTENTION_INL_H
#endif

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "lior/nn/gradient.h"
#include "nn/tiled_attention_kernel.h"
#include "simd/exp.inl.h"

HWY_BEFORE_NAMESPACE();
namespace lior::nn::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace vm = simd::HWY_NAMESPACE;

/// Element (r, k) is data[r * row + k * column]: a matrix or its transpose.
template <class T>
struct Factor {
  const T* data;
  Index row, column;
};

/// Rows of a block of products: with two vectors of columns, sums for the latency of multiply-adds,
/// and as few loads a multiply-add as there are registers for.
constexpr int kBlockRows = HWY_TARGET == HWY_AVX3 ? 8 : 4;

/// Rows of kRows of C = A B or C += A B, kVectors vectors of columns.
template <int kRows, int kVectors, class D, class T = hn::TFromD<D>>
HWY_INLINE void product_block(D d, Index depth, Factor<T> a, const T* HWY_RESTRICT b,
                              Index b_stride, Store store, T* HWY_RESTRICT c, Index c_stride) {
  const Index W = static_cast<Index>(hn::Lanes(d));
  hn::Vec<D> sum[kRows][kVectors];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      sum[r][v] = store == Store::add ? hn::LoadU(d, c + r * c_stride + v * W) : hn::Zero(d);
    }
  }
  for (Index k = 0; k < depth; ++k) {
    hn::Vec<D> row[kVectors];
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) row[v] = hn::LoadU(d, b + k * b_stride + v * W);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const auto factor = hn::Set(d, a.data[r * a.row + k * a.column]);
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::MulAdd(factor, row[v], sum[r][v]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) hn::StoreU(sum[r][v], d, c + r * c_stride + v * W);
  }
}

template <int kVectors, class D, class T = hn::TFromD<D>>
HWY_INLINE void product_columns(D d, Index rows, Index depth, Factor<T> a, const T* b,
                                Index b_stride, Store store, T* c, Index c_stride) {
  Index r = 0;
  for (; r + kBlockRows <= rows; r += kBlockRows, a.data += kBlockRows * a.row) {
    product_block<kBlockRows, kVectors>(d, depth, a, b, b_stride, store, c + r * c_stride,
                                        c_stride);
  }
  for (; r < rows; ++r, a.data += a.row) {
    product_block<1, kVectors>(d, depth, a, b, b_stride, store, c + r * c_stride, c_stride);
  }
}

/// C = A B or C += A B for small matrices in cache; A [rows, depth] is read a number at a time,
/// B [depth, columns] and C a vector at a time. The order of every sum is that of depth.
template <class T>
HWY_NOINLINE void tile_product(Index rows, Index columns, Index depth, Factor<T> a, const T* b,
                               Index b_stride, Store store, T* c, Index c_stride) {
  const hn::ScalableTag<T> d;
  const hn::CappedTag<T, 1> one;
  const Index W = static_cast<Index>(hn::Lanes(d));
  Index column = 0;
  for (; column + 2 * W <= columns; column += 2 * W) {
    product_columns<2>(d, rows, depth, a, b + column, b_stride, store, c + column, c_stride);
  }
  for (; column + W <= columns; column += W) {
    product_columns<1>(d, rows, depth, a, b + column, b_stride, store, c + column, c_stride);
  }
  for (; column < columns; ++column) {
    product_columns<1>(one, rows, depth, a, b + column, b_stride, store, c + column, c_stride);
  }
}

/// The score of vectors of pairs, from their products; `distance` is j - i.
template <class D, class V, class T>
HWY_INLINE V score(D d, const DotScores<T>& scores, const V (&product)[1], V distance) {
  return hn::MulAdd(hn::Set(d, scores.slope), distance, product[0]);
}

template <class D, class V, class T>
HWY_INLINE V score(D d, const SpinorScores<T>& scores, const V (&product)[3], V) {
  const V w = product[0], p = hn::Add(product[1], product[2]);
  const V c = hn::Sub(product[1], product[2]);
  const V squares = hn::MulAdd(p, p, hn::Mul(w, w));
  const V linear = hn::MulAdd(hn::Set(d, scores.mix[0]), p, hn::Mul(hn::Set(d, scores.mix[1]), w));
  return hn::MulAdd(hn::Set(d, scores.mix[2]), squares,
                    hn::MulAdd(hn::Set(d, scores.mix[3]), c, linear));
}

/// dL/d(products) in their place, from g = dL/ds; dL/d(mix) is added to the vectors of `d_mix`.
template <class D, class V, class T>
HWY_INLINE void score_backward(D, const DotScores<T>&, V g, V (&product)[1], V (&)[4]) {
  product[0] = g;
}

template <class D, class V, class T>
HWY_INLINE void score_backward(D d, const SpinorScores<T>& scores, V g, V (&product)[3],
                               V (&d_mix)[4]) {
  const V w = product[0], p = hn::Add(product[1], product[2]);
  const V c = hn::Sub(product[1], product[2]);
  d_mix[0] = hn::MulAdd(g, p, d_mix[0]);
  d_mix[1] = hn::MulAdd(g, w, d_mix[1]);
  d_mix[2] = hn::MulAdd(g, hn::MulAdd(p, p, hn::Mul(w, w)), d_mix[2]);
  d_mix[3] = hn::MulAdd(g, c, d_mix[3]);
  const V twice = hn::Set(d, 2 * scores.mix[2]);
  const V to_p = hn::MulAdd(twice, p, hn::Set(d, scores.mix[0]));
  const V to_c = hn::Set(d, scores.mix[3]);
  product[0] = hn::Mul(g, hn::MulAdd(twice, w, hn::Set(d, scores.mix[1])));
  product[1] = hn::Mul(g, hn::Add(to_p, to_c));
  product[2] = hn::Mul(g, hn::Sub(to_p, to_c));
}

/// Rows of one tile, packed: strides that are powers of two would fall on a few cache sets.
template <class T>
HWY_INLINE void pack_rows(const AttentionRows<T>& rows, Index first, Index count, T* packed) {
  for (Index j = 0; j < count; ++j) {
    const T* row = rows.row(first + j);
    for (Index e = 0; e < rows.width; ++e) packed[j * rows.width + e] = row[e];
  }
}

/// Zeros in the lanes of planes from `count` on.
template <class T>
HWY_INLINE void clear_lanes(T* planes, Index rows, Index count) {
  for (Index e = 0; e < rows; ++e) {
    for (Index i = count; i < kTileQueries; ++i) planes[e * kTileQueries + i] = 0;
  }
}

/// planes[e][i] = rows[i][e]; lanes past `count` are zero.
template <class T>
HWY_INLINE void transpose_to_planes(const T* rows, Index count, Index width, T* planes) {
  for (Index i = 0; i < count; ++i) {
    for (Index e = 0; e < width; ++e) planes[e * kTileQueries + i] = rows[i * width + e];
  }
  clear_lanes(planes, width, count);
}

/// e^x where x <= 0 except for rounding: to 2 eps (1 + |x|); 0 where that is no normal number.
template <class D, class V>
HWY_INLINE V weight_of(D d, V x) {
  return vm::exp2_negative(d, hn::Mul(x, hn::Set(d, std::numbers::log2e_v<hn::TFromD<D>>)));
}

/// a . b
template <class T>
HWY_INLINE T dot(const T* a, const T* b, Index count) {
  const hn::ScalableTag<T> d;
  const Index W = static_cast<Index>(hn::Lanes(d));
  auto sums = hn::Zero(d);
  Index i = 0;
  for (; i + W <= count; i += W) sums = hn::MulAdd(hn::LoadU(d, a + i), hn::LoadU(d, b + i), sums);
  T sum = hn::GetLane(hn::SumOfLanes(d, sums));
  for (; i < count; ++i) sum += a[i] * b[i];
  return sum;
}

/// Which lanes see the key at j - i = distance.
template <class D, class V>
HWY_INLINE auto sees(D d, V distance, Index window) {
  const auto past = hn::Le(distance, hn::Zero(d));
  if (window == 0) return past;
  return hn::And(past, hn::Gt(distance, hn::Set(d, -static_cast<hn::TFromD<D>>(window))));
}

/// Vectors of queries that hold a tile's.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE Index padded_count(D d, const QueryTile<T>& tile) {
  const Index W = static_cast<Index>(hn::Lanes(d));
  return (tile.count + W - 1) / W * W;
}

/// The first lane that sees a key from `first` on, in steps that give a block of products eight
/// sums: lanes before it are left out.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE Index first_lane(D d, const QueryTile<T>& tile, Index first) {
  const Index step = 8 / kBlockRows * static_cast<Index>(hn::Lanes(d));
  return first <= tile.first ? 0 : (first - tile.first) / step * step;
}

/// products[t] = the t-th products of the tile's pairs, lanes from `begin` on:
/// [keys][kTileQueries].
template <class Scores, class T>
HWY_INLINE void score_products(const Scores& scores, Index keys, Index begin, Index lanes,
                               const T* key, Index key_width, const T* query_planes,
                               T (*products)[kTileKeys * kTileQueries]) {
  for (int t = 0; t < Scores::kProducts; ++t) {
    const ScoreProduct product = scores.product(t);
    tile_product<T>(keys, lanes - begin, product.depth, {key + product.key_column, key_width, 1},
                    query_planes + product.query_row * kTileQueries + begin, kTileQueries,
                    Store::write, products[t] + begin, kTileQueries);
  }
}

template <class Scores, class T>
void attention_forward_tile(const Scores& scores, const QueryTileForward<T>& call) noexcept {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  constexpr Index Q = kTileQueries;
  // A hidden score. Differences of two are finite, and one from the half of it weighs nothing.
  constexpr T kLowest = std::numeric_limits<T>::lowest() / 4;
  const QueryTile<T>& tile = call.tile;
  const Index W = static_cast<Index>(hn::Lanes(d)), lanes = padded_count(d, tile);
  const Index E = scores.query_rows(), F = tile.values.width;
  alignas(64) T query[Scores::kMostQueryRows * Q];
  alignas(64) T key[kTileKeys * kMostHeadWidth], value[kTileKeys * kMostHeadWidth];
  alignas(64) T products[Scores::kProducts][kTileKeys * Q];
  alignas(64) T out[kMostHeadWidth * Q], largest[Q], sum[Q];
  T* const weights = products[0];

  for (Index i = 0; i < tile.count; ++i) {
    scores.expand_query(tile.queries + i * tile.query_stride, query + i, Q);
  }
  clear_lanes(query, E, tile.count);
  for (Index i = 0; i < Q; ++i) largest[i] = kLowest, sum[i] = 0;
  if (call.goes_on) {  // all keys so far are as one, of this score and value
    for (Index i = 0; i < tile.count; ++i) {
      largest[i] = call.log_sums[i], sum[i] = 1;
      for (Index f = 0; f < F; ++f) out[f * Q + i] = call.out[i * call.out_stride + f];
    }
    clear_lanes(out, F, tile.count);
  } else {
    for (Index i = 0; i < F * Q; ++i) out[i] = 0;
  }

  for (Index first = tile.first_key(), keys = 0; first < tile.end_key(); first += keys) {
    keys = tile.keys_from(first, tile.end_key());
    const bool hides = tile.hides(first, first + keys);
    const Index begin = first_lane(d, tile, first);
    pack_rows(tile.keys, first, keys, key);
    pack_rows(tile.values, first, keys, value);
    score_products(scores, keys, begin, lanes, key, tile.keys.width, query, products);

    for (Index i = begin; i < lanes; i += W) {
      const V lane = hn::Iota(d, 0);
      const V before = hn::Load(d, largest + i);
      V peak = before;
      for (Index j = 0; j < keys; ++j) {
        V product[Scores::kProducts];
        for (int t = 0; t < Scores::kProducts; ++t) {
          product[t] = hn::Load(d, products[t] + j * Q + i);
        }
        const V distance = hn::Sub(hn::Set(d, static_cast<T>(first + j - tile.first - i)), lane);
        V s = score(d, scores, product, distance);
        if (hides) s = hn::IfThenElse(sees(d, distance, tile.window), s, hn::Set(d, kLowest));
        hn::Store(s, d, weights + j * Q + i);
        peak = hn::Max(peak, s);
      }
      const V one = hn::Max(peak, hn::Set(d, kLowest / 2));  // where a lane has seen no key yet
      V total = hn::Zero(d);
      for (Index j = 0; j < keys; ++j) {
        const V weight = weight_of(d, hn::Sub(hn::Load(d, weights + j * Q + i), one));
        hn::Store(weight, d, weights + j * Q + i);
        total = hn::Add(total, weight);
      }
      if (hn::AllTrue(d, hn::Eq(before, peak))) {
        hn::Store(hn::Add(hn::Load(d, sum + i), total), d, sum + i);
        continue;
      }
      const V shrink = weight_of(d, hn::Sub(before, one));
      hn::Store(peak, d, largest + i);
      hn::Store(hn::MulAdd(shrink, hn::Load(d, sum + i), total), d, sum + i);
      for (Index f = 0; f < F; ++f) {
        hn::Store(hn::Mul(shrink, hn::Load(d, out + f * Q + i)), d, out + f * Q + i);
      }
    }
    tile_product<T>(F, lanes - begin, keys, {value, 1, F}, weights + begin, Q, Store::add,
                    out + begin, Q);
  }

  for (Index i = 0; i < lanes; i += W) {
    const V share = hn::Div(hn::Set(d, T(1)), hn::Load(d, sum + i));
    for (Index f = 0; f < F; ++f) {
      hn::Store(hn::Mul(hn::Load(d, out + f * Q + i), share), d, out + f * Q + i);
    }
  }
  for (Index i = 0; i < tile.count; ++i) {
    call.log_sums[i] = largest[i] + std::log(sum[i]);
    for (Index f = 0; f < F; ++f) call.out[i * call.out_stride + f] = out[f * Q + i];
  }
}

template <class Scores, class T>
void attention_backward_tile(const Scores& scores, const QueryTileBackward<T>& call) noexcept {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  constexpr Index Q = kTileQueries;
  const QueryTile<T>& tile = call.tile;
  const Index W = static_cast<Index>(hn::Lanes(d)), lanes = padded_count(d, tile);
  const Index E = scores.query_rows(), F = tile.values.width, key_width = tile.keys.width;
  alignas(64) T query[Scores::kMostQueryRows * Q], query_rows[Q * Scores::kMostQueryRows];
  alignas(64) T d_query[Scores::kMostQueryRows * Q];
  alignas(64) T d_out[kMostHeadWidth * Q], d_out_rows[Q * kMostHeadWidth];
  alignas(64) T key[kTileKeys * kMostHeadWidth], value[kTileKeys * kMostHeadWidth];
  alignas(64) T products[Scores::kProducts][kTileKeys * Q], weights[kTileKeys * Q];
  alignas(64) T log_sum[Q], mean[Q], d_mix[4][Q];

  for (Index i = 0; i < tile.count; ++i) {
    scores.expand_query(tile.queries + i * tile.query_stride, query_rows + i * E, 1);
    std::copy_n(call.d_out + i * call.d_out_stride, F, d_out_rows + i * F);
    // sum_j a_ij dL/da_ij
    mean[i] = dot(d_out_rows + i * F, call.out + i * call.out_stride, F);
    log_sum[i] = call.log_sums[i];
  }
  for (Index i = tile.count; i < Q; ++i) mean[i] = log_sum[i] = 0;
  transpose_to_planes(query_rows, tile.count, E, query);
  transpose_to_planes(d_out_rows, tile.count, F, d_out);
  for (Index i = 0; i < E * Q; ++i) d_query[i] = 0;
  for (auto& lanes_of_one : d_mix) std::fill_n(lanes_of_one, Q, T(0));

  const Index end = std::min(tile.end_key(), call.end_key);
  for (Index first = std::max(tile.first_key(), call.first_key), keys = 0; first < end;
       first += keys) {
    keys = tile.keys_from(first, end);
    const bool hides = tile.hides(first, first + keys);
    const Index begin = first_lane(d, tile, first);
    pack_rows(tile.keys, first, keys, key);
    pack_rows(tile.values, first, keys, value);
    score_products(scores, keys, begin, lanes, key, key_width, query, products);
    // dL/da_ij = v_j . dL/d(out_i)
    tile_product<T>(keys, lanes - begin, F, {value, F, 1}, d_out + begin, Q, Store::write,
                    weights + begin, Q);

    for (Index i = begin; i < lanes; i += W) {
      const V lane = hn::Iota(d, 0);
      const V log_total = hn::Load(d, log_sum + i), mean_gradient = hn::Load(d, mean + i);
      V mix[4];
      for (int m = 0; m < 4; ++m) mix[m] = hn::Load(d, d_mix[m] + i);
      for (Index j = 0; j < keys; ++j) {
        V product[Scores::kProducts];
        for (int t = 0; t < Scores::kProducts; ++t) {
          product[t] = hn::Load(d, products[t] + j * Q + i);
        }
        const V distance = hn::Sub(hn::Set(d, static_cast<T>(first + j - tile.first - i)), lane);
        V weight = weight_of(d, hn::Sub(score(d, scores, product, distance), log_total));
        V g = hn::Mul(weight, hn::Sub(hn::Load(d, weights + j * Q + i), mean_gradient));
        if (hides) {
          const auto seen = sees(d, distance, tile.window);
          weight = hn::IfThenElseZero(seen, weight);
          g = hn::IfThenElseZero(seen, g);
        }
        score_backward(d, scores, g, product, mix);
        hn::Store(weight, d, weights + j * Q + i);
        for (int t = 0; t < Scores::kProducts; ++t) {
          hn::Store(product[t], d, products[t] + j * Q + i);
        }
      }
      for (int m = 0; m < 4; ++m) hn::Store(mix[m], d, d_mix[m] + i);
    }

    tile_product<T>(keys, F, tile.count - begin, {weights + begin, Q, 1}, d_out_rows + begin * F, F,
                    Store::add, call.d_values + first * call.d_value_stride, call.d_value_stride);
    for (int t = 0; t < Scores::kProducts; ++t) {
      const ScoreProduct product = scores.product(t);
      tile_product<T>(keys, product.depth, tile.count - begin, {products[t] + begin, Q, 1},
                      query_rows + begin * E + product.query_row, E, Store::add,
                      call.d_keys + first * call.d_key_stride + product.key_column,
                      call.d_key_stride);
      tile_product<T>(product.depth, lanes - begin, keys, {key + product.key_column, 1, key_width},
                      products[t] + begin, Q, Store::add, d_query + product.query_row * Q + begin,
                      Q);
    }
  }

  for (Index i = 0; i < tile.count; ++i) {
    for (Index e = 0; e < E; ++e) query_rows[e] = d_query[e * Q + i];
    scores.add_query_gradient(query_rows, call.d_queries + i * call.d_query_stride);
  }
  if (call.d_mix == nullptr) return;
  for (int m = 0; m < 4; ++m) {
    for (Index i = 0; i < tile.count; ++i) call.d_mix[m] += d_mix[m][i];
  }
}

}  // namespace lior::nn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
