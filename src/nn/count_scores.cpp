// SPDX-License-Identifier: Apache-2.0
#include "lior/nn/count_scores.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "core/parallel_workers.h"
#include "lior/core/parallel.h"
#include "lior/core/profile.h"
#include "lior/nn/linear.h"
#include "nn/arguments.h"

namespace lior::nn {
namespace {

using linalg::MatrixView;

constexpr Index kRowsPerThread = 16;  // some microseconds each

/// Most workers for so many rows. Not threads(), which may be others when the arena was planned.
Index workers_for(Index rows) { return (rows + kRowsPerThread - 1) / kRowsPerThread; }

std::int32_t first_sure_row(Index n) {
  return static_cast<std::int32_t>((n - 1) * (kSureClasses + kOpenClasses));
}
std::int32_t sure_row(Index n, const Sureness& sure) {
  const bool is_new = sure.total == 0;
  return first_sure_row(n) +
         (is_new ? 0 : 1 + std::min<int>(std::ilogb(sure.total), kSureClasses - 2));
}
std::int32_t open_row(Index n, const Sureness& sure) {
  return first_sure_row(n) + static_cast<std::int32_t>(kSureClasses) +
         static_cast<std::int32_t>(std::min(kOpenClasses * sure.escape, kOpenClasses - 1.0));
}

}  // namespace

template <class T>
CountLookup<T>::CountLookup(const TextCounts* counts, const CountedRows<T>& rows, Index longest,
                            Index levels, Index most, Index workers, Index classes, Arena& arena)
    : counts_(counts), rows_(rows), longest_(longest) {
  const bool packed = !rows.lengths.empty();
  const Index sequences = packed ? std::ssize(rows.lengths) : rows.tokens.extent(0);
  if (!rows.places.empty()) check_size(rows.places, sequences, "places");
  begins_ = arena.take<Index, 1>({packed ? sequences : 0});
  const Index entries = most_count_steps(longest, levels - longest, classes);
  tokens_ = arena.take<std::int32_t, 2>({most, entries});
  steps_ = arena.take<T, 2>({most, entries});
  ends_ = arena.take<std::int32_t, 2>({most, levels + 1});
  bases_ = arena.take<T, 2>({most, levels + 1});
  sure_rows_ = arena.take<std::int32_t, 2>({most, 2 * levels});
  ratios_ = arena.take<double, 2>({2 * workers, classes});
  lost_ = arena.take<std::uint32_t, 2>({workers, classes});
  contexts_ =
      arena.take<std::int32_t, 2>({workers, std::max({longest, levels - longest, rows.window})});
  if (arena.planning()) return;
  LIOR_CHECK(counts != nullptr && counts->all.longest() == longest,
             "the model has weights for contexts of 1 to {} tokens, and counts of up to {}",
             longest, counts == nullptr ? 0 : counts->all.longest());
  if (packed)
    std::exclusive_scan(rows.lengths.begin(), rows.lengths.end(), begins_.begin(), Index{0});
  const Index text = counts->lost.empty() ? 0 : counts->recent.size();
  for (std::size_t b = 0; b < rows.places.size() && text > 0; ++b) {
    const Index place = rows.places[b], length = packed ? rows.lengths[b] : rows.tokens.extent(1);
    LIOR_CHECK(place + length < text,
               "places hold {}, of a sequence of {} tokens; the counted text has {}", place, length,
               text);
  }
  for (int worker = 0; worker < workers; ++worker) work_of(worker).clear();
}

template <class T>
CountWork CountLookup<T>::work_of(int worker) const {
  return {ratios_[2 * worker].span(), ratios_[2 * worker + 1].span(), lost_[worker].span()};
}

template <class T>
typename CountLookup<T>::Place CountLookup<T>::place_of(Index row) const {
  const Index N = rows_.tokens.extent(1);
  if (begins_.empty()) return {row / N, row % N};
  const auto after = std::upper_bound(begins_.begin(), begins_.end(), row);
  return {after - begins_.begin() - 1, row - *(after - 1)};
}

/// The tokens up to a row's own, in the end of `to`.
template <class T>
Context CountLookup<T>::context_of(Index row, const Place& place,
                                   std::span<std::int32_t> to) const {
  const std::int32_t* const sequence = rows_.tokens.data() + row - place.token;
  const MatrixView<const T>& history = rows_.history;
  std::size_t size = 0;
  for (Index t = place.token; size < to.size(); --t, ++size) {
    const Index before = history.data == nullptr ? -1 : history.cols + t;
    if (t < 0 && (before < 0 || history(place.sequence, before) == 0)) break;
    to[to.size() - 1 - size] =
        t >= 0 ? sequence[t] : static_cast<std::int32_t>(history(place.sequence, before)) - 1;
  }
  return to.last(size);
}

/// Where the token that follows is in the counted text; -1 where it is no part of it.
template <class T>
Index CountLookup<T>::next_in_text(const Place& place) const {
  if (rows_.places.empty()) return -1;
  const Index begin = rows_.places[static_cast<std::size_t>(place.sequence)];
  return begin < 0 ? -1 : begin + place.token + 1;
}

template <class T>
void CountLookup<T>::look_up(Index i, Index row, int worker) {
  std::array<Sureness, 2 * kLongestContext> of_levels;
  const std::span sureness = std::span(of_levels).first(static_cast<std::size_t>(levels()));
  const Place place = place_of(row);
  const Index next = next_in_text(place), first = next - 1 - place.token - rows_.begin;
  RecentPlace recent = counts_->recent_at(next, first);
  recent.window = rows_.window;
  count_steps<T>(counts_->all, counts_->lost_at(next), recent,
                 context_of(row, place, contexts_[worker].span()), steps(i), sureness,
                 work_of(worker));
  for (Index n = 1; n <= levels(); ++n) {
    const Sureness& sure = sureness[static_cast<std::size_t>(n - 1)];
    sure_rows_(i, 2 * n - 2) = sure_row(n, sure);
    sure_rows_(i, 2 * n - 1) = open_row(n, sure);
  }
}

template <class T>
void count_logarithms(const TextCounts& counts, const CountedRows<T>& rows, View<T, 3> logarithms,
                      View<std::int32_t, 2> sure_rows, Arena& arena) {
  const Index R = rows.tokens.size(), L = logarithms.extent(1), V = logarithms.extent(2);
  check_shape(logarithms, {R, L, V}, "logarithms");
  check_shape(sure_rows, {R, 2 * L}, "sure_rows");
  const Arena::Scope scope(arena);
  const Index workers = std::min(workers_for(R), Index{available_cores()});
  CountLookup<T> lookup(&counts, rows, counts.all.longest(), L, workers, workers, V, arena);
  const auto sums = arena.take<T, 2>({workers, V});
  if (arena.planning()) return;
  parallel_for_workers(R, kRowsPerThread, workers, [&](Index begin, Index end, int worker) {
    const std::span<T> sum = sums[worker].span();
    for (Index row = begin; row < end; ++row) {
      lookup.look_up(worker, row, worker);
      const CountSteps<T> of = lookup.steps(worker);
      std::copy_n(lookup.sure_rows(worker).begin(), 2 * L, &sure_rows(row, 0));
      std::fill(sum.begin(), sum.end(), T(0));
      std::size_t e = 0;
      for (std::size_t n = 0; n < of.ends.size(); ++n) {
        for (; std::cmp_less(e, of.ends[n]); ++e) {
          sum[static_cast<std::size_t>(of.tokens[e])] += of.steps[e];
        }
        if (n == 0) continue;
        std::transform(sum.begin(), sum.end(), &logarithms(row, static_cast<Index>(n) - 1, 0),
                       [&](T step) { return of.bases[n] + step; });
      }
    }
  });
}

template <class T>
CountScores<T>::CountScores(const TextCounts* counts, Index longest, const CountedRows<T>& rows,
                            const CountGate<T>& gate, const CountGateGradient<T>& gradient,
                            Index most, Index classes, Arena& arena)
    : lookup_(counts, rows, longest, gate.weight.rows, most, workers_for(most), classes, arena),
      gate_(gate),
      gradient_(gradient),
      classes_(classes),
      arena_(arena) {
  const Index L = levels();
  check_matrix(gate.sureness, sureness_rows(L), L, "sureness");
  check_size(gate.bias, L, "bias");
  weights_ = arena.take<T, 2>({most, L});
  d_weights_ = arena.take<T, 2>({gradient.bias.empty() ? 0 : most, L});
}

/// Adds to a row's weights those of its sureness.
template <class T>
void CountScores<T>::add_weights(Index i) {
  for (const std::int32_t s : lookup_.sure_rows(i)) {
    for (Index k = 0; k < levels(); ++k) weights_(i, k) += gate_.sureness(s, k);
  }
}

/// scores += sum_n w_n ln p_n: an entry of m is in p_m, ..., p_L.
template <class T>
void CountScores<T>::add_row(Index i, T* scores) const {
  const Index L = levels();
  const CountSteps<T> of = lookup_.steps(i);
  T sum = 0, base = 0;
  for (Index k = 0; k < L; ++k) {
    sum += weights_(i, k);
    base += weights_(i, k) * of.bases[static_cast<std::size_t>(k) + 1];
  }
  for (Index v = 0; v < classes_; ++v) scores[v] += base;
  std::int32_t e = 0;
  for (Index n = 0; n <= L; ++n) {
    if (n > 1) sum -= weights_(i, n - 2);
    for (; e < of.ends[static_cast<std::size_t>(n)]; ++e) {
      const auto at = static_cast<std::size_t>(e);
      scores[of.tokens[at]] += sum * of.steps[at];
    }
  }
}

/// d_w_n = sum_v d_scores_v ln p_n(v).
template <class T>
void CountScores<T>::take_products(Index i, const T* d_scores) {
  const CountSteps<T> of = lookup_.steps(i);
  T whole = 0, sum = 0;
  for (Index v = 0; v < classes_; ++v) whole += d_scores[v];
  std::int32_t e = 0;
  for (Index n = 0; n <= levels(); ++n) {
    for (; e < of.ends[static_cast<std::size_t>(n)]; ++e) {
      const auto at = static_cast<std::size_t>(e);
      sum += d_scores[of.tokens[at]] * of.steps[at];
    }
    if (n > 0) d_weights_(i, n - 1) = sum + whole * of.bases[static_cast<std::size_t>(n)];
  }
}

template <class T>
void CountScores<T>::add(std::span<const std::int32_t> rows, MatrixView<const T> x,
                         MatrixView<T> scores) {
  const ProfiledOp op("counts");
  const Index count = std::ssize(rows);
  check_matrix(x, count, gate_.weight.cols, "x");
  check_matrix(scores, count, classes_, "scores");
  linear_forward<T>(x, gate_.weight, gate_.bias,
                    MatrixView<T>(weights_).block(0, 0, count, levels()));
  parallel_for_workers(count, kRowsPerThread, lookup_.workers(),
                       [&](Index begin, Index end, int worker) {
                         for (Index i = begin; i < end; ++i) {
                           lookup_.look_up(i, rows[static_cast<std::size_t>(i)], worker);
                           add_weights(i);
                           add_row(i, &scores(i, 0));
                         }
                       });
}

template <class T>
void CountScores<T>::backward(MatrixView<const T> x, MatrixView<const T> d_scores,
                              MatrixView<T> dx) {
  const ProfiledOp op("counts");
  const Index L = levels(), count = d_scores.rows;
  const MatrixView<T> d_weights = MatrixView<T>(d_weights_).block(0, 0, count, L);
  if (!arena_.planning()) {
    parallel_for(count, kRowsPerThread, [&](Index begin, Index end, int) {
      for (Index i = begin; i < end; ++i) take_products(i, &d_scores(i, 0));
    });
    for (Index i = 0; i < count; ++i) {
      for (const std::int32_t s : lookup_.sure_rows(i)) {
        for (Index k = 0; k < L; ++k) gradient_.sureness(s, k) += d_weights(i, k);
      }
    }
  }
  linear_backward<T>(x, gate_.weight, d_weights, Store::add, dx, gradient_.weight, gradient_.bias,
                     arena_);
}

#define LIOR_INSTANTIATE(T)                                                            \
  template class CountLookup<T>;                                                       \
  template class CountScores<T>;                                                       \
  template void count_logarithms(const TextCounts&, const CountedRows<T>&, View<T, 3>, \
                                 View<std::int32_t, 2>, Arena&)
LIOR_INSTANTIATE(float);
LIOR_INSTANTIATE(double);
#undef LIOR_INSTANTIATE

}  // namespace lior::nn
