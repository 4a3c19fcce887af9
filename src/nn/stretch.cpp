// SPDX-License-Identifier: Apache-2.0
#include "lior/nn/stretch.h"

#include <algorithm>

#include "nn/copy_rows.h"

namespace lior::nn {
namespace {

using linalg::MatrixView;

/// Rows first .. first + count - 1 of each of B sequences of `each` rows: visit(row, n), n counts.
template <class Visit>
void for_rows(Index batch, Index each, Index first, Index count, const Visit& visit) {
  Index n = 0;
  for (Index b = 0; b < batch; ++b) {
    for (Index i = 0; i < count; ++i) visit(b * each + first + i, n++);
  }
}

template <class T>
T* row_of(MatrixView<T> rows, Index i) {
  return rows.data + i * rows.stride;
}

}  // namespace

Sequences Sequences::packed(std::span<const Index> lengths) {
  for (const Index length : lengths) {
    LIOR_CHECK(length >= 0, "lengths hold {}; expected at least 0", length);
  }
  return {.batch = std::ssize(lengths), .lengths = lengths};
}

template <class T>
void Stretch::gather_parts(std::span<T> all, Arena& arena) const {
  const Arena::Scope scope(arena);
  const auto ends = arena.take<Index, 1>({count}).span();
  if (arena.planning()) return;
  for (Index r = 0; r < count; ++r) ends[r] = std::ssize(all) / count * (r + 1);
  ranks->all_gather(all, std::span<const Index>(ends));
}

template <class T>
void Stretch::share_last(MatrixView<T> numbers, Arena& arena) const {
  const Arena::Scope scope(arena);
  const auto packed = arena.take<T, 2>({numbers.rows, numbers.cols});
  if (arena.planning() || numbers.data == nullptr) return;
  copy_rows<T>(MatrixView<const T>(numbers), packed);
  ranks->broadcast(packed.span(), count - 1);
  copy_rows<T>(MatrixView<const T>(packed), numbers);
}

/// Tokens of a whole sequence that rank `owner` holds and `reader` needs.
struct Halo::Part {
  Index first = 0, count = 0;
};

Halo::Halo(const Sequences& sequences, Index reach)
    : sequences_(sequences), reach_(reach), rows_(std::min(reach, sequences.stretch.begin())) {}

Halo::Part Halo::part(Index owner, Index reader) const {
  const Stretch& stretch = sequences_.stretch;
  if (owner < 0 || reader >= stretch.count) return {};
  const Index first = std::max(stretch.begin_of(owner), stretch.begin_of(reader) - reach_);
  return {first, std::max<Index>(stretch.begin_of(owner + 1) - first, 0)};
}

/// Whether any rank needs tokens of one that is so many places before it.
bool Halo::reaches(Index distance) const {
  for (Index reader = distance; reader < sequences_.stretch.count; ++reader) {
    if (part(reader - distance, reader).count > 0) return true;
  }
  return false;
}

/// Another rank's tokens that this one reads, and this one's that another reads, at one distance.
struct Halo::Neighbours {
  Part read, lent;
  Index before = comm::kNoRank, behind = comm::kNoRank;  ///< whose and who, where there are any
};

template <class Body>
void Halo::for_distances(const Body& body) const {
  const Stretch& stretch = sequences_.stretch;
  for (Index distance = 1; distance < stretch.count && reaches(distance); ++distance) {
    Neighbours at{part(stretch.place - distance, stretch.place),
                  part(stretch.place, stretch.place + distance)};
    if (at.read.count > 0) at.before = stretch.place - distance;
    if (at.lent.count > 0) at.behind = stretch.place + distance;
    body(at);
  }
}

/// `in` <- the rows that are read; `out` is scratch for those that are lent.
template <class T>
void Halo::lend(const Neighbours& at, MatrixView<const T> own, View<T, 2> out,
                View<T, 2> in) const {
  for_rows(sequences_.batch, sequences_.length, at.lent.first - sequences_.stretch.begin(),
           at.lent.count,
           [&](Index row, Index n) { std::copy_n(row_of(own, row), own.cols, out[n].data()); });
  sequences_.stretch.ranks->exchange<T>(at.behind, out.span(), at.before, in.span());
}

/// The way back: own += what the reader of the lent rows made of them.
template <class T>
void Halo::add_back(const Neighbours& at, View<T, 2> made, View<T, 2> scratch,
                    MatrixView<T> own) const {
  sequences_.stretch.ranks->exchange<T>(at.before, made.span(), at.behind, scratch.span());
  for_rows(sequences_.batch, sequences_.length, at.lent.first - sequences_.stretch.begin(),
           at.lent.count, [&](Index row, Index n) {
             T* const to = row_of(own, row);
             std::transform(to, to + own.cols, scratch[n].data(), to, std::plus<>());
           });
}

template <class T>
View<T, 2> Halo::pad(MatrixView<const T> own, Arena& arena) const {
  const Index N = sequences_.length, each = rows_ + N;
  const auto extended = arena.take<T, 2>({sequences_.batch * each, own.cols});
  if (arena.planning()) return extended;
  for_rows(sequences_.batch, each, 0, rows_,
           [&](Index row, Index) { std::fill_n(extended[row].data(), own.cols, T(0)); });
  for_rows(sequences_.batch, each, rows_, N, [&](Index row, Index n) {
    std::copy_n(row_of(own, n), own.cols, extended[row].data());
  });
  return extended;
}

template <class T>
View<T, 2> Halo::extend(MatrixView<const T> own, Arena& arena) const {
  const View<T, 2> extended = pad(own, arena);
  visit<T>(own, arena, [&](MatrixView<const T> rows, Index count, Index distance) {
    if (arena.planning()) return;
    for_rows(
        sequences_.batch, rows_ + sequences_.length, rows_ - distance, count,
        [&](Index row, Index n) { std::copy_n(row_of(rows, n), own.cols, extended[row].data()); });
  });
  return extended;
}

template <class T>
void Halo::visit(MatrixView<const T> own, Arena& arena, const Visit<T>& visit) const {
  for_distances([&](const Neighbours& at) {
    const Arena::Scope scope(arena);
    const auto out = arena.take<T, 2>({sequences_.batch * at.lent.count, own.cols});
    const auto in = arena.take<T, 2>({sequences_.batch * at.read.count, own.cols});
    if (!arena.planning()) lend<T>(at, own, out, in);
    if (at.read.count > 0) {
      visit(View<const T, 2>(in), at.read.count, sequences_.stretch.begin() - at.read.first);
    }
  });
}

template <class T>
void Halo::visit_back(MatrixView<const T> own, MatrixView<T> d_own, Arena& arena,
                      const VisitBack<T>& visit) const {
  for_distances([&](const Neighbours& at) {
    const Arena::Scope scope(arena);
    const auto out = arena.take<T, 2>({sequences_.batch * at.lent.count, own.cols});
    const auto in = arena.take<T, 2>({sequences_.batch * at.read.count, own.cols});
    const auto d_in = arena.take<T, 2>(in.shape());
    if (!arena.planning()) lend<T>(at, own, out, in);
    if (at.read.count > 0) {
      visit(View<const T, 2>(in), d_in, at.read.count, sequences_.stretch.begin() - at.read.first);
    }
    if (!arena.planning()) add_back<T>(at, d_in, out, d_own);
  });
}

template <class T>
void Halo::take_own(MatrixView<const T> extended, MatrixView<T> own) const {
  for_rows(
      sequences_.batch, rows_ + sequences_.length, rows_, sequences_.length,
      [&](Index row, Index n) { std::copy_n(row_of(extended, row), own.cols, row_of(own, n)); });
}

template <class T>
void Halo::give_back(MatrixView<const T> extended, MatrixView<T> own, Arena& arena) const {
  const Index first = sequences_.stretch.begin() - rows_;
  for_distances([&](const Neighbours& at) {
    const Arena::Scope scope(arena);
    const auto made = arena.take<T, 2>({sequences_.batch * at.read.count, own.cols});
    const auto scratch = arena.take<T, 2>({sequences_.batch * at.lent.count, own.cols});
    if (arena.planning()) return;
    for_rows(
        sequences_.batch, rows_ + sequences_.length, at.read.first - first, at.read.count,
        [&](Index row, Index n) { std::copy_n(row_of(extended, row), own.cols, made[n].data()); });
    add_back<T>(at, made, scratch, own);
  });
}

/// Tokens that `holder` holds, of heads that are dealt to another rank.
struct DealtHeads::Block {
  Index token = 0, tokens = 0, column = 0, columns = 0;
};

DealtHeads::DealtHeads(const Sequences& sequences, Index heads, Index width)
    : sequences_(sequences), heads_(heads), width_(width) {}

DealtHeads::Block DealtHeads::block(Index holder, Index dealt_to) const {
  const Stretch& stretch = sequences_.stretch;
  const Index token = stretch.begin_of(holder), head = begin_of(dealt_to);
  return {token, stretch.begin_of(holder + 1) - token, head * width_,
          (begin_of(dealt_to + 1) - head) * width_};
}

/// All ranks' blocks: send(block, rows) fills in what receive(block, rows) gets. A rank's own
/// first.
template <class T, class Send, class Receive>
void DealtHeads::for_ranks(bool deals, Arena& arena, const Send& send,
                           const Receive& receive) const {
  const Stretch& stretch = sequences_.stretch;
  for (Index distance = 0; distance < stretch.count; ++distance) {
    const Arena::Scope scope(arena);
    const Index to = (stretch.place + distance) % stretch.count;
    const Index from = (stretch.place + stretch.count - distance) % stretch.count;
    const Block sent = deals ? block(stretch.place, to) : block(to, stretch.place);
    const Block received = deals ? block(from, stretch.place) : block(stretch.place, from);
    const auto out = arena.take<T, 2>({sequences_.batch * sent.tokens, sent.columns});
    const auto in = arena.take<T, 2>({sequences_.batch * received.tokens, received.columns});
    if (arena.planning()) continue;
    send(sent, out);
    if (distance == 0) {
      std::ranges::copy(out.span(), in.begin());
    } else {
      stretch.ranks->exchange<T>(to, out.span(), from, in.span());
    }
    receive(received, in);
  }
}

template <class T>
View<T, 4> DealtHeads::deal(MatrixView<const T> own, Arena& arena) const {
  const Index B = sequences_.batch, whole = sequences_.stretch.whole;
  const auto dealt = arena.take<T, 4>({B, whole, count(), width_});
  const MatrixView<T> rows(dealt.data(), B * whole, count() * width_);
  for_ranks<T>(
      true, arena,
      [&](const Block& block, View<T, 2> out) {
        copy_rows<T>(own.block(0, block.column, own.rows, block.columns), out);
      },
      [&](const Block& block, View<T, 2> in) {
        for_rows(B, whole, block.token, block.tokens, [&](Index row, Index n) {
          std::copy_n(in[n].data(), block.columns, row_of(rows, row));
        });
      });
  return dealt;
}

template <class T>
void DealtHeads::collect(View<const T, 4> dealt, MatrixView<T> own, Arena& arena) const {
  const Index B = sequences_.batch, whole = sequences_.stretch.whole;
  const MatrixView<const T> rows(dealt.data(), B * whole, count() * width_);
  for_ranks<T>(
      false, arena,
      [&](const Block& block, View<T, 2> out) {
        for_rows(B, whole, block.token, block.tokens, [&](Index row, Index n) {
          std::copy_n(row_of(rows, row), block.columns, out[n].data());
        });
      },
      [&](const Block& block, View<T, 2> in) {
        copy_rows<T>(MatrixView<const T>(in), own.block(0, block.column, own.rows, block.columns));
      });
}

#define LIOR_INSTANTIATE(T)                                                                       \
  template void Stretch::gather_parts(std::span<T>, Arena&) const;                                \
  template void Stretch::share_last(MatrixView<T>, Arena&) const;                                 \
  template View<T, 2> Halo::extend(MatrixView<const T>, Arena&) const;                            \
  template View<T, 2> Halo::pad(MatrixView<const T>, Arena&) const;                               \
  template void Halo::visit(MatrixView<const T>, Arena&, const Visit<T>&) const;                  \
  template void Halo::visit_back(MatrixView<const T>, MatrixView<T>, Arena&, const VisitBack<T>&) \
      const;                                                                                      \
  template void Halo::take_own(MatrixView<const T>, MatrixView<T>) const;                         \
  template void Halo::give_back(MatrixView<const T>, MatrixView<T>, Arena&) const;                \
  template View<T, 4> DealtHeads::deal(MatrixView<const T>, Arena&) const;                        \
  template void DealtHeads::collect(View<const T, 4>, MatrixView<T>, Arena&) const
LIOR_INSTANTIATE(float);
LIOR_INSTANTIATE(double);
#undef LIOR_INSTANTIATE

}  // namespace lior::nn
