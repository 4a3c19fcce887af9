// SPDX-License-Identifier: Apache-2.0
#include "lior/nn/ngram.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nn/kernels/ngram.inl.h"
#include <hwy/foreach_target.h>
#include "nn/kernels/ngram.inl.h"

#if HWY_ONCE
#include <algorithm>

#include "lior/core/parallel.h"
#include "lior/core/profile.h"
#include "lior/simd/dispatch.h"
#include "nn/arguments.h"

namespace lior::nn {
namespace {

using linalg::MatrixView;

constexpr Index kPositionsPerThread = 1024;  // some 20 multiplications each

std::uint32_t mixed(std::uint32_t h, std::uint32_t x) {
  h = 2654435761U * (h ^ x);
  return h ^ (h >> 15);
}

/// x + 1 of the token at t of a sequence; before it, of its history, else 0.
template <class T>
std::uint32_t token_at(const std::int32_t* tokens, const T* history, Index length, Index t) {
  if (t >= 0) return static_cast<std::uint32_t>(tokens[t]) + 1;
  return history == nullptr ? 0 : static_cast<std::uint32_t>(history[length + t]);
}

}  // namespace

template <class T>
void ngram_rows(const NgramShape& shape, View<const std::int32_t, 2> tokens,
                MatrixView<const T> history, View<std::int32_t, 2> rows) {
  const Index B = tokens.extent(0), N = tokens.extent(1);
  check_shape(rows, {B * N, shape.orders()}, "rows");
  if (history.data != nullptr) check_matrix(history, B, shape.history(), "history");
  const auto mask = static_cast<std::uint32_t>((Index{1} << shape.bits) - 1);
  parallel_for(B * N, kPositionsPerThread, [&](Index begin, Index end, int) {
    for (Index r = begin; r < end; ++r) {
      const std::int32_t* sequence = tokens.data() + r / N * N;
      const T* before = history.data == nullptr ? nullptr : history.data + r / N * history.stride;
      for (Index n = 2; n <= shape.longest; ++n) {
        std::uint32_t h = 0;
        for (Index t = r % N - n + 1; t <= r % N; ++t) {
          h = mixed(h, token_at(sequence, before, shape.history(), t));
        }
        rows(r, n - 2) = static_cast<std::int32_t>(((n - 2) << shape.bits) + (h & mask));
      }
    }
  });
}

template <class T>
void ngram_remember(View<const std::int32_t, 2> tokens, MatrixView<T> history) {
  const Index N = tokens.extent(1);
  check_matrix(history, tokens.extent(0), history.cols, "history");
  for (Index b = 0; b < history.rows; ++b) {
    T* row = history.data + b * history.stride;
    const std::int32_t* sequence = tokens.data() + b * N;
    for (Index i = 0; i < history.cols; ++i) {  // each from at or behind the place that it takes
      row[i] = static_cast<T>(token_at(sequence, row, history.cols, N - history.cols + i));
    }
  }
}

template <class T>
void ngram_forward(MatrixView<const T> table, View<const std::int32_t, 2> rows, MatrixView<T> x,
                   T scale) {
  const Index R = x.rows, orders = rows.extent(1);
  const auto numbers = static_cast<double>(R * table.cols);
  const ProfiledOp op("n-grams", static_cast<double>(orders) * numbers,
                      sizeof(T) * static_cast<double>(orders + 2) * numbers);
  check_matrix(x, R, table.cols, "x");
  check_shape(rows, {R, orders}, "rows");
  const auto kernel = LIOR_SIMD_TABLE(add_chosen_rows<T>).chosen();
  parallel_for(R, rows_per_thread(orders * table.cols), [&](Index begin, Index end, int) {
    for (Index r = begin; r < end; ++r) {
      T* row = x.data + r * x.stride;
      kernel(table, rows[r].data(), orders, scale, row, row);
    }
  });
}

RowGrouping::RowGrouping(Index entries)
    : keys_(entries), rows_(entries), begins_(entries + 1), positions_(entries) {}

std::size_t RowGrouping::bytes(Index entries) {
  return static_cast<std::size_t>(entries) * (sizeof(std::uint64_t) + 3 * sizeof(std::int32_t));
}

RowGroups RowGrouping::group(View<const std::int32_t, 2> rows) {
  const ProfiledOp op("n-grams");
  const Index orders = rows.extent(1);
  LIOR_CHECK(rows.size() <= keys_.size(), "{} rows are to be grouped; there is room for {}",
             rows.size(), keys_.size());
  constexpr int kPositionBits = 32;
  Index entries = 0, count = 0;
  for (Index i = 0; i < rows.size(); ++i) {
    if (rows.data()[i] < 0) continue;
    const auto row = static_cast<std::uint64_t>(rows.data()[i]);
    keys_[entries++] = row << kPositionBits | static_cast<std::uint64_t>(i / orders);
  }
  std::sort(keys_.begin(), keys_.begin() + entries);
  for (Index i = 0; i < entries; ++i) {
    const auto row = static_cast<std::int32_t>(keys_[i] >> kPositionBits);
    positions_[i] = static_cast<std::int32_t>(keys_[i]);
    if (count > 0 && rows_[count - 1] == row) continue;
    rows_[count] = row;
    begins_[count++] = static_cast<std::int32_t>(i);
  }
  begins_[count] = static_cast<std::int32_t>(entries);
  const auto first = [](const Buffer<std::int32_t>& buffer, Index size) {
    return buffer.span().first(static_cast<std::size_t>(size));
  };
  return {first(rows_, count), first(begins_, count + 1), first(positions_, entries)};
}

template <class T>
void ngram_backward(const RowGroups& groups, MatrixView<const T> dx, MatrixView<T> d_rows,
                    T scale) {
  const auto count = static_cast<Index>(groups.rows.size());
  const double numbers =
      static_cast<double>(groups.positions.size()) * static_cast<double>(dx.cols);
  const ProfiledOp op("n-grams", numbers, 2 * sizeof(T) * numbers);
  check_matrix(d_rows, count, dx.cols, "d_rows");
  const auto kernel = LIOR_SIMD_TABLE(sum_chosen_rows<T>).chosen();
  parallel_for(count, rows_per_thread(dx.cols), [&](Index begin, Index end, int) {
    for (Index k = begin; k < end; ++k) {
      kernel(dx, groups.positions.data() + groups.begins[k],
             groups.begins[k + 1] - groups.begins[k], scale, d_rows.data + k * d_rows.stride);
    }
  });
}

#define LIOR_INSTANTIATE(T)                                                                        \
  template void ngram_rows(const NgramShape&, View<const std::int32_t, 2>, MatrixView<const T>,    \
                           View<std::int32_t, 2>);                                                 \
  template void ngram_remember(View<const std::int32_t, 2>, MatrixView<T>);                        \
  template void ngram_forward(MatrixView<const T>, View<const std::int32_t, 2>, MatrixView<T>, T); \
  template void ngram_backward(const RowGroups&, MatrixView<const T>, MatrixView<T>, T)
LIOR_INSTANTIATE(float);
LIOR_INSTANTIATE(double);
#undef LIOR_INSTANTIATE

}  // namespace lior::nn
#endif
