// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Counts of a text: which tokens followed each context of up to K tokens, and the probabilities
/// that they give (Kneser and Ney's, with three discounts an order).
///
/// A context c is the n tokens before a token x, n = 0 .. K. Its count n_c(x) is
///   n = K: how often x followed c;
///   n < K: how many different tokens stood before c where x followed it,
/// which says better how x follows c where the longer contexts are new. With N_c = sum_x n_c(x),
///   p_n(x | c) = (n_c(x) - d(n_c(x))) / N_c + gamma_c p_{n-1}(x | c without its first token),
///   gamma_c = sum_x d(n_c(x)) / N_c,    d(0) = 0,    d(1), d(2), d(3 and more) of the order,
/// p_n = p_{n-1} where c is new or reaches before the sequence, and p_{-1}(x) = 1 / vocabulary.
/// Contexts of 1 .. R tokens in what was read go on from there, each with the up to kLatest latest
/// tokens that followed it: with r_c(x) of them x, N_c in all,
///   p_{K+n}(x | c) = (r_c(x) - e(r_c(x))) / N_c + gamma_c p_{K+n-1}(x | c without its first
///   token), gamma_c = sum_x e(r_c(x)) / N_c,     e(0) = 0, e(1) = .6, e(2 and more) = .78.
/// The discounts are d(i) = i - (i + 1) Y t_{i+1} / t_i, Y = t_1 / (t_1 + 2 t_2), t_i entries of
/// the order having the count i; within [0.1, i - 0.05], and 1/2 where a t_i is 0.
/// Source: R. Kneser, H. Ney, ICASSP 1995, 181-184; S. F. Chen, J. Goodman, Computer Speech and
/// Language 13 (1999), 359-394, equations 17 and 18.

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "lior/core/view.h"
#include "lior/nn/recent_text.h"

namespace lior::nn {

/// The longest context that counts may have.
inline constexpr Index kLongestContext = 16;

/// Of a context in what was read, so many occurrences are looked at.
inline constexpr Index kLatest = 16;

/// Most tokens that a sequence looks back to for them (ModelConfig::recent_window): each prediction
/// reads so many.
inline constexpr Index kMostWindow = 1 << 16;

/// The contexts of one length. A context is named by a hash of 64 bits of its tokens: two of a
/// million of them share one with a probability of 3e-8.
class ContextTable {
 public:
  struct Context {
    std::uint64_t key = 0;  ///< 0 where there is none
    std::uint32_t first = kNone;
    std::uint32_t total = 0;  ///< N_c
  };
  struct Follower {
    std::int32_t token;
    std::uint32_t count;
    std::uint32_t next;  ///< of the same context; kNone at its end
  };
  static constexpr std::uint32_t kNone = 0xffffffff;
  static constexpr int kDiscounts = 3;

  /// Asks for the slot of a key that is to be looked for soon.
  void prefetch(std::uint64_t key) const {
    if (!slots_.empty()) __builtin_prefetch(&slots_[key & (slots_.size() - 1)]);
  }
  /// The context of a key, or null.
  const Context* find(std::uint64_t key) const;
  /// A token that follows a context, or null.
  const Follower* find(std::uint64_t key, std::int32_t token) const;
  /// n_c(token).
  std::uint32_t count(std::uint64_t key, std::int32_t token) const {
    const Follower* const found = find(key, token);
    return found == nullptr ? 0 : found->count;
  }
  std::span<const Follower> followers() const { return followers_; }
  std::span<const Context> slots() const { return slots_; }
  Index contexts() const { return contexts_; }

  /// Adds to n_c(token), and says whether it is new.
  bool add(std::uint64_t key, std::int32_t token, std::uint32_t count = 1);

  /// Makes room for as many more.
  void reserve(Index contexts, Index followers);
  /// Adds a context that is not there yet: as add() for each of its followers, at once. Tokens
  /// rise.
  void add_context(std::uint64_t key, std::span<const std::int32_t> tokens,
                   std::span<const std::uint32_t> counts);

  /// Once a text is counted: estimates the discounts, and puts the followers of each context side
  /// by side, by their tokens: look-ups are faster, and their sums do not depend on the order in
  /// which the text came.
  void finish();
  const std::array<double, kDiscounts>& discounts() const { return discounts_; }
  double discount(std::uint32_t count) const {
    return count == 0 ? 0 : discounts_[std::min<std::uint32_t>(count, kDiscounts) - 1];
  }
  std::size_t bytes() const;

 private:
  Context& slot_of(std::uint64_t key);
  void grow(std::size_t size);
  void count_more(Context& context, std::uint32_t count);
  /// What follows a context often is found soon: each follower that is counted again comes first.
  void move_to_front(const Context& context, Follower& follower);
  void estimate_discounts();

  std::vector<Context> slots_;  // a power of two, at most half of them taken
  std::vector<Follower> followers_;
  std::array<double, kDiscounts> discounts_{0.5, 0.5, 0.5};
  Index contexts_ = 0;
  bool is_packed_ = true;  // followers of each context are side by side, by their tokens
};

/// The hash of a context's tokens, first to last.
class ContextKey {
 public:
  void push(std::int32_t token) {
    key_ = (key_ ^ (static_cast<std::uint64_t>(token) + 1)) * 0xff51afd7ed558ccd;
    key_ ^= key_ >> 32;
  }
  std::uint64_t value() const { return key_ == 0 ? 1 : key_; }

