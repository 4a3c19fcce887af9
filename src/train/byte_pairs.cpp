// SPDX-License-Identifier: Apache-2.0
#include "lior/train/byte_pairs.h"

#include <algorithm>
#include <array>
#include <mutex>
#include <optional>
#include <queue>
#include <unordered_map>

#include "lior/core/text.h"

namespace lior::train {
namespace {

struct TextHash : std::hash<std::string_view> {
  using is_transparent = void;
};
template <class T>
using TextMap = std::unordered_map<std::string, T, TextHash, std::equal_to<>>;

std::uint64_t key_of(std::int32_t left, std::int32_t right) {
  return static_cast<std::uint64_t>(left) << 32 | static_cast<std::uint32_t>(right);
}

struct Merge {
  std::int32_t rank = 0, token = 0;
};
using Merges = std::unordered_map<std::uint64_t, Merge>;

/// Merges one word. Its memory stays for the next one.
class WordMerger {
 public:
  explicit WordMerger(const Merges& merges) : merges_(merges) {}

  /// The tokens that `tokens` become.
  void merge(std::vector<std::int32_t>& tokens) {
    tokens_ = &tokens;
    const auto size = static_cast<std::int32_t>(tokens.size());
    before_.resize(tokens.size());
    after_.resize(tokens.size());
    for (std::int32_t i = 0; i < size; ++i) {
      before_[at(i)] = i - 1;
      after_[at(i)] = i + 1;
    }
    for (std::int32_t i = 0; i + 1 < size; ++i) offer(i);
    while (!due_.empty()) {
      const Due next = due_.top();
      due_.pop();
      join(next);
    }
    std::int32_t kept = 0;
    for (std::int32_t i = 0; i < size; i = after_[at(i)]) tokens[at(kept++)] = tokens[at(i)];
    tokens.resize(at(kept));
  }

 private:
  /// The pair that begins at `place`, as it was when it was found.
  struct Due {
    std::int32_t rank, place, left, right, token;
    bool operator<(const Due& other) const {
      return std::pair(rank, place) > std::pair(other.rank, other.place);
    }
  };

  static std::size_t at(std::int32_t i) { return static_cast<std::size_t>(i); }

  void offer(std::int32_t place) {
    const std::vector<std::int32_t>& tokens = *tokens_;
    const std::int32_t next = after_[at(place)];
    if (next == std::ssize(tokens)) return;
    const auto found = merges_.find(key_of(tokens[at(place)], tokens[at(next)]));
    if (found == merges_.end()) return;
    due_.push(
        {found->second.rank, place, tokens[at(place)], tokens[at(next)], found->second.token});
  }

  void join(const Due& due) {
    std::vector<std::int32_t>& tokens = *tokens_;
    const std::int32_t next = after_[at(due.place)];
    // A token that was joined meanwhile has another token, or none.
    if (next == std::ssize(tokens) || tokens[at(due.place)] != due.left ||
        tokens[at(next)] != due.right) {
      return;
    }
    tokens[at(due.place)] = due.token;
    tokens[at(next)] = kGone;
    after_[at(due.place)] = after_[at(next)];
    if (after_[at(next)] < std::ssize(tokens)) before_[at(after_[at(next)])] = due.place;
    if (before_[at(due.place)] >= 0) offer(before_[at(due.place)]);
    offer(due.place);
  }

  static constexpr std::int32_t kGone = -1;

  const Merges& merges_;
  std::vector<std::int32_t>* tokens_ = nullptr;
  std::vector<std::int32_t> before_, after_;  // neighbours of what is not gone
  std::priority_queue<Due> due_;
};

/// Texts that stand for themselves, of which the longest at the first place counts.
class AddedTokens {
 public:
  void add(std::int32_t id, std::string_view text) {
    texts_.emplace_back(text, id);
    is_first_[static_cast<unsigned char>(text.front())] = true;
    std::stable_sort(texts_.begin(), texts_.end(),
                     [](const auto& a, const auto& b) { return a.first.size() > b.first.size(); });
  }
  std::size_t longest() const { return texts_.empty() ? 0 : texts_.front().first.size(); }

  struct Found {
    std::size_t place;
    std::string_view text;
    std::int32_t id;
  };
  /// The first that begins before `end`.
  std::optional<Found> find(std::string_view text, std::size_t begin, std::size_t end) const {
    if (texts_.empty()) return {};
    for (std::size_t place = begin; place < end; ++place) {
      if (!is_first_[static_cast<unsigned char>(text[place])]) continue;
      for (const auto& [content, id] : texts_) {
        if (text.substr(place).starts_with(content)) return Found{place, content, id};
      }
    }
    return {};
  }

