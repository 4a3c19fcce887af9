// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The gradient of a step as the sum over its micro-batches, which ranks share.
///
/// G micro-batches are the leaves of one binary tree whose nodes are the blocks [j 2^l, (j + 1)
/// 2^l) of them; what is left where G is no power of two is added from the right. A rank adds up
/// the nodes that lie in its micro-batches, sends each rank its range of them, and adds up the rest
/// of the tree for its own range. So the sum has the same bits for any number of ranks that divides
/// G.
///
/// With P ranks, P and G powers of two, a rank is sent (P - 1)/P of the flat gradient's size a
/// step. Gradients by rows (nn/row_gradient.h) are gathered whole and added in order of
/// micro-batches.

#include <span>
#include <vector>

#include "lior/comm/communicator.h"
#include "lior/core/buffer.h"
#include "lior/nn/row_gradient.h"

namespace lior::train {

class GradientSum {
 public:
  using Rows = std::span<const nn::RowGradient<float>>;

  /// Of gradients of `size` numbers, whose ranges (one a rank) end at `ends`. Throws lior::Error
  /// unless the number of ranks divides that of micro-batches.
  GradientSum(Index micro_batches, Index size, std::span<const Index> ends,
              comm::Communicator& ranks);
  /// Bytes that it holds, but for gradients by rows: row_bytes of them in a micro-batch.
  static std::size_t bytes(Index micro_batches, Index ranks, Index size, std::size_t row_bytes);

  /// The micro-batches of this rank: first() .. last() - 1.
  Index first() const { return first_; }
  Index last() const { return last_; }

  /// Takes in the next of this rank's micro-batches, from first() on; may overwrite `gradients`,
  /// which is the same span at every call.
  void add(std::span<float> gradients, Rows rows);
  /// After the last: this rank's range of the sum, in its place in `gradients`; and rows() for all.
  /// Collective.
  void finish(std::span<float> gradients);
  Rows rows() const { return merged_; }

 private:
  /// Micro-batches first .. first + 2^level - 1, added up.
  struct Block {
    Index first = 0;
    int level = 0;
  };
  static bool are_siblings(const Block& left, const Block& right);
  static std::vector<Block> blocks_of(Index first, Index last);
  /// Sums of that are waiting for their siblings while micro-batches of this range come in.
  static Index most_waiting(Index first, Index last);

  void start(Rows rows);
  std::span<float> own_range(std::span<float> gradients) const;
  void exchange(std::span<float> gradients);
  void add_up(std::span<float> gradients);

  /// Of a table: what the micro-batches have, one after another, and their sum.
  struct Table {
    Index parameter = 0, width = 0;
    std::vector<std::int32_t> own_rows, rows, merged_rows;
    std::vector<float> own_values, values, merged_values;
    std::vector<Index> ends;                  // of each micro-batch's rows
    std::vector<Index> row_ends, value_ends;  // of each rank's
    std::vector<Index> order;                 // of rows, rising
  };
  void take_rows(Rows rows);
  void gather_rows(Table& table);
  void merge_rows(Table& table);

  /// A block, and this rank's range of its sum.
  struct Part {
    Block block;
    std::span<float> sum;
  };

  comm::Communicator& ranks_;
  Index micro_batches_, first_, last_;
  std::vector<Index> ends_;        // of ranges
  std::vector<Index> micro_ends_;  // of the ranks' micro-batches
  Index added_ = 0;
  Block latest_;                            // lies in the caller's gradients
  std::vector<Block> waiting_;              // each in its buffer
  std::vector<Buffer<float>> buffers_;      // of whole gradients
  std::vector<std::vector<Block>> blocks_;  // of each rank
  Buffer<float> received_;                  // parts_ of all of them
  std::vector<Part> parts_;
  std::vector<std::span<const float>> outgoing_;
  std::vector<std::span<float>> incoming_;
  std::vector<Table> tables_;
  std::vector<nn::RowGradient<float>> merged_;
};

}  // namespace lior::train
