// SPDX-License-Identifier: Apache-2.0
#pragma once
// The sequences that a rank reads in a step of training.

#include <cstdint>
#include <span>
#include <vector>

#include "lior/comm/communicator.h"
#include "lior/core/buffer.h"
#include "lior/train/config.h"
#include "lior/train/schedule.h"
#include "lior/train/source.h"

namespace lior::train {

/// This rank's micro-batches of a step, each for one leaf of the sum of gradients
/// (gradient_sum.h): ranks that share sequences have the same ones.
class StepBatches {
 public:
  /// What is given must outlive this. with_places: where in a text rows stand is asked for.
  StepBatches(const Config& config, const Source& data, const Curriculum& curriculum,
              bool with_places, comm::Communicator& ranks);

  /// Whole sequences of `length` tokens, or of fewer, packed, where data are shorter; and how many
  /// targets each micro-batch has.
  void fill(Index step, Index length);

  /// Fills the batches on all ranks, and returns the targets that they have together. Throws
  /// TextLost on all where one rank has lost the text, with a message on that one.
  Index take(Index step);

  struct Batch {
    View<std::int32_t, 2> tokens, targets;
    std::span<Index> places;  ///< of its sequences in the text; empty where nothing asks for them
    std::span<const Index> lengths;  ///< of packed sequences, in one row; else empty
  };
  Batch of(Index leaf);

  /// Whether a batch of sequences of `length` is packed. Ranks do not share packed ones.
  static bool packs(const Config& config, const Source& data, Index length);

  /// The number of a leaf's micro-batch: leaves are in the order of ranks (RankGroups).
  Index number_of(Index leaf) const { return leaf % config_.accumulate; }
  /// Where each rank's leaves end.
  std::span<const Index> ends() const { return ends_; }

 private:
  void fill_rows(Index step, Index leaf);
  void pack(Index step, Index leaf);
  /// The first `count` of the sequences of this rank's leaf number `own`, in an array of all.
  std::span<Index> of_leaf(std::vector<Index>& all, Index own, Index count) const;

  const Config& config_;
  const Source& data_;
  const Curriculum& curriculum_;
  comm::Communicator& ranks_;
  std::vector<Index> ends_;
  Index first_, last_;                       // of this rank's leaves
  Array<std::int32_t, 2> tokens_, targets_;  // one batch after another, as large as may be
  Shape<2> shape_{};                         // of each of them
  bool with_places_;
  std::vector<Index> places_;            // of a leaf's sequences, one leaf after another
  bool packed_ = false;                  // whether the batches are
  Index sequences_ = 0;                  // of a leaf at most
  std::vector<Range> drawn_;             // of one leaf
  std::vector<Index> lengths_;           // as places_, of packed ones
  std::vector<Index> packed_sequences_;  // that each of this rank's leaves has
  std::vector<Index> target_counts_;     // of all leaves
};

}  // namespace lior::train
