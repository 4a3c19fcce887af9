// SPDX-License-Identifier: Apache-2.0
#include "lior/nn/ngram.h"

namespace lior::nn::reference {
namespace {

/// The row of order n at position t of one sequence.
Index row_of(const NgramShape& shape, Index n, View<const std::int32_t, 1> tokens, Index t) {
  std::uint64_t h = 0;
  for (Index i = t - n + 1; i <= t; ++i) {
    const std::uint64_t x = i < 0 ? 0 : static_cast<std::uint64_t>(tokens(i) + 1);
    h = (2654435761 * (h ^ x)) % (std::uint64_t{1} << 32);
    h = h ^ (h / (1 << 15));
  }
  return ((n - 2) << shape.bits) + static_cast<Index>(h % (std::uint64_t{1} << shape.bits));
}

/// visit(row of the table, row of x) for every look-up, in order.
template <class Visit>
void visit_all(const NgramShape& shape, View<const std::int32_t, 2> tokens, const Visit& visit) {
  for (Index b = 0; b < tokens.extent(0); ++b) {
    for (Index t = 0; t < tokens.extent(1); ++t) {
      for (Index n = 2; n <= shape.longest; ++n) {
        visit(row_of(shape, n, tokens[b], t), b * tokens.extent(1) + t);
      }
    }
  }
}

}  // namespace

template <class T>
void ngram_forward(const NgramShape& shape, linalg::MatrixView<const T> table,
                   View<const std::int32_t, 2> tokens, linalg::MatrixView<T> x) {
  visit_all(shape, tokens, [&](Index row, Index r) {
    for (Index k = 0; k < x.cols; ++k) x(r, k) += table(row, k);
  });
}

template <class T>
void ngram_backward(const NgramShape& shape, View<const std::int32_t, 2> tokens,
                    linalg::MatrixView<const T> dx, linalg::MatrixView<T> d_table) {
  visit_all(shape, tokens, [&](Index row, Index r) {
    for (Index k = 0; k < dx.cols; ++k) d_table(row, k) += dx(r, k);
  });
}

#define LIOR_INSTANTIATE(T)                                                        \
  template void ngram_forward(const NgramShape&, linalg::MatrixView<const T>,      \
                              View<const std::int32_t, 2>, linalg::MatrixView<T>); \
  template void ngram_backward(const NgramShape&, View<const std::int32_t, 2>,     \
                               linalg::MatrixView<const T>, linalg::MatrixView<T>)
LIOR_INSTANTIATE(float);
LIOR_INSTANTIATE(double);
#undef LIOR_INSTANTIATE

}  // namespace lior::nn::reference
