// SPDX-License-Identifier: Apache-2.0
// Chunks of the recurrence, and the spectrum's product. Lanes over channels. Compiled once per
// level.
#if defined(LIOR_MEMORY_KERNELS_CAUSAL_CONVOLUTION_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIOR_MEMORY_KERNELS_CAUSAL_CONVOLUTION_INL_H
#undef LIOR_MEMORY_KERNELS_CAUSAL_CONVOLUTION_INL_H
#else
#define LIOR_MEMORY_KERNELS_CAUSAL_CONVOLUTION_INL_H
#endif

#include <hwy/cache_control.h>

#include "memory/causal_convolution_kernel.h"
#include "memory/kernels/direct_sum.inl.h"
#include "memory/kernels/pole_sums.inl.h"

HWY_BEFORE_NAMESPACE();
namespace lior::memory::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Channels that one vector of T holds.
template <class T>
constexpr Index kLanes = static_cast<Index>(hn::MaxLanes(hn::ScalableTag<T>()));

/// out[r] = sum_q pack[q][r] in[q] for r < 4; rows of `in` and `out` are kVectors vectors long.
template <int kVectors, class T>
HWY_INLINE void multiply_four_rows(const T* HWY_RESTRICT pack, const T* HWY_RESTRICT in,
                                   Index count, T* HWY_RESTRICT out) {
  const hn::ScalableTag<T> d;
  constexpr Index kTile = kVectors * kLanes<T>;
  hn::Vec<decltype(d)> sum[4][kVectors];
#pragma GCC unroll 4
  for (int r = 0; r < 4; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::Zero(d);
  }
  for (Index q = 0; q < count; ++q, pack += 4, in += kTile) {
    hn::Vec<decltype(d)> row[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) row[v] = hn::Load(d, in + v * kLanes<T>);
#pragma GCC unroll 4
    for (int r = 0; r < 4; ++r) {
      const auto factor = hn::Set(d, pack[r]);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::MulAdd(factor, row[v], sum[r][v]);
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < 4; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      hn::Store(sum[r][v], d, out + r * kTile + v * kLanes<T>);
    }
  }
}

/// The numbers at x as doubles, and back.
template <class D, class T>
HWY_INLINE hn::Vec<D> load_as_double(D d, const T* x) {
  if constexpr (sizeof(T) == 8) {
    return hn::Load(d, x);
  } else {
    return hn::PromoteTo(d, hn::Load(hn::Rebind<T, D>(), x));
  }
}
template <class D, class T>
HWY_INLINE void store_from_double(D d, hn::Vec<D> value, T* x) {
  if constexpr (sizeof(T) == 8) {
    hn::Store(value, d, x);
  } else {
    const hn::Rebind<T, D> narrow;
    hn::Store(hn::DemoteTo(narrow, value), narrow, x);
  }
}

/// One tile of channels under way: its states in double, and in T before the chunk of x that the
/// products read with them.
template <int kVectors, class T>
struct ChannelTile {
  static constexpr Index kWidth = kVectors * kLanes<T>;
  alignas(64) double m[kMostRows * kWidth];
  alignas(64) T in[(kMostRows + kChunk) * kWidth];
};

/// m_j += growth_j m_j + added_j for every row j; the last two are one complex pole.
template <int kVectors, class T>
HWY_INLINE void advance_states(ChannelTile<kVectors, T>& tile, const double* growth, const T* added,
                               Index rows) {
  const hn::ScalableTag<double> d;
  using V = hn::Vec<decltype(d)>;
  constexpr Index kWidth = ChannelTile<kVectors, T>::kWidth;
  const auto put = [&](V value, Index at) {
    hn::Store(value, d, tile.m + at);
    store_from_double(d, value, tile.in + at);
  };
  for (Index j = 0; j < rows - 2; ++j) {
    const V factor = hn::Set(d, growth[j]);
    for (Index c = j * kWidth; c < (j + 1) * kWidth; c += kLanes<double>) {
      const V m = hn::Load(d, tile.m + c);
      put(hn::Add(m, hn::MulAdd(factor, m, load_as_double(d, added + c))), c);
    }
  }
  const V real = hn::Set(d, growth[rows - 2]), imaginary = hn::Set(d, growth[rows - 1]);
  for (Index c = (rows - 2) * kWidth; c < (rows - 1) * kWidth; c += kLanes<double>) {
    const V re = hn::Load(d, tile.m + c), im = hn::Load(d, tile.m + c + kWidth);
    const V x = hn::MulAdd(real, re, load_as_double(d, added + c));
    const V y = hn::MulAdd(real, im, load_as_double(d, added + c + kWidth));
    put(hn::Add(re, hn::NegMulAdd(imaginary, im, x)), c);
    put(hn::Add(im, hn::MulAdd(imaginary, re, y)), c + kWidth);
  }
}

