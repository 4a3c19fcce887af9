// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <queue>
#include <unordered_map>

#include "lior/train/byte_pairs.h"

namespace lior::train {
namespace {

using Pair = std::pair<std::int32_t, std::int32_t>;
using WordCounts = std::unordered_map<std::string, Index>;

struct PairHash {
  std::size_t operator()(const Pair& pair) const {
    const auto both =
        static_cast<std::uint64_t>(pair.first) << 32 | static_cast<std::uint32_t>(pair.second);
    return static_cast<std::size_t>(both * 0x9e3779b97f4a7c15 >> 20);
  }
};

/// How often each word stands in these bytes.
void count_words(const TextBytes& text, Range range, const std::function<bool()>& interrupted,
                 Words& words, WordCounts& counts) {
  constexpr Index kPiece = Index{1} << 20;
  std::string piece;
  while ((range.size() > 0 || !piece.empty()) && !interrupted()) {
    const std::size_t before = piece.size();
    const Index some = std::min(kPiece, range.size());
    piece.resize(before + static_cast<std::size_t>(some));
    text.read(range.begin, std::as_writable_bytes(std::span(piece).subspan(before)));
    range.begin += some;
    piece.erase(0, words.visit(piece, range.size() == 0,
                               [&](std::string_view word) { ++counts[std::string(word)]; }));
  }
}

/// The parts, or of large ones pieces spread evenly over them.
std::vector<Range> learnt_ranges(std::span<const Range> parts) {
  Index total = 0;
  for (const Range& part : parts) total += part.size();
  if (total <= kMostLearnt) return {parts.begin(), parts.end()};
  constexpr Index kPieces = 256, kPiece = kMostLearnt / kPieces;
  std::vector<Range> pieces;
  Index before = 0, next = 0;  // tokens of the parts before, pieces so far
  for (const Range& part : parts) {
    for (; next < kPieces; ++next) {
      const Index place = next * (total / kPieces) - before;
      if (place >= part.size()) break;
      const Index begin = part.begin + std::max<Index>(place, 0);
      pieces.push_back({begin, std::min(begin + kPiece, part.end)});
    }
    before += part.size();
  }
  return pieces;
}

/// Words as tokens, and how often each pair of tokens stands in them.
class PairCounts {
 public:
  explicit PairCounts(const WordCounts& words) {
    std::vector<std::pair<std::string, Index>> sorted(words.begin(), words.end());
    std::sort(sorted.begin(), sorted.end());
    for (const auto& [word, count] : sorted) {
      Word& added = words_.emplace_back(Word{{}, count});
      for (const char c : word) added.tokens.push_back(static_cast<unsigned char>(c));
      count_pairs(words_.size() - 1, 1, [](const Pair&) { return true; });
    }
    for (const auto& [pair, entry] : entries_) due_.push({entry.count, pair});
  }

  struct Counted {
    Index count;
    Pair pair;
    /// Of equal counts the smaller pair is on top.
    bool operator<(const Counted& other) const {
      return std::pair(count, other.pair) < std::pair(other.count, pair);
    }
  };

  /// The pair that stands together most often; a count of 0 where there is none.
  Counted most_frequent() {
    while (!due_.empty()) {
      const Counted top = due_.top();
      due_.pop();
      const Index count = entries_[top.pair].count;
      if (count == top.count) return top;
      if (count > 0) due_.push({count, top.pair});  // it was counted before others were joined
    }
    return {0, {}};
  }

  void join(const Pair& pair, std::int32_t token) {
    const std::vector<std::size_t> where = std::move(entries_[pair].words);
    const auto is_new = [&](const Pair& p) { return p.first == token || p.second == token; };
    std::vector<Pair> grown;
    std::size_t last = words_.size();
    for (const std::size_t word : where) {
      if (word == std::exchange(last, word)) continue;  // it stands there several times
      count_pairs(word, -1, [](const Pair&) { return false; });
      replace(words_[word].tokens, pair, token);
      count_pairs(word, 1, [&](const Pair& p) {
        if (is_new(p)) grown.push_back(p);
        return is_new(p);
      });
    }
    entries_.erase(pair);
    std::sort(grown.begin(), grown.end());
    grown.erase(std::unique(grown.begin(), grown.end()), grown.end());
    for (const Pair& p : grown) due_.push({entries_[p].count, p});
  }

 private:
  struct Word {
    std::vector<std::int32_t> tokens;
    Index count = 0;
  };
  struct Entry {
    Index count = 0;
    std::vector<std::size_t> words;  // where it stands, or stood
  };

  /// Adds or takes the pairs of a word; those for which `enters` holds are noted to stand in it.
  template <class Enters>
  void count_pairs(std::size_t word, Index sign, Enters&& enters) {
    const auto& [tokens, count] = words_[word];
    for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
      const Pair pair{tokens[i], tokens[i + 1]};
      Entry& entry = entries_[pair];
      entry.count += sign * count;
      if (enters(pair)) entry.words.push_back(word);
    }
  }

  static void replace(std::vector<std::int32_t>& tokens, const Pair& pair, std::int32_t token) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      const bool is_here =
          i + 1 < tokens.size() && tokens[i] == pair.first && tokens[i + 1] == pair.second;
      tokens[kept++] = is_here ? token : tokens[i];
      if (is_here) ++i;
    }
    tokens.resize(kept);
  }

  std::vector<Word> words_;
  std::unordered_map<Pair, Entry, PairHash> entries_;
  std::priority_queue<Counted> due_;
};

}  // namespace

BytePairs learn_byte_pairs(const TextBytes& text, std::span<const Range> parts, Index vocabulary,
                           const std::function<bool()>& interrupted) {
  BytePairs pairs;
  Words words(pairs.words);
  WordCounts word_counts;
  for (const Range& range : learnt_ranges(parts)) {
    count_words(text, range, interrupted, words, word_counts);
  }
  std::unordered_map<std::string, std::int32_t> tokens;
  for (int b = 0; b < 256; ++b) {
    pairs.bytes.emplace_back(1, static_cast<char>(b));
    tokens.emplace(pairs.bytes.back(), b);
  }
  PairCounts counts(word_counts);
  while (std::ssize(pairs.bytes) < vocabulary && !interrupted()) {
    const auto [count, pair] = counts.most_frequent();
    if (count < 2) break;
    const std::string joined = pairs.bytes[static_cast<std::size_t>(pair.first)] +
                               pairs.bytes[static_cast<std::size_t>(pair.second)];
    const auto [token, is_new] =
        tokens.emplace(joined, static_cast<std::int32_t>(pairs.bytes.size()));
    if (is_new) pairs.bytes.push_back(joined);
    pairs.merges.push_back(pair);
    counts.join(pair, token->second);
  }
  return pairs;
}

}  // namespace lior::train
