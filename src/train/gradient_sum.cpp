// SPDX-License-Identifier: Apache-2.0
#include "lior/train/gradient_sum.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <utility>

#include "lior/core/error.h"
#include "lior/core/parallel.h"

namespace lior::train {
namespace {

constexpr Index kNumbersPerThread = 65536;  // adding them takes longer than a thread to begin

/// sum <- left + sum.
void add_left(std::span<const float> left, std::span<float> sum) {
  parallel_for(std::ssize(sum), kNumbersPerThread, [&](Index begin, Index end, int) {
    for (Index i = begin; i < end; ++i) sum[i] = left[i] + sum[i];
  });
}

}  // namespace

bool GradientSum::are_siblings(const Block& left, const Block& right) {
  const Index size = Index{1} << left.level;
  return left.level == right.level && left.first % (2 * size) == 0 &&
         left.first + size == right.first;
}

std::vector<GradientSum::Block> GradientSum::blocks_of(Index first, Index last) {
  std::vector<Block> blocks;
  for (Index leaf = first; leaf < last; ++leaf) {
    Block block{leaf, 0};
    while (!blocks.empty() && are_siblings(blocks.back(), block)) {
      block = {blocks.back().first, block.level + 1};
      blocks.pop_back();
    }
    blocks.push_back(block);
  }
  return blocks;
}

Index GradientSum::most_waiting(Index first, Index last) {
  Index most = 0;
  for (Index leaf = first; leaf < last; ++leaf) {
    most = std::max(most, std::ssize(blocks_of(first, leaf)));
  }
  return most;
}

GradientSum::GradientSum(Index micro_batches, Index size, std::span<const Index> ends,
                         comm::Communicator& ranks)
    : ranks_(ranks),
      micro_batches_(micro_batches),
      ends_(ends.begin(), ends.end()),
      micro_ends_(comm::even_ends(micro_batches, ranks.size())) {
  LIOR_CHECK(micro_batches % ranks.size() == 0,
             "accumulate = {}, which {} ranks share: expected a multiple of {}", micro_batches,
             ranks.size(), ranks.size());
  last_ = micro_ends_[static_cast<std::size_t>(ranks.rank())];
  first_ = last_ - micro_batches / ranks.size();
  for (Index i = 0; i < most_waiting(first_, last_); ++i) buffers_.emplace_back(size);
  waiting_.reserve(buffers_.size());
  if (ranks.size() == 1) return;

  Index all = 0;
  for (Index r = 0; r < ranks.size(); ++r) {
    const Index last = micro_ends_[static_cast<std::size_t>(r)];
    blocks_.push_back(blocks_of(last - micro_batches / ranks.size(), last));
    all += std::ssize(blocks_.back());
  }
  const auto own = static_cast<std::size_t>(ranks.rank());
  received_ = Buffer<float>(all * (ends_[own] - (own == 0 ? 0 : ends_[own - 1])));
  outgoing_.resize(blocks_.size());
  incoming_.resize(blocks_.size());
  parts_.reserve(static_cast<std::size_t>(all));
}

std::size_t GradientSum::bytes(Index micro_batches, Index ranks, Index size,
                               std::size_t row_bytes) {
  if (micro_batches == 1) return 0;
  Index waiting = 0, all = 0;
  const Index each = micro_batches / ranks;
  for (Index r = 0; r < ranks; ++r) {
    waiting = std::max(waiting, most_waiting(r * each, (r + 1) * each));
    all += std::ssize(blocks_of(r * each, (r + 1) * each));
  }
  const Index received = ranks == 1 ? 0 : all * (size / ranks);
  return static_cast<std::size_t>(waiting * size + received) * sizeof(float) +
         2 * static_cast<std::size_t>(micro_batches) * row_bytes;
}

void GradientSum::add(std::span<float> gradients, Rows rows) {
  if (added_ == 0) start(rows);
  latest_ = {first_ + added_++, 0};
  while (!waiting_.empty() && are_siblings(waiting_.back(), latest_)) {
    add_left(buffers_[waiting_.size() - 1].span(), gradients);
    latest_ = {waiting_.back().first, latest_.level + 1};
    waiting_.pop_back();
  }
  take_rows(rows);
  if (first_ + added_ == last_) return;
  std::copy(gradients.begin(), gradients.end(), buffers_[waiting_.size()].begin());
  waiting_.push_back(latest_);
}

void GradientSum::start(Rows rows) {
  waiting_.clear();
  tables_.resize(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    Table& table = tables_[i];
    table.parameter = rows[i].parameter;
    table.width = rows[i].values.extent(1);
    table.own_rows.clear();
    table.own_values.clear();
    table.ends.assign(static_cast<std::size_t>(micro_batches_), 0);
  }
}

void GradientSum::finish(std::span<float> gradients) {
  added_ = 0;
  if (ranks_.size() > 1) {
    exchange(gradients);
    add_up(gradients);
  } else {
    for (std::size_t i = waiting_.size(); i-- > 0;) add_left(buffers_[i].span(), gradients);
  }
  if (micro_batches_ == 1) return;
  for (Table& table : tables_) gather_rows(table);
}

std::span<float> GradientSum::own_range(std::span<float> gradients) const {
  const auto own = static_cast<std::size_t>(ranks_.rank());
  const Index begin = own == 0 ? 0 : ends_[own - 1];
  return gradients.subspan(begin, ends_[own] - begin);
}

/// Sends each rank its range of the blocks that are here, one block of each rank after another.
void GradientSum::exchange(std::span<float> gradients) {
  const std::vector<Block>& mine = blocks_[static_cast<std::size_t>(ranks_.rank())];
  const auto share = own_range(gradients).size();
  parts_.clear();
  for (const std::vector<Block>& blocks : blocks_) {
    for (const Block& block : blocks) {
      parts_.push_back({block, received_.span().subspan(parts_.size() * share, share)});
    }
  }
  const auto rounds = std::ranges::max(blocks_, {}, &std::vector<Block>::size).size();
  for (std::size_t k = 0; k < rounds; ++k) {
    Index begin = 0, part = 0;
    for (std::size_t r = 0; r < blocks_.size(); ++r) {
      const std::span<const float> block = k < waiting_.size() ? buffers_[k].span() : gradients;
      outgoing_[r] = block.subspan(begin, k < mine.size() ? ends_[r] - begin : 0);
      incoming_[r] = k < blocks_[r].size() ? parts_[part + k].sum : std::span<float>();
      begin = ends_[r];
      part += std::ssize(blocks_[r]);
    }
    ranks_.all_to_all(std::span<const std::span<const float>>(outgoing_),
                      std::span<const std::span<float>>(incoming_));
  }
}

/// The rest of the tree, for this rank's range.
void GradientSum::add_up(std::span<float> gradients) {
  std::size_t waiting = 0;  // parts in front, whose siblings have not come
  for (Part part : parts_) {
    while (waiting > 0 && are_siblings(parts_[waiting - 1].block, part.block)) {
      const Part& left = parts_[--waiting];
      add_left(left.sum, part.sum);
      part.block = {left.block.first, part.block.level + 1};
    }
    parts_[waiting++] = part;
  }
  const std::span<float> sum = parts_[waiting - 1].sum;
  while (--waiting > 0) add_left(parts_[waiting - 1].sum, sum);
  std::copy(sum.begin(), sum.end(), own_range(gradients).begin());
}

void GradientSum::take_rows(Rows rows) {
  if (micro_batches_ == 1) {
    merged_.assign(rows.begin(), rows.end());
    return;
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    Table& table = tables_[i];
    const std::span<const float> values = rows[i].values.span();
    table.own_rows.insert(table.own_rows.end(), rows[i].rows.begin(), rows[i].rows.end());
    table.own_values.insert(table.own_values.end(), values.begin(), values.end());
    table.ends[static_cast<std::size_t>(first_ + added_ - 1)] = std::ssize(rows[i].rows);
  }
}

/// The rows that micro-batches of all ranks have, and their sum.
void GradientSum::gather_rows(Table& table) {
  ranks_.all_gather(std::span(table.ends), micro_ends_);
  std::partial_sum(table.ends.begin(), table.ends.end(), table.ends.begin());
  const Index all = table.ends.back();
  const Index begin = first_ == 0 ? 0 : table.ends[static_cast<std::size_t>(first_ - 1)];
  table.rows.resize(static_cast<std::size_t>(all));
  table.values.resize(static_cast<std::size_t>(all * table.width));
  std::ranges::copy(table.own_rows, table.rows.begin() + begin);
  std::ranges::copy(table.own_values, table.values.begin() + begin * table.width);

  table.row_ends.clear();
  table.value_ends.clear();
  for (const Index last : micro_ends_) {
    table.row_ends.push_back(table.ends[static_cast<std::size_t>(last - 1)]);
    table.value_ends.push_back(table.row_ends.back() * table.width);
  }
  ranks_.all_gather(std::span(table.rows), table.row_ends);
  ranks_.all_gather(std::span(table.values), table.value_ends);
  merge_rows(table);
}

/// Rows that are equal add up in the order of their micro-batches.
void GradientSum::merge_rows(Table& table) {
  table.order.resize(table.rows.size());
  std::iota(table.order.begin(), table.order.end(), Index{0});
  std::ranges::sort(table.order, {}, [&](Index i) { return std::pair(table.rows[i], i); });
  table.merged_rows.clear();
  table.merged_values.clear();
  for (const Index i : table.order) {
    const auto from = table.values.begin() + i * table.width;
    if (table.merged_rows.empty() || table.merged_rows.back() != table.rows[i]) {
      table.merged_rows.push_back(table.rows[i]);
      table.merged_values.insert(table.merged_values.end(), from, from + table.width);
    } else {
      const auto sum = table.merged_values.end() - table.width;
      std::transform(sum, table.merged_values.end(), from, sum, std::plus<>());
    }
  }
  const auto which = static_cast<std::size_t>(&table - tables_.data());
  merged_.resize(tables_.size());
  merged_[which] = {
      .parameter = table.parameter,
      .rows = table.merged_rows,
      .values = {table.merged_values.data(), {std::ssize(table.merged_rows), table.width}}};
}

}  // namespace lior::train
