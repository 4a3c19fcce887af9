// SPDX-License-Identifier: Apache-2.0
#pragma once
/// How a text is cut into words, which are then made tokens (byte_pairs.h).
///
/// By expressions, each in the pieces that the ones before it left: what it matches is a piece, and
/// so is what lies between two matches. They are those of Hugging Face's tokenizer.json, and mean
/// what they mean there, in Oniguruma's syntax:
///   alternatives, groups ( (?: (?> (?= (?!, classes [..] and [^..] that hold no other class,
///   (?i:..) of ASCII letters, digits, ' and classes of these, without ss, ff, fi, fl and st,
///   quantifiers * + ? {n} {n,} {n,m}, lazy *? +? ?? and possessive *+ ++ ?+,
///   \s \S (White_Space), \d \D (Nd), \p{..} and \P{..} of a general category or a script,
///   \r \n \t \f \uHHHH \x{H..}, and punctuation behind \ for itself.
/// Anything else is refused by name, as other engines read it otherwise. They are run by PCRE2,
/// with its tables of Unicode. A group that can match nothing and is repeated a fixed number of
/// times may still match elsewhere than there.
///
/// Bytes that belong to no UTF-8 are no characters: what stands before them ends there, and each
/// run of them is a word.

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lior::train {

/// GPT-2's. Source: A. Radford et al., "Language models are unsupervised multitask learners", 2019.
inline constexpr std::string_view kGpt2Words =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

/// Its calls are made one at a time.
class Words {
 public:
  /// Without expressions a text is one word. Throws lior::Error where one is not read, or can match
  /// nothing at all.
  explicit Words(std::span<const std::string> expressions);
  ~Words();
  Words(Words&&) noexcept;
  Words& operator=(Words&&) noexcept;

  using Visit = std::function<void(std::string_view)>;
  /// Calls visit(word) with the words at the front of `text` that do not depend on what may follow
  /// it, and returns their size; all of it where `is_whole`. About 100 ns a word. Throws
  /// lior::Error where an expression goes back and forth too often (PCRE2's limits).
  std::size_t visit(std::string_view text, bool is_whole, const Visit& visit);

 private:
  class Expression;
  std::size_t visit_from(std::size_t expression, std::string_view text, bool is_whole,
                         const Visit& visit);
  std::vector<Expression> expressions_;
};

}  // namespace lior::train