/// Ends of a chunk. States that are 0 before it, or that nobody reads after it, cost
/// nothing.
struct ChunkEnds {
  bool states_before, states_after;
  bool more;  ///< a whole chunk follows
};

/// Four rows of the next chunk: a few lines at a time, behind whose arrival a product hides.
template <Index kWidth, class T>
HWY_INLINE void fetch_rows(const T* x, const T* y, Index stride) {
  constexpr Index kLine = 64 / sizeof(T);
  for (Index r = 0; r < 4; ++r, x += stride, y += stride) {
    for (Index c = 0; c < kWidth; c += kLine) {
      hwy::Prefetch(x + c);
      hwy::Prefetch(y + c);
    }
  }
}

/// `steps` steps, at most a chunk, of `channels` channels from x to y.
template <int kVectors, class T>
HWY_INLINE void run_chunk(const ChunkTables<T>& tables, ChannelTile<kVectors, T>& tile, const T* x,
                          T* y, Index steps, Index stride, Index channels, ChunkEnds ends) {
  const hn::ScalableTag<T> d;
  constexpr Index kWidth = ChannelTile<kVectors, T>::kWidth;
  alignas(64) T out[kMostRows * kWidth];
  const Index rows = tables.rows;
  const bool whole = channels == kWidth;
  T* const chunk = tile.in + rows * kWidth;
  for (Index n = 0; n < steps; ++n) {
    const T* row = x + n * stride;
    if (whole) {
#pragma GCC unroll 4
      for (Index c = 0; c < kWidth; c += kLanes<T>) {
        hn::Store(hn::LoadU(d, row + c), d, chunk + n * kWidth + c);
      }
    } else {
      for (Index c = 0; c < channels; ++c) chunk[n * kWidth + c] = row[c];
      for (Index c = channels; c < kWidth; ++c) chunk[n * kWidth + c] = 0;
    }
  }
  // Products take four steps at a time.
  for (Index i = steps * kWidth; i < (steps + 3) / 4 * 4 * kWidth; ++i) chunk[i] = 0;

  const Index skipped = ends.states_before ? 0 : rows;
  for (Index n = 0; n < steps; n += 4) {
    if (ends.more) fetch_rows<kWidth>(x + (n + kChunk) * stride, y + (n + kChunk) * stride, stride);
    multiply_four_rows<kVectors>(tables.output + n * (rows + kChunk) + skipped * 4,
                                 tile.in + skipped * kWidth, rows - skipped + n + 4, out);
    for (Index r = 0; r < HWY_MIN(4, steps - n); ++r) {
      T* row = y + (n + r) * stride;
      if (whole) {
#pragma GCC unroll 4
        for (Index c = 0; c < kWidth; c += kLanes<T>) {
          hn::StoreU(hn::Load(d, out + r * kWidth + c), d, row + c);
        }
      } else {
        for (Index c = 0; c < channels; ++c) row[c] = out[r * kWidth + c];
      }
    }
  }
  if (!ends.states_after) return;
  // The table holds z^0 last: a short chunk takes the last columns.
  for (Index j = 0; j < rows; j += 4) {
    multiply_four_rows<kVectors>(tables.update + (j / 4 * kChunk + kChunk - steps) * 4, chunk,
                                 steps, out + j * kWidth);
  }
  if (!ends.states_before) {
    for (Index i = 0; i < rows * kWidth; ++i) tile.m[i] = 0;
  }
  advance_states(tile, tables.growth + steps * rows, out, rows);
}

