// SPDX-License-Identifier: Apache-2.0
// Models of sequences that ranks share: what each rank takes of a call, and what all give back.
#include "nn/copy_rows.h"
#include "nn/model_impl.h"

namespace lior::nn {

using linalg::MatrixView;

LossResult sum_of_stretches(const Stretch& stretch, const LossResult& own, Arena& arena) {
  const Arena::Scope scope(arena);
  const auto all = arena.take<LossResult, 1>({stretch.count});
  LossResult sum;
  if (arena.planning()) return sum;
  stretch.ranks->all_gather(own, all.span());
  for (const LossResult& result : all) {
    sum.loss_sum += result.loss_sum;
    sum.targets += result.targets;
    sum.correct += result.correct;
    sum.last_targets += result.last_targets;
    sum.last_correct += result.last_correct;
  }
  return sum;
}

void gather_stretches(const Stretch& stretch, std::span<const std::int32_t> own,
                      View<std::int32_t, 2> whole, Arena& arena) {
  const Arena::Scope scope(arena);
  const Index B = whole.extent(0);
  const auto ends = arena.take<Index, 1>({stretch.count});
  const auto all = arena.take<std::int32_t, 1>({whole.size()}).span();
  if (arena.planning()) return;
  for (Index r = 0; r < stretch.count; ++r) ends(r) = B * stretch.begin_of(r + 1);
  std::ranges::copy(own, all.begin() + B * stretch.begin());
  stretch.ranks->all_gather(all, std::span<const Index>(ends.span()));
  for (Index r = 0; r < stretch.count; ++r) {
    const Index begin = stretch.begin_of(r), length = stretch.begin_of(r + 1) - begin;
    const MatrixView<const std::int32_t> part(all.data() + B * begin, B, length);
    copy_rows(part, MatrixView<std::int32_t>(whole).block(0, begin, B, length));
  }
}

template <class T>
void Model<T>::Impl::check_shared(Index whole, Index ranks) const {
  if (ranks == 1) return;
  LIOR_CHECK(whole >= ranks,
             "{} ranks share sequences of {} tokens; expected at least one token a rank", ranks,
             whole);
  for (std::size_t i = 0; i < kept.size(); ++i) {
    for (const auto& layer : block(i)) {
      LIOR_CHECK(layer->can_be_shared(),
                 "{} ranks share sequences, and layers of {} need whole ones; expected other "
                 "mixers, or one rank",
                 ranks, name(config.mixers[i % config.mixers.size()]));
    }
  }
}

template <class T>
Sequences Model<T>::Impl::sequences_of(Tokens tokens, std::span<const Index> lengths,
                                       comm::Communicator& ranks) const {
  const Index B = tokens.extent(0), N = tokens.extent(1);
  if (lengths.empty()) {
    check_shared(N, ranks.size());
    return {B, N, {ranks.rank(), ranks.size(), N, &ranks}};
  }
  const Sequences packed = Sequences::packed(lengths);
  LIOR_CHECK(B == 1 && packed.rows() == N,
             "lengths are of {} tokens in one row; tokens is [{}, {}]", packed.rows(), B, N);
  LIOR_CHECK(ranks.size() == 1,
             "{} ranks share sequences, and these are packed; expected sequences of one length, "
             "or one rank",
             ranks.size());
  return packed;
}

template <class T>
OwnPart<T> Model<T>::Impl::own_part(const Sequences& whole, Tokens tokens, Tokens targets,
                                    MatrixView<const T> history, std::span<const Index> places,
                                    Arena& arena) const {
  const Stretch& stretch = whole.stretch;
  const Index B = whole.batch;
  if (!stretch.is_shared()) return {whole, tokens, targets, history, places};
  const Index begin = stretch.begin(), length = stretch.end() - begin;
  const auto own_tokens = arena.take<std::int32_t, 2>({B, length});
  const auto own_targets = arena.take<std::int32_t, 2>({B, length});
  const auto before = arena.take<T, 2>({B, history_size()});
  // Planned before it is known whether there are places.
  const auto own_places = arena.take<Index, 1>({B}).span().first(places.size());
  if (!arena.planning()) {
    using Rows = MatrixView<const std::int32_t>;
    copy_rows<std::int32_t>(Rows(tokens).block(0, begin, B, length), own_tokens);
    copy_rows<std::int32_t>(Rows(targets).block(0, begin, B, length), own_targets);
    for (Index b = 0; b < B; ++b) {
      for (Index j = 0; j < before.extent(1); ++j) {
        const Index token = begin - before.extent(1) + j;  // < 0: before the sequence
        before(b, j) = token >= 0                ? static_cast<T>(tokens(b, token) + 1)
                       : history.data != nullptr ? history(b, history.cols + token)
                                                 : T(0);
      }
    }
    std::ranges::transform(places, own_places.begin(),
                           [&](Index place) { return place < 0 ? place : place + begin; });
  }
  return {{B, length, stretch}, own_tokens, own_targets, View<const T, 2>(before), own_places};
}

#define LIOR_INSTANTIATE(T)                                                       \
  template void Model<T>::Impl::check_shared(Index, Index) const;                 \
  template Sequences Model<T>::Impl::sequences_of(Tokens, std::span<const Index>, \
                                                  comm::Communicator&) const;     \
  template OwnPart<T> Model<T>::Impl::own_part(                                   \
      const Sequences&, Tokens, Tokens, MatrixView<const T>, std::span<const Index>, Arena&) const
LIOR_INSTANTIATE(float);
LIOR_INSTANTIATE(double);
#undef LIOR_INSTANTIATE

}  // namespace lior::nn
