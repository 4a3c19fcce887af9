// SPDX-License-Identifier: Apache-2.0
#include "lior/train/rank_groups.h"

#include "lior/core/error.h"

namespace lior::train {

RankGroups::RankGroups(comm::Communicator& all, Index along) : all_(&all) {
  check(all.size(), along);
  if (along == 1) return;
  const Index groups = all.size() / along;
  along_ = all.split(all.rank() % groups);
  across_ = all.split(all.rank() / groups);
}

void RankGroups::check(Index ranks, Index along) {
  LIOR_CHECK(
      along >= 1 && ranks % along == 0,
      "sequence_ranks = {}, and the number of ranks is {}; expected a divisor of it (mpirun -n "
      "P starts P)",
      along, ranks);
}

}  // namespace lior::train
