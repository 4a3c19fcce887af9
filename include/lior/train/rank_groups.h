// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Ranks in groups that share sequences.

#include <memory>

#include "lior/comm/communicator.h"

namespace lior::train {

/// Of P ranks, `along` share each sequence: rank s D + d of D = P / along groups holds stretch s
/// (nn/stretch.h) of the sequences of group d. So ranks with one stretch lie side by side.
class RankGroups {
 public:
  /// Collective. Throws lior::Error on all ranks unless `along` divides their number.
  RankGroups(comm::Communicator& all, Index along);
  /// The same without making any.
  static void check(Index ranks, Index along);

  /// Those that share this rank's sequences.
  comm::Communicator& along() const { return along_ ? *along_ : comm::alone(); }
  /// Those that hold the same stretch of others, of all groups.
  comm::Communicator& across() const { return across_ ? *across_ : *all_; }

 private:
  comm::Communicator* all_;
  std::unique_ptr<comm::Communicator> along_, across_;  // null where no ranks share
};

}  // namespace lior::train
