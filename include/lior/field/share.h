// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A grid whose rows ranks share: each holds some of them, in order, of every field.
///
/// Nothing that is added up depends on how many ranks there are: each row's part is computed as one
/// process does, all parts are gathered, and then added in the order of the rows.

#include <complex>
#include <span>
#include <string_view>
#include <vector>

#include "lior/comm/communicator.h"
#include "lior/core/buffer.h"

namespace lior::field {

class Share {
 public:
  /// Rank r holds rows ends()[r - 1] .. ends()[r] - 1 of `rows`. `ranks` must outlive it. Throws
  /// lior::Error where there are more ranks than rows.
  Share(comm::Communicator& ranks, Index rows);

  comm::Communicator& ranks() const { return *ranks_; }
  Index rows() const { return ends_.back(); }  ///< of the whole grid
  Index first() const { return first_of(ranks_->rank()); }
  Index count() const { return count_of(ranks_->rank()); }
  Index first_of(Index rank) const { return rank == 0 ? 0 : at(rank - 1); }
  Index count_of(Index rank) const { return at(rank) - first_of(rank); }
  std::span<const Index> ends() const { return ends_; }

  /// The largest of all ranks' numbers. Collective.
  double largest(double mine) const;

  /// Parts of `each` numbers a row, gathered: `own` of this rank's rows, `all`, which counts on the
  /// first rank only, of all rows. Collective.
  void gather(std::span<const double> own, std::span<double> all, Index each) const;
  /// The reverse: `all` of the first rank, into each one's `own`. Collective.
  void scatter(std::span<const double> all, std::span<double> own, Index each) const;

 private:
  template <class N>
  std::vector<std::span<N>> parts_of(std::span<N> all, Index each) const;
  Index at(Index rank) const { return ends_[static_cast<std::size_t>(rank)]; }

  comm::Communicator* ranks_;
  std::vector<Index> ends_;
  mutable std::vector<double> one_each_;  ///< a number of each rank
};

/// The largest over all ranks that share a grid; `mine` where none do (share is null).
inline double largest_of(const Share* share, double mine) {
  return share == nullptr ? mine : share->largest(mine);
}

/// Runs `body`, which sends nothing: where it throws on one rank that shares a grid, all throw.
template <class Body>
void together(const Share* share, const Body& body) {
  share == nullptr ? body() : share->ranks().together(body);
}

/// Copies of the rows that lie beside a rank's own, on the periodic grid. N: a number.
template <class N>
class Halo {
 public:
  /// `depth` rows on either side, of `row` numbers each. Throws lior::Error where a rank has fewer
  /// rows than that, with `who` needs them.
  Halo(const Share& share, Index depth, Index row, std::string_view who);

  /// Takes them from the ranks that hold them, or only the `depth` nearest ones; own: [rows, row].
  /// Sends 2 depth row numbers from each rank. Collective.
  void exchange(const N* own, Index depth);
  void exchange(const N* own) { exchange(own, most_); }

  /// Row i of -depth .. rows + depth - 1, of the field `own` that was exchanged.
  const N* row(const N* own, Index i) const {
    if (i < 0) return incoming_.data() + (2 * depth_ + i) * row_;
    return i < rows_ ? own + i * row_ : incoming_.data() + (i - rows_) * row_;
  }

 private:
  comm::Communicator* ranks_;
  Index most_, row_, rows_, depth_ = 0;
  Buffer<N> outgoing_, incoming_;  ///< the first rows and the last; those after and those before
  std::vector<std::span<const N>> to_;
  std::vector<std::span<N>> from_;
};

}  // namespace lior::field
