// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What a model has read, and where each context stood in it before: what followed the latest
/// occurrences of a context says more about the next token than its mean over a whole text.

#include <cstdint>
#include <span>
#include <vector>

#include "lior/core/view.h"

namespace lior::nn {

/// The tokens that a prediction follows, latest last.
using Context = std::span<const std::int32_t>;

/// A text at places 0, 1, ..., with the contexts of 1 to R tokens before each. A context is named
/// by a hash of 64 bits of its tokens, as in counts.h. Memory: 4 (R + 1) bytes a token, and 32 to
/// 64 bytes a context.
class RecentText {
 public:
  static constexpr Index kNone = -1;

  RecentText() = default;
  /// Throws lior::Error unless 0 <= longest <= kLongestContext (counts.h).
  explicit RecentText(Index longest);

  Index longest() const { return std::ssize(before_); }
  Index size() const { return std::ssize(tokens_); }
  std::int32_t token(Index place) const { return tokens_[static_cast<std::size_t>(place)]; }

  /// Reads tokens that follow the last ones. Throws lior::Error past 4e9 places.
  void add(std::span<const std::int32_t> tokens);
  /// The next token will be at `place`, at least size(), and does not follow what was read:
  /// contexts begin there. Places between hold no token.
  void start(Index place);
  /// Forgets all from place `size` on, at most size(); contexts of the next token begin there.
  void cut(Index size);

  /// The latest place before `place` that follows the same n tokens; kNone where there is none.
  Index before(Index n, Index place) const;
  /// The latest place that follows this context, of 1 to R tokens; kNone where there is none.
  Index latest(Context context) const;

  std::size_t bytes() const;

 private:
  /// The latest place of each context of one length.
  class Latest {
   public:
    /// That of a key, which is `place` from now on.
    std::uint32_t exchange(std::uint64_t key, std::uint32_t place);
    std::uint32_t find(std::uint64_t key) const;
    /// Undoes the exchange that made `place` the latest, where there was one.
    void restore(std::uint64_t key, std::uint32_t place, std::uint32_t before);
    std::size_t bytes() const { return slots_.capacity() * sizeof(Slot); }

   private:
    struct Slot {
      std::uint64_t key = 0;  // 0 where there is none
      std::uint32_t place = kAbsent;
    };
    std::size_t slot_of(std::uint64_t key) const;
    void grow();

    std::vector<Slot> slots_;  // a power of two, at most half of them taken
    std::size_t taken_ = 0;
  };
  static constexpr std::uint32_t kAbsent = 0xffffffff;

  std::vector<std::int32_t> tokens_;
  std::vector<std::vector<std::uint32_t>> before_;  // [R][size()]
  std::vector<Latest> latest_;                      // [R]
  Index start_ = 0;                                 // of what the next token follows
};

/// Where a prediction looks into a read text.
struct RecentPlace {
  const RecentText* text = nullptr;  ///< null: what was read is the end of the context alone
  /// Of the token that is predicted; RecentText::kNone: it stands behind all that was read, and its
  /// context says where.
  Index place = RecentText::kNone;
  Index begin = 0;   ///< places before it are not looked at
  Index window = 0;  ///< without text: so many tokens of the context's end
};

}  // namespace lior::nn
