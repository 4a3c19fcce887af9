// SPDX-License-Identifier: Apache-2.0
#pragma once
// Arguments of the kernels of attention: one head of one sequence, and how its scores are made.

#include <algorithm>

#include "lior/nn/tiled_attention.h"

namespace lior::nn {

inline constexpr Index kTileQueries = 64;  ///< lanes run over them
inline constexpr Index kTileKeys = 32;
/// Where queries do not see every key of a tile: fewer pairs that are made and thrown away.
inline constexpr Index kDiagonalKeys = 16;

/// Rows of keys or values of one head: first those of earlier calls, in a ring, then this call's.
template <class T>
struct AttentionRows {
  const T* ring = nullptr;  ///< row of position 0 mod capacity
  Index ring_stride = 0;
  Index capacity = 0;
  Index start = 0;   ///< where in the ring the oldest one is
  Index cached = 0;  ///< how many there are
  const T* fresh = nullptr;
  Index stride = 0;
  Index width = 0;

  const T* row(Index position) const {
    return position < cached ? ring + (start + position) % capacity * ring_stride
                             : fresh + (position - cached) * stride;
  }
};

/// A product of the score: sum_e key[key_column + e] query[query_row + e], e < depth.
struct ScoreProduct {
  Index key_column, query_row, depth;
};

/// s = q . k / sqrt E - slope (i - j). Query rows: q / sqrt E.
template <class T>
struct DotScores {
  static constexpr int kProducts = 1;
  static constexpr Index kMostQueryRows = kMostHeadWidth;
  Index width = 0;
  T scale = 0, slope = 0;

  Index query_rows() const { return width; }
  ScoreProduct product(int) const { return {0, 0, width}; }
  void expand_query(const T* query, T* rows, Index stride) const {
    for (Index e = 0; e < width; ++e) rows[e * stride] = scale * query[e];
  }
  void add_query_gradient(const T* d_rows, T* d_query) const {
    for (Index e = 0; e < width; ++e) d_query[e] += scale * d_rows[e];
  }
};

/// s of the three products wedge w, real part A = sum re re, imaginary part B = sum im im:
/// p = A + B and c = A - B. Query rows: -im, re, im. `mix` holds l1, l2, l3 / 8, l4, all / sqrt 8.
template <class T>
struct SpinorScores {
  static constexpr int kProducts = 3;
  static constexpr Index kMostQueryRows = 24;
  T mix[4] = {};

  Index query_rows() const { return 24; }
  ScoreProduct product(int i) const {
    constexpr ScoreProduct kProduct[] = {{0, 0, 16}, {0, 8, 8}, {8, 16, 8}};
    return kProduct[i];
  }
  void expand_query(const T* query, T* rows, Index stride) const {
    for (Index e = 0; e < 8; ++e) {
      rows[e * stride] = -query[8 + e];
      rows[(8 + e) * stride] = query[e];
      rows[(16 + e) * stride] = query[8 + e];
    }
  }
  void add_query_gradient(const T* d_rows, T* d_query) const {
    for (Index e = 0; e < 8; ++e) {
      d_query[e] += d_rows[8 + e];
      d_query[8 + e] += d_rows[16 + e] - d_rows[e];
    }
  }
};

/// Consecutive queries of one head and all that they may see.
template <class T>
struct QueryTile {
  Index first = 0;  ///< position of the first query, counted as keys are
  Index count = 0;  ///< at most kTileQueries
  Index all_keys = 0;
  Index window = 0;
  const T* queries = nullptr;  ///< row of the first
  Index query_stride = 0;
  AttentionRows<T> keys{}, values{};

  Index first_key() const { return window == 0 || first < window ? 0 : first - window + 1; }
  Index end_key() const { return std::min(first + count, all_keys); }
  /// How many keys from `begin` on, at most to `end`, go through the kernel together.
  Index keys_from(Index begin, Index end) const {
    const Index most = begin + kTileKeys <= first + 1 ? kTileKeys : kDiagonalKeys;
    return std::min(most, end - begin);
  }
  /// Whether a query of the tile does not see a key of [begin, end).
  bool hides(Index begin, Index end) const {
    return end - 1 > first || (window != 0 && begin <= first + count - 1 - window);
  }
};

template <class T>
struct QueryTileForward {
  QueryTile<T> tile;
  T* out = nullptr;
  Index out_stride = 0;
  T* log_sums = nullptr;
  bool goes_on = false;  ///< out and log_sums hold those of other keys
};

/// Gradients by keys of [first_key, end_key) alone are summed into; those of keys and values start
/// at position 0.
template <class T>
struct QueryTileBackward {
  QueryTile<T> tile;
  Index first_key = 0, end_key = 0;
  const T* out = nullptr;
  Index out_stride = 0;
  const T* log_sums = nullptr;
  const T* d_out = nullptr;
  Index d_out_stride = 0;
  T* d_queries = nullptr;
  Index d_query_stride = 0;
  T* d_keys = nullptr;
  Index d_key_stride = 0;
  T* d_values = nullptr;
  Index d_value_stride = 0;
  double* d_mix = nullptr;  ///< [4], of spinor scores
};

}  // namespace lior::nn
