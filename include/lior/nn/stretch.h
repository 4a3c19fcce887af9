// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Sequences whose tokens several ranks hold: each a stretch of every sequence, in their order.

#include <algorithm>
#include <functional>
#include <numeric>
#include <span>

#include "lior/comm/communicator.h"
#include "lior/core/arena.h"
#include "lior/linalg/matrix_view.h"

namespace lior::nn {

/// Which part of each sequence a rank holds. All stretches are as long as whole tokens can be, the
/// first ones by one token longer where they do not divide evenly.
struct Stretch {
  Index place = 0;                      ///< from 0 on; the rank's number among `ranks`
  Index count = 1;                      ///< of stretches, and ranks
  Index whole = 0;                      ///< tokens of a whole sequence
  comm::Communicator* ranks = nullptr;  ///< null where an arena only counts

  /// Whether there is more than one. The rest is of shared ones alone.
  bool is_shared() const { return count > 1; }
  bool is_last() const { return place + 1 == count; }
  /// The first token of a stretch, and the one behind its last.
  Index begin_of(Index stretch) const {
    return whole / count * stretch + std::min(whole % count, stretch);
  }
  Index begin() const { return begin_of(place); }
  Index end() const { return begin_of(place + 1); }

  /// What `numbers` hold on rank `from`, on rank `to`. Collective.
  template <class T>
  void hand_on(Index from, Index to, std::span<T> numbers) const {
    ranks->exchange<T>(place == from ? to : comm::kNoRank, place == from ? numbers : std::span<T>(),
                       place == to ? from : comm::kNoRank, place == to ? numbers : std::span<T>());
  }
  /// Of as many numbers of each rank, in order, where each has filled in its own: all, on all.
  /// Collective.
  template <class T>
  void gather_parts(std::span<T> all, Arena& arena) const;
  /// The last rank's rows, on all; nothing where they have no data. Collective.
  template <class T>
  void share_last(linalg::MatrixView<T> rows, Arena& arena) const;
};

/// The sequences of one call, none of which sees another. Row b N + n of an [R, D] array belongs to
/// token n of sequence b; or they are packed, of any lengths, one behind another.
struct Sequences {
  Index batch = 0;
  Index length = 0;  ///< tokens here: of the stretch where it is shared; of packed ones 0
  Stretch stretch{};
  std::span<const Index> lengths{};  ///< of packed ones, `batch` of them; must outlive this

  /// Throws lior::Error where a length is below 0.
  static Sequences packed(std::span<const Index> lengths);

  bool is_packed() const { return !lengths.empty(); }
  Index rows() const { return std::accumulate(lengths.begin(), lengths.end(), batch * length); }
  /// The calls that make the one: run(first sequence, its first row, sequences of one length). Of
  /// packed ones those of one length that are neighbours, else all.
  template <class Run>
  void for_each_call(const Run& run) const {
    if (!is_packed()) return run(Index{0}, Index{0}, *this);
    Index row = 0;
    for (auto of = lengths.begin(); of != lengths.end();) {
      const auto end = std::find_if(of, lengths.end(), [&](Index length) { return length != *of; });
      const Sequences call{end - of, *of};
      run(of - lengths.begin(), row, call);
      row += call.rows();
      of = end;
    }
  }
};

/// The tokens before a stretch, up to `reach` of them, which other ranks hold: what a layer needs
/// whose tokens see so far back. An *extended* array has, for each sequence, their rows before
/// those of the stretch, [B (rows() + N), width]. On an arena that only counts nothing is moved.
class Halo {
 public:
  /// One rank's share: its rows [B n, width], n, and how many tokens before the stretch it begins.
  template <class T>
  using Visit = std::function<void(linalg::MatrixView<const T> rows, Index n, Index distance)>;
  template <class T>
  using VisitBack = std::function<void(linalg::MatrixView<const T> rows,
                                       linalg::MatrixView<T> d_rows, Index n, Index distance)>;

  Halo(const Sequences& sequences, Index reach);

  /// Of each sequence.
  Index rows() const { return rows_; }
  /// The sequences of extended arrays, as if they began there.
  Sequences extended() const { return {sequences_.batch, rows_ + sequences_.length}; }

  /// The extended array, taken from the arena, of the rows `own` [B N, width] of all ranks.
  /// Collective.
  template <class T>
  View<T, 2> extend(linalg::MatrixView<const T> own, Arena& arena) const;
  /// The same without other ranks: rows of the halo are zeros.
  template <class T>
  View<T, 2> pad(linalg::MatrixView<const T> own, Arena& arena) const;
  /// own <- the stretch's own rows of an extended array.
  template <class T>
  void take_own(linalg::MatrixView<const T> extended, linalg::MatrixView<T> own) const;
  /// The halo's rows of `own`, one rank's at a time, the nearest first, so that no more are held at
  /// once. Collective.
  template <class T>
  void visit(linalg::MatrixView<const T> own, Arena& arena, const Visit<T>& visit) const;
  /// The same; what is filled in as their gradient is added to d_own on the rank of the rows.
  template <class T>
  void visit_back(linalg::MatrixView<const T> own, linalg::MatrixView<T> d_own, Arena& arena,
                  const VisitBack<T>& visit) const;
  /// own += what the halos of later ranks hold of its rows, the nearest first. Collective.
  template <class T>
  void give_back(linalg::MatrixView<const T> extended, linalg::MatrixView<T> own,
                 Arena& arena) const;

 private:
  struct Part;
  struct Neighbours;
  Part part(Index owner, Index reader) const;
  bool reaches(Index distance) const;
  template <class Body>
  void for_distances(const Body& body) const;
  template <class T>
  void lend(const Neighbours& at, linalg::MatrixView<const T> own, View<T, 2> out,
            View<T, 2> in) const;
  template <class T>
  void add_back(const Neighbours& at, View<T, 2> made, View<T, 2> scratch,
                linalg::MatrixView<T> own) const;

  Sequences sequences_;
  Index reach_, rows_;
};

/// Heads dealt out: each rank has some of them for all tokens, in place of all of them for some, so
/// that what does not cross heads needs no more of other ranks.
class DealtHeads {
 public:
  /// Of `heads` heads, `width` columns each.
  DealtHeads(const Sequences& sequences, Index heads, Index width);

  /// This rank's, first() .. first() + count() - 1.
  Index first() const { return begin_of(sequences_.stretch.place); }
  Index count() const { return begin_of(sequences_.stretch.place + 1) - first(); }
  /// Where a rank's begin.
  Index begin_of(Index rank) const {
    const Index ranks = sequences_.stretch.count;
    return heads_ / ranks * rank + std::min(heads_ % ranks, rank);
  }

  /// This rank's heads of all tokens [B, whole, count(), width], taken from the arena, of the rows
  /// `own` [B N, heads width] of all ranks. Collective.
  template <class T>
  View<T, 4> deal(linalg::MatrixView<const T> own, Arena& arena) const;
  /// The way back. Collective.
  template <class T>
  void collect(View<const T, 4> dealt, linalg::MatrixView<T> own, Arena& arena) const;

 private:
  struct Block;
  Block block(Index holder, Index dealt_to) const;
  template <class T, class Send, class Receive>
  void for_ranks(bool deals, Arena& arena, const Send& send, const Receive& receive) const;

  Sequences sequences_;
  Index heads_, width_;
};

}  // namespace lior::nn
