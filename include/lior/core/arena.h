// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Memory for what lives for one call or one training step, planned before and reused after.

#include <cstddef>

#include "lior/core/buffer.h"

namespace lior {

/// A stack of views over one block. `take` moves the top up; an Arena::Scope moves it back down.
///
/// The same code that lays out a step's arrays also plans them: run it on `Arena::planner()`, whose
/// views have null data, read `peak()`, then make an arena of that many bytes. glibc gives large
/// freed blocks back to the kernel and faults them in again, so nothing that runs per step
/// allocates. Contents are not initialised. One thread at a time.
class Arena {
 public:
  explicit Arena(std::size_t bytes);
  /// An arena that only counts: every view it gives has null data.
  static Arena planner();

  Arena(Arena&&) = default;
  Arena& operator=(Arena&&) = default;

  /// The next array, on a 64-byte boundary. Throws lior::Error when the arena is too small.
  template <class T, std::size_t Rank>
  View<T, Rank> take(const Shape<Rank>& shape) {
    static_assert(std::is_trivially_copyable_v<T>);
    const Index bytes = checked_product(checked_element_count(shape), sizeof(T), "bytes");
    return {static_cast<T*>(take_bytes(static_cast<std::size_t>(bytes))), shape};
  }

  std::size_t used() const { return used_; }
  std::size_t peak() const { return peak_; }
  std::size_t capacity() const { return static_cast<std::size_t>(block_.size()); }
  bool planning() const { return planning_; }
  void reset() { used_ = 0; }
  /// Back to where used() was `mark`. Arrays that are then taken again in the same order lie where
  /// they lay and hold what they held.
  void rewind(std::size_t mark) { used_ = mark; }

  /// Gives back, at its end, all that was taken since its start.
  class Scope {
   public:
    explicit Scope(Arena& arena) : arena_(arena), mark_(arena.used_) {}
    ~Scope() { arena_.used_ = mark_; }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Arena& arena_;
    std::size_t mark_;
  };

 private:
  Arena() = default;
  void* take_bytes(std::size_t bytes);

  Buffer<std::byte> block_;
  std::size_t used_ = 0;
  std::size_t peak_ = 0;
  bool planning_ = false;
};

}  // namespace lior