 private:
  std::vector<std::pair<std::string, std::int32_t>> texts_;  // longest first
  std::array<bool, 256> is_first_{};
};

class BytePairTokenizer : public Tokenizer {
 public:
  explicit BytePairTokenizer(BytePairs pairs)
      : pairs_(std::move(pairs)), words_(pairs_.words), merger_(merges_) {
    TextMap<std::int32_t> tokens;
    std::vector<bool> is_added(pairs_.bytes.size());
    for (const AddedToken& added : pairs_.added) {
      const std::string& text = pairs_.bytes[static_cast<std::size_t>(added.id)];
      LIOR_CHECK(!text.empty(), "added token {} is empty", added.id);
      added_[added.is_late ? 1 : 0].add(added.id, text);
      is_added[static_cast<std::size_t>(added.id)] = true;
    }
    for (std::size_t i = 0; i < pairs_.bytes.size(); ++i) {
      if (!is_added[i] || !tokens.contains(pairs_.bytes[i])) {
        tokens.insert_or_assign(pairs_.bytes[i], static_cast<std::int32_t>(i));
      }
    }
    for (std::size_t b = 0; b < of_byte_.size(); ++b) {
      const auto found = tokens.find(std::string_view(std::array{static_cast<char>(b)}.data(), 1));
      LIOR_CHECK(found != tokens.end(),
                 "no token stands for the byte {}; a byte-level vocabulary has all 256", b);
      of_byte_[b] = found->second;
    }
    std::int32_t rank = 0;
    for (const auto& [left, right] : pairs_.merges) {
      const std::string joined = pairs_.bytes[static_cast<std::size_t>(left)] +
                                 pairs_.bytes[static_cast<std::size_t>(right)];
      const auto found = tokens.find(joined);
      LIOR_CHECK(found != tokens.end(), "merge {}: no token stands for \"{}\"", rank,
                 shown(joined));
      merges_.emplace(key_of(left, right), Merge{rank++, found->second});
    }
    if (pairs_.whole_words_first) whole_words_ = std::move(tokens);
  }

  Index vocabulary() const override { return std::ssize(pairs_.bytes); }
  std::string_view bytes(std::int32_t token) const override {
    return pairs_.bytes[static_cast<std::size_t>(token)];
  }
  std::size_t encode(std::string_view text, bool is_whole,
                     std::vector<std::int32_t>& tokens) const override {
    const std::lock_guard lock(mutex_);
    return encode_parts<0>(text, is_whole, tokens);
  }
  std::string to_json() const override { return to_tokenizer_json(pairs_); }

 private:
  /// Cuts at the added tokens of this pass, and goes on with what lies between.
  template <std::size_t kPass>
  std::size_t encode_parts(std::string_view text, bool is_whole,
                           std::vector<std::int32_t>& tokens) const {
    if constexpr (kPass == 2) {
      return words_.visit(text, is_whole,
                          [&](std::string_view word) { encode_word(word, tokens); });
    } else {
      const AddedTokens& added = added_[kPass];
      // Behind `end` one may begin whose rest is yet to come.
      const std::size_t unsure = is_whole || added.longest() == 0 ? 0 : added.longest() - 1;
      const std::size_t end = text.size() - std::min(text.size(), unsure);
      std::size_t done = 0;
      while (const auto found = added.find(text, done, end)) {
        encode_parts<kPass + 1>(text.substr(done, found->place - done), true, tokens);
        tokens.push_back(found->id);
        done = found->place + found->text.size();
      }
      if (done >= end) return done;
      return done + encode_parts<kPass + 1>(text.substr(done, end - done), is_whole, tokens);
    }
  }

  void encode_word(std::string_view word, std::vector<std::int32_t>& tokens) const {
    constexpr std::size_t kLongestKept = 32, kMostKept = std::size_t{1} << 17;
    if (const auto found = known_.find(word); found != known_.end()) {
      tokens.insert(tokens.end(), found->second.begin(), found->second.end());
      return;
    }
    if (const auto found = whole_words_.find(word); found != whole_words_.end()) {
      tokens.push_back(found->second);
      return;
    }
    merged_.clear();
    for (const char c : word) merged_.push_back(of_byte_[static_cast<unsigned char>(c)]);
    merger_.merge(merged_);
    tokens.insert(tokens.end(), merged_.begin(), merged_.end());
    if (word.size() > kLongestKept) return;
    if (known_.size() >= kMostKept) known_.clear();
    known_.emplace(word, merged_);
  }

  BytePairs pairs_;
  std::array<std::int32_t, 256> of_byte_{};
  Merges merges_;
  AddedTokens added_[2];
  TextMap<std::int32_t> whole_words_;

  mutable std::mutex mutex_;  // of what follows, which is not part of what it is
  mutable Words words_;
  mutable WordMerger merger_;
  mutable std::vector<std::int32_t> merged_;
  mutable TextMap<std::vector<std::int32_t>> known_;  // words that were merged before
};

}  // namespace

TokenizerPtr byte_pair_tokenizer(BytePairs pairs) {
  return std::make_shared<const BytePairTokenizer>(std::move(pairs));
}

}  // namespace lior::train