 private:
  std::uint64_t key_ = 0x9e3779b97f4a7c15;
};
inline std::uint64_t key_of(Context context) {
  ContextKey key;
  for (const std::int32_t token : context) key.push(token);
  return key.value();
}

/// Tables of contexts of 0 .. K tokens.
class Counts {
 public:
  Counts() = default;
  /// Throws lior::Error unless 1 <= longest <= kLongestContext.
  explicit Counts(Index longest);

  Index longest() const { return std::ssize(tables_) - 1; }
  bool empty() const { return tables_.empty(); }
  /// Counts each token after those before it, but for the first longest() tokens, which have too
  /// few: who adds a text in parts begins each with the end of the one before. The order of the
  /// parts does not matter. Discounts stay. Throws lior::Error past 4e9 entries.
  void add(std::span<const std::int32_t> tokens);
  /// Counts a text that was counted already, if perhaps not all of it: of each token after the
  /// longest() before it no more than `seen` has of them, the table of what was given here so far.
  /// Two look-ups a token more than add(), which it throws as.
  void add_again(std::span<const std::int32_t> tokens, ContextTable& seen);
  /// The part of a text's tokens that were counted after the longest() before them; of none 1. One
  /// look-up a token.
  double share_known(std::span<const std::int32_t> tokens) const;
  void finish();

  const ContextTable& table(Index n) const { return tables_[static_cast<std::size_t>(n)]; }
  ContextTable& table(Index n) { return tables_[static_cast<std::size_t>(n)]; }
  std::size_t bytes() const;

 private:
  std::vector<ContextTable> tables_;  // of contexts of n tokens
};

/// What `all`, to which these pieces were added, loses without them: n_c of the rest of its text is
/// all's less this one's.
Counts lost_without(const Counts& all, std::span<const std::vector<std::int32_t>> pieces);

/// The counts of a text, and of the text without each of its parts: a model that learns from the
/// text sees counts that lack the part it is reading, as it will where it predicts a new text.
struct TextCounts {
  /// A stretch of the text, from `begin` to where the next one begins: of this part.
  struct Stretch {
    Index begin, part;
  };

  Counts all;
  std::vector<Counts> lost{};        ///< by each part
  std::vector<Stretch> stretches{};  ///< in order, the first from 0 on, where anything is lost
  /// Of a training, with `lost`: the text. Else what was read since.
  RecentText recent{};

  /// The counts that are taken off for a token at `place` of the text; null where place < 0.
  const Counts* lost_at(Index place) const;
  /// What a token at `place` may look at, in a sequence that begins at `first`. While a model
  /// trains this is the part of the text that the counts lack, up to the token; and nothing for
  /// every fourth sequence, and where place < 0, since a model also predicts that has read nothing.
  /// Else it is all that was read up to the token, and place < 0 is behind it.
  RecentPlace recent_at(Index place, Index first) const;
  std::size_t bytes() const;
};

/// How sure the counts are of what follows a context.
struct Sureness {
  double total = 0;   ///< N_c; 0: new
  double escape = 1;  ///< gamma_c
};

/// ln p_n(x | context), n = 0 .. K + R, as what changes from one n to the next, which it does for
/// the followers of a context alone:
///   ln p_n(x) = base_n + sum over m <= n of the steps of x among the entries of m.
template <class T>
struct CountSteps {
  std::span<std::int32_t> tokens;  ///< the entries of n, which end at ends_n
  std::span<T> steps;              ///< beside them
  std::span<std::int32_t> ends;    ///< [K + R + 1]
  std::span<T> bases;              ///< [K + R + 1]
};
/// Entries of one prediction at most.
constexpr Index most_count_steps(Index longest, Index recent, Index vocabulary) {
  return (longest + 1) * vocabulary + recent * std::min(vocabulary, kLatest);
}

/// Memory for count_steps, [V] each, which it leaves as `clear` makes it.
struct CountWork {
  std::span<double> ratio, logarithm;  ///< p_n(x) / e^{base_n}, and its logarithm
  std::span<std::uint32_t> lost;

  void clear() const {
    std::fill(ratio.begin(), ratio.end(), 1.0);
    std::fill(logarithm.begin(), logarithm.end(), 0.0);
    std::fill(lost.begin(), lost.end(), 0U);
  }
};

/// The steps of counts less `lost` (which may be null), then of what was read, and how sure each
/// n = 1 .. K + R is (the size of `sureness` is K + R). Cost: two look-ups for each n <= K, up to
/// kLatest for each above, and a logarithm a follower, whatever the vocabulary.
template <class T>
void count_steps(const Counts& counts, const Counts* lost, const RecentPlace& recent,
                 Context context, const CountSteps<T>& to, std::span<Sureness> sureness,
                 const CountWork& work);

namespace reference {
/// p_K(x | context) for all x, from the tokens of a text but those at skip_begin .. skip_end - 1,
/// each of which still is context to those after it. discounts [n][i - 1] are d(i).
std::vector<double> count_probabilities(
    std::span<const std::int32_t> text, Index skip_begin, Index skip_end, Index longest,
    Index vocabulary, Context context,
    std::span<const std::array<double, ContextTable::kDiscounts>> discounts);
/// p_{K+R}(x | context) for all x from p_K and the tokens of what was read, of which those before
/// `begin` are context alone.
std::vector<double> recent_probabilities(std::vector<double> p, Context read, Index begin,
                                         Index longest, Context context);
}  // namespace reference

}  // namespace lior::nn
