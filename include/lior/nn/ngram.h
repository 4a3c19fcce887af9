// SPDX-License-Identifier: Apache-2.0
#pragma once
/// N-grams: rows of a table that the last few tokens choose, so that what often follows "tha" is
/// looked up, not computed.
///
/// A position has a row for each order n = 2 .. longest, found by a hash of its last n tokens:
///   h = 0;  for x in x_{t-n+1}, ..., x_t:  h <- 2654435761 (h xor (x + 1)) mod 2^32,
///                                          h <- h xor floor(h / 2^15);
///   row = (n - 2) 2^bits + h mod 2^bits,
/// where x + 1 is 0 for a token before the sequence. N-grams whose hashes agree share a row; those
/// of two orders never do.
///
/// A step reads few of the rows, so gradients come by rows: a list of those that were read, and the
/// sum of what came back to each.

#include <cstdint>
#include <span>

#include "lior/core/buffer.h"
#include "lior/linalg/matrix_view.h"

namespace lior::nn {

struct NgramShape {
  Index longest = 0;  ///< n-grams of 2 to so many tokens; 0: none
  Index bits = 16;    ///< a table of 2^bits rows for each order

  Index orders() const { return longest == 0 ? 0 : longest - 1; }
  Index rows() const { return orders() << bits; }
  /// Tokens before a position that its rows depend on.
  Index history() const { return orders(); }
};

/// rows [B N, orders] of tokens [B, N]. history [B, shape.history()]: x + 1 of the tokens before
/// them, the latest last; without data there are none. Threads over positions. Throws lior::Error
/// when shapes do not fit.
template <class T>
void ngram_rows(const NgramShape& shape, View<const std::int32_t, 2> tokens,
                linalg::MatrixView<const T> history, View<std::int32_t, 2> rows);

/// The history of what follows `tokens`, from that before them, in place.
template <class T>
void ngram_remember(View<const std::int32_t, 2> tokens, linalg::MatrixView<T> history);

/// x_r += scale sum_o table_{rows(r, o)}, o in order; a row < 0 is left out. table [shape.rows(),
/// D], x [R, D]. Threads over rows: bit-equal across thread counts.
template <class T>
void ngram_forward(linalg::MatrixView<const T> table, View<const std::int32_t, 2> rows,
                   linalg::MatrixView<T> x, T scale = 1);

/// Which positions read each row.
struct RowGroups {
  std::span<const std::int32_t> rows;    ///< those that are read, rising
  std::span<const std::int32_t> begins;  ///< of each row's part of `positions`; one more at the end
  std::span<const std::int32_t> positions;  ///< rising within a row
};

/// Makes groups, in memory that is taken once.
class RowGrouping {
 public:
  RowGrouping() = default;
  /// For up to so many entries of `rows`.
  explicit RowGrouping(Index entries);
  static std::size_t bytes(Index entries);

  Index entries() const { return keys_.size(); }
  /// rows [R, orders], those < 0 left out. What it returns holds until the next call.
  RowGroups group(View<const std::int32_t, 2> rows);

 private:
  Buffer<std::uint64_t> keys_;
  Buffer<std::int32_t> rows_, begins_, positions_;
};

/// d_rows_k = scale times the sum of dx_r over the positions r of group k, in order; [groups.rows,
/// D], the gradient of row groups.rows[k]. Threads over groups: bit-equal across thread counts.
template <class T>
void ngram_backward(const RowGroups& groups, linalg::MatrixView<const T> dx,
                    linalg::MatrixView<T> d_rows, T scale = 1);

namespace reference {
template <class T>
void ngram_forward(const NgramShape& shape, linalg::MatrixView<const T> table,
                   View<const std::int32_t, 2> tokens, linalg::MatrixView<T> x);
/// The whole gradient: d_table += that of ngram_forward.
template <class T>
void ngram_backward(const NgramShape& shape, View<const std::int32_t, 2> tokens,
                    linalg::MatrixView<const T> dx, linalg::MatrixView<T> d_table);
}  // namespace reference

}  // namespace lior::nn
