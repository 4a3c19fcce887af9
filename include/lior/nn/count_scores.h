// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A text's counts in the scores of a model, with weights that the model chooses token by token:
///   scores_v += sum_n w_n ln p_n(v | context),   n = 1 .. L = K + R,
///   w = b + A x + sum_n (S_{sure(n)} + S_{open(n)}),
/// where p_n are the probabilities of counts.h, x is what the classifier reads, and S has a row
/// for each n and each class of how sure the counts are there:
///   sure(n) = 20 (n - 1) + (0 where the context is new, else 1 + min(floor(log2 N_c), 10)),
///   open(n) = 20 (n - 1) + 12 + min(floor(8 gamma_c), 7).
/// With b_K = 1 and zeros otherwise, a model without scores of its own predicts p_K.

#include "lior/nn/counts.h"
#include "lior/nn/cross_entropy.h"

namespace lior::nn {

inline constexpr Index kSureClasses = 12, kOpenClasses = 8;
/// Rows of S.
constexpr Index sureness_rows(Index levels) { return levels * (kSureClasses + kOpenClasses); }

/// The sequences whose next tokens are counted.
template <class T>
struct CountedRows {
  View<const std::int32_t, 2> tokens{};  ///< [B, N], or [1, R] of packed ones
  std::span<const Index> lengths{};      ///< of packed ones, B of them (stretch.h); or empty
  /// [B, max(K, R, window) - 1 or more], x + 1 of the tokens before them, the latest last, 0 where
  /// there are none; without data none precede any of them.
  linalg::MatrixView<const T> history{};
  std::span<const Index> places{};  ///< [B] of the first tokens in the counted text; or empty
  Index begin = 0;                  ///< tokens of the same sequences before these
  Index window = 0;  ///< where nothing else was read, so many tokens before each target were
};

/// The look-ups of a call's rows, up to `most` of them at a time, in memory of the arena.
template <class T>
class CountLookup {
 public:
  /// `longest` is K, and `levels` L. Throws lior::Error where places do not fit the tokens or the
  /// text, or, unless the arena is planning, counts are null or not of contexts of 1 to K tokens.
  CountLookup(const TextCounts* counts, const CountedRows<T>& rows, Index longest, Index levels,
              Index most, Index workers, Index classes, Arena& arena);

  /// Looks row `row` of the tokens up, into place i: its steps, and its rows of S. One call a
  /// worker, which is below workers().
  void look_up(Index i, Index row, int worker);
  CountSteps<T> steps(Index i) const {
    return {tokens_[i].span(), steps_[i].span(), ends_[i].span(), bases_[i].span()};
  }
  /// sure(1), open(1), ..., sure(L), open(L).
  std::span<const std::int32_t> sure_rows(Index i) const { return sure_rows_[i].span(); }
  Index levels() const { return ends_.extent(1) - 1; }
  Index workers() const { return lost_.extent(0); }

 private:
  CountWork work_of(int worker) const;
  /// A token by its sequence and its number there.
  struct Place {
    Index sequence = 0, token = 0;
  };
  Place place_of(Index row) const;
  Context context_of(Index row, const Place& place, std::span<std::int32_t> to) const;
  Index next_in_text(const Place& place) const;

  const TextCounts* counts_;
  CountedRows<T> rows_;
  Index longest_;
  View<Index, 1> begins_;  // of packed sequences
  View<std::int32_t, 2> tokens_, ends_, sure_rows_;
  View<T, 2> steps_, bases_;
  View<double, 2> ratios_;  // of each worker: [2 workers, V], see CountWork
  View<std::uint32_t, 2> lost_;
  View<std::int32_t, 2> contexts_;  // of each worker
};

/// What the terms are made of, for who adds them up elsewhere: for each of the R rows
/// ln p_n(v | context), n = 1 .. L, in [R, L, V], and the rows of S that its weights have, in
/// [R, 2 L] as CountLookup has them. Threads over rows; bit-equal across thread counts. Throws
/// lior::Error when shapes do not fit.
template <class T>
void count_logarithms(const TextCounts& counts, const CountedRows<T>& rows, View<T, 3> logarithms,
                      View<std::int32_t, 2> sure_rows, Arena& arena);

template <class T>
struct CountGate {
  linalg::MatrixView<const T> weight;    ///< A [L, D]
  linalg::MatrixView<const T> sureness;  ///< S [sureness_rows(L), L]
  std::span<const T> bias;               ///< b [L]
};
template <class T>
struct CountGateGradient {
  linalg::MatrixView<T> weight{}, sureness{};
  std::span<T> bias{};
};

/// The terms of up to `most` rows of R at a time. Threads over rows; bit-equal across thread counts
/// but for products (linear.h). Throws lior::Error when shapes do not fit.
template <class T>
class CountScores : public ScoreTerms<T> {
 public:
  /// Takes what it needs from the arena, whose scope must last as long as it does. `longest` is K.
  /// `counts` may be null while the arena is planning. An empty gradient: no backward.
  CountScores(const TextCounts* counts, Index longest, const CountedRows<T>& rows,
              const CountGate<T>& gate, const CountGateGradient<T>& gradient, Index most,
              Index classes, Arena& arena);

  void add(std::span<const std::int32_t> rows, linalg::MatrixView<const T> x,
           linalg::MatrixView<T> scores) override;
  void backward(linalg::MatrixView<const T> x, linalg::MatrixView<const T> d_scores,
                linalg::MatrixView<T> dx) override;

 private:
  Index levels() const { return gate_.weight.rows; }
  void add_weights(Index i);
  void add_row(Index i, T* scores) const;
  void take_products(Index i, const T* d_scores);

  CountLookup<T> lookup_;
  CountGate<T> gate_;
  CountGateGradient<T> gradient_;
  Index classes_;
  Arena& arena_;
  View<T, 2> weights_, d_weights_;  // [most, L]
};

}  // namespace lior::nn