/// All steps of one sequence for up to kTiles tiles of channels side by side, so that what a row of
/// x brings into the cache is used at once. Rows of x and y are `stride` apart (negative: backwards
/// in time), those of the state `state_stride`.
template <int kVectors, Index kTiles, class T>
HWY_NOINLINE void run_chunks(const ChunkTables<T>& tables, const T* x, T* y, double* state,
                             Index length, Index stride, Index state_stride, Index channels) {
  using Tile = ChannelTile<kVectors, T>;
  constexpr Index kWidth = Tile::kWidth;
  const Index rows = tables.rows, tiles = (channels + kWidth - 1) / kWidth;
  Tile tile[kTiles];
  const auto each_state = [&](const auto& body) {
    for (Index t = 0; t < tiles; ++t) {
      for (Index j = 0; j < rows; ++j) {
        for (Index c = 0; c < kWidth; ++c) body(tile[t], j, c, t * kWidth + c);
      }
    }
  };
  if (state != nullptr) {
    each_state([&](Tile& of, Index j, Index c, Index channel) {
      of.m[j * kWidth + c] = channel < channels ? state[j * state_stride + channel] : 0;
      of.in[j * kWidth + c] = static_cast<T>(of.m[j * kWidth + c]);
    });
  }
  for (Index first = 0; first < length; first += kChunk) {
    const Index steps = HWY_MIN(kChunk, length - first);
    const ChunkEnds ends{.states_before = state != nullptr || first > 0,
                         .states_after = state != nullptr || first + steps < length,
                         .more = first + 2 * kChunk <= length};
    for (Index t = 0; t < tiles; ++t) {
      const Index at = first * stride + t * kWidth;
      run_chunk(tables, tile[t], x + at, y + at, steps, stride,
                HWY_MIN(kWidth, channels - t * kWidth), ends);
    }
  }
  if (state == nullptr) return;
  each_state([&](Tile& of, Index j, Index c, Index channel) {
    if (channel < channels) state[j * state_stride + channel] = of.m[j * kWidth + c];
  });
}

/// A tile's vectors: with four rows as many sums as registers hold beside their factors. Tiles side
/// by side read 256 bytes of a row, and their states stay in the first cache.
inline constexpr int kTileVectors = HWY_MAX_BYTES >= 64 ? 4 : 2;
inline constexpr Index kTilesAtOnce = HWY_MAX_BYTES >= 64 ? 1 : 4;

/// Channels that one call of memory_chunks takes at most, and the fewest worth a task.
template <class T>
Index chunk_channels() {
  return kTilesAtOnce * kTileVectors * kLanes<T>;
}
template <class T>
Index chunk_tile() {
  return 2 * kLanes<T>;
}

template <class T>
void memory_chunks(const ChunkTables<T>& tables, const T* x, T* y, double* state, Index length,
                   Index stride, Index state_stride, Index channels) noexcept {
  if (channels <= kLanes<T>) {
    run_chunks<1, 1>(tables, x, y, state, length, stride, state_stride, channels);
  } else if (channels <= 2 * kLanes<T>) {
    run_chunks<2, 1>(tables, x, y, state, length, stride, state_stride, channels);
  } else {
    run_chunks<kTileVectors, kTilesAtOnce>(tables, x, y, state, length, stride, state_stride,
                                           channels);
  }
}

/// spectrum[k] *= kernel[k], or conj(kernel[k]), for rows of `columns` complex numbers.
template <class T>
void multiply_spectrum(const T* kernel, bool conjugate, T* rows, Index count,
                       Index columns) noexcept {
  for (Index k = 0; k < count; ++k) {
    const T re = kernel[2 * k], im = conjugate ? -kernel[2 * k + 1] : kernel[2 * k + 1];
    T* row = rows + 2 * k * columns;
    for (Index c = 0; c < 2 * columns; c += 2) {
      const T a = row[c], b = row[c + 1];
      row[c] = re * a - im * b;
      row[c + 1] = re * b + im * a;
    }
  }
}

}  // namespace lior::memory::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
