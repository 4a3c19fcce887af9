// SPDX-License-Identifier: Apache-2.0
#include "lior/core/arena.h"

#include <limits>

namespace lior {
namespace {

constexpr std::size_t kMostBytes = std::numeric_limits<Index>::max();

}  // namespace

Arena::Arena(std::size_t bytes) : block_(static_cast<Index>(bytes)) {}

Arena Arena::planner() {
  Arena arena;
  arena.planning_ = true;
  return arena;
}

void* Arena::take_bytes(std::size_t bytes) {
  const std::size_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  LIOR_CHECK(planning_ || rounded <= capacity() - used_,
             "the arena of {} bytes has {} left and {} are asked for; plan it with the same shapes",
             capacity(), capacity() - used_, rounded);
  void* start = planning_ ? nullptr : block_.data() + used_;
  LIOR_CHECK(rounded <= kMostBytes - used_, "{} bytes are more than can be counted", rounded);
  used_ += rounded;
  peak_ = std::max(peak_, used_);
  return start;
}

}  // namespace lior
