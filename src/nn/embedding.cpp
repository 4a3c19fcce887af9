// SPDX-License-Identifier: Apache-2.0
#include "lior/nn/embedding.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nn/kernels/embedding.inl.h"
#include <hwy/foreach_target.h>
#include "nn/kernels/embedding.inl.h"

#if HWY_ONCE
#include <algorithm>

#include "lior/core/parallel.h"
#include "lior/core/profile.h"
#include "lior/simd/dispatch.h"
#include "nn/arguments.h"

namespace lior::nn {
namespace {

constexpr Index kLineBytes = 64;  // a thread's columns are whole cache lines

void check_tokens(std::span<const std::int32_t> tokens, Index vocabulary) {
  for (std::size_t r = 0; r < tokens.size(); ++r) {
    LIOR_CHECK(tokens[r] >= 0 && tokens[r] < vocabulary,
               "tokens[{}] is {}; expected 0 to {}, a row of the table", r, tokens[r],
               vocabulary - 1);
  }
}

}  // namespace

using linalg::MatrixView;

template <class T>
void embedding_forward(MatrixView<const T> table, std::span<const std::int32_t> tokens,
                       MatrixView<T> out) {
  const Index R = out.rows, D = table.cols;
  const ProfiledOp op("embedding", 0, 2.0 * sizeof(T) * R * D);
  check_matrix(out, R, D, "out");
  check_size(tokens, R, "tokens");
  check_tokens(tokens, table.rows);
  parallel_for(R, rows_per_thread(D), [&](Index begin, Index end, int) {
    for (Index r = begin; r < end; ++r) {
      std::copy_n(table.data + tokens[r] * table.stride, D, out.data + r * out.stride);
    }
  });
}

template <class T>
void embedding_backward(std::span<const std::int32_t> tokens, MatrixView<const T> d_out,
                        MatrixView<T> d_table) {
  const Index R = d_out.rows, D = d_table.cols;
  const ProfiledOp op("embedding", 1.0 * R * D, 3.0 * sizeof(T) * R * D);
  check_matrix(d_out, R, D, "d_out");
  check_size(tokens, R, "tokens");
  check_tokens(tokens, d_table.rows);
  const auto kernel = LIOR_SIMD_TABLE(scatter_rows<T>).chosen();
  const Index line = kLineBytes / static_cast<Index>(sizeof(T));
  parallel_for((D + line - 1) / line, 1, [&](Index first, Index last, int) {
    const Index begin = first * line, cols = std::min(D, last * line) - begin;
    kernel(tokens.data(), d_out.block(0, begin, R, cols),
           d_table.block(0, begin, d_table.rows, cols));
  });
}

#define LIOR_INSTANTIATE(T)                                                            \
  template void embedding_forward(MatrixView<const T>, std::span<const std::int32_t>,  \
                                  MatrixView<T>);                                      \
  template void embedding_backward(std::span<const std::int32_t>, MatrixView<const T>, \
                                   MatrixView<T>)
LIOR_INSTANTIATE(float);
LIOR_INSTANTIATE(double);
#undef LIOR_INSTANTIATE

}  // namespace lior::nn
#endif
