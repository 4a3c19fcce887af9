#include "lior/core/arena.h"

namespace lior {

Arena::Arena(std::size_t bytes) : block_(static_cast<Index>(bytes)) {}

Arena Arena::planner() {
  Arena arena;
  arena.planning_ = true;
  return arena;
}

void* Arena::take_bytes(std::size_t bytes) {
  const std::size_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  LIOR_CHECK(planning_ || used_ + rounded <= capacity(),
             "the arena of {} bytes has {} left and {} are asked for; plan it with the same shapes",
             capacity(), capacity() - used_, rounded);
  void* start = planning_ ? nullptr : block_.data() + used_;
  used_ += rounded;
  peak_ = std::max(peak_, used_);
  return start;
}

}  // namespace lior
