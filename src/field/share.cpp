// SPDX-License-Identifier: Apache-2.0
#include "lior/field/share.h"

#include <algorithm>

#include "lior/core/error.h"

namespace lior::field {

Share::Share(comm::Communicator& ranks, Index rows)
    : ranks_(&ranks),
      ends_(comm::even_ends(rows, ranks.size())),
      one_each_(static_cast<std::size_t>(ranks.size())) {
  LIOR_CHECK(rows >= ranks.size(),
             "{} ranks share the rows of a grid, which has {}; expected at least one each",
             ranks.size(), rows);
}

double Share::largest(double mine) const {
  ranks_->all_gather(mine, std::span(one_each_));
  return *std::max_element(one_each_.begin(), one_each_.end());
}

/// The part of each rank, which the first one has; empty on the others.
template <class N>
std::vector<std::span<N>> Share::parts_of(std::span<N> all, Index each) const {
  std::vector<std::span<N>> parts(static_cast<std::size_t>(ranks_->size()));
  for (Index r = 0; ranks_->is_first() && r < ranks_->size(); ++r) {
    parts[static_cast<std::size_t>(r)] = all.subspan(static_cast<std::size_t>(first_of(r) * each),
                                                     static_cast<std::size_t>(count_of(r) * each));
  }
  return parts;
}

void Share::gather(std::span<const double> own, std::span<double> all, Index each) const {
  std::vector<std::span<const double>> outgoing(static_cast<std::size_t>(ranks_->size()));
  outgoing[0] = own;
  ranks_->all_to_all<double>(outgoing, parts_of(all, each));
}

void Share::scatter(std::span<const double> all, std::span<double> own, Index each) const {
  std::vector<std::span<double>> incoming(static_cast<std::size_t>(ranks_->size()));
  incoming[0] = own;
  ranks_->all_to_all<double>(parts_of(all, each), incoming);
}

template <class N>
Halo<N>::Halo(const Share& share, Index depth, Index row, std::string_view who)
    : ranks_(&share.ranks()),
      most_(depth),
      row_(row),
      rows_(share.count()),
      outgoing_(2 * depth * row),
      incoming_(2 * depth * row),
      to_(static_cast<std::size_t>(ranks_->size())),
      from_(to_.size()) {
  LIOR_CHECK(share.rows() / ranks_->size() >= depth,
             "{} ranks share a grid of {} rows, and {} needs {} rows of each; expected at most {} "
             "ranks",
             ranks_->size(), share.rows(), who, depth, share.rows() / depth);
}

template <class N>
void Halo<N>::exchange(const N* own, Index depth) {
  depth_ = depth;
  const Index half = depth * row_, size = ranks_->size();
  std::copy_n(own, half, outgoing_.data());
  std::copy_n(own + (rows_ - depth) * row_, half, outgoing_.data() + half);
  const auto last = static_cast<std::size_t>((ranks_->rank() + size - 1) % size);
  const auto next = static_cast<std::size_t>((ranks_->rank() + 1) % size);
  const auto part = static_cast<std::size_t>(half);
  const std::span<N> in = incoming_.span().first(2 * part);
  const std::span<const N> out = outgoing_.span().first(2 * part);
  if (last == next) {  // one neighbour, on both sides
    to_[next] = out;
    from_[next] = in;
  } else {
    to_[last] = out.first(part);
    to_[next] = out.last(part);
    from_[next] = in.first(part);
    from_[last] = in.last(part);
  }
  ranks_->all_to_all<N>(to_, from_);
}

template class Halo<float>;
template class Halo<double>;
template class Halo<std::complex<float>>;
template class Halo<std::complex<double>>;

}  // namespace lior::field
