// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A corpus as tokens.

#include <functional>
#include <vector>

#include "lior/train/corpus.h"
#include "lior/train/tokenizer.h"

namespace lior::train {

/// The tokens of a corpus and the places of its documents among them. Where a token is a byte they
/// are read where the text lies; others are made once and held in memory, two bytes each up to a
/// vocabulary of 65,536, else four.
class TokenText {
 public:
  /// `split`: of the corpus's bytes. No token reaches from one part into another. `interrupted` is
  /// asked again and again; the tokens are then of no use. Throws lior::Error where they would take
  /// more than half of the memory that is available.
  TokenText(Corpus corpus, const Split& split, TokenizerPtr tokenizer,
            const std::function<bool()>& interrupted);

  const Corpus& corpus() const { return corpus_; }
  const TokenizerPtr& tokenizer() const { return tokenizer_; }
  const Split& split() const { return split_; }
  const std::vector<Range>& documents() const { return documents_; }

  /// Tokens begin .. begin + N - 1, and the one after each where targets are given.
  void read(Index begin, std::span<std::int32_t> tokens) const;
  void read(Index begin, View<std::int32_t, 1> tokens, View<std::int32_t, 1> targets) const;
  /// Memory that the tokens take.
  std::size_t held_bytes() const {
    return small_.size() * sizeof(std::uint16_t) + large_.size() * sizeof(std::int32_t);
  }
  /// Bytes that these tokens stand for; those below 0 stand for none.
  Index bytes(View<const std::int32_t, 1> tokens) const;

 private:
  void encode(const Split& split, const std::function<bool()>& interrupted);
  Range encode(Range bytes, std::vector<std::int32_t>& tokens,
               const std::function<bool()>& interrupted);
  void append(std::span<const std::int32_t> tokens);
  void read_bytes(Index begin, std::span<std::int32_t> tokens) const;
  Index held() const { return std::ssize(small_) + std::ssize(large_); }

  Corpus corpus_;
  TokenizerPtr tokenizer_;
  Split split_;                   // in tokens
  std::vector<Range> documents_;  // in tokens
  bool is_bytes_ = false;
  std::vector<std::uint16_t> small_;  // tokens below 65,536,
  std::vector<std::int32_t> large_;   // or any
};

}  // namespace lior::train
