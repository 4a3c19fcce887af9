// SPDX-License-Identifier: Apache-2.0
#include "train/text_copies.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <unordered_map>

#include "lior/core/stop.h"

namespace lior::train {
namespace {

using Stretch = nn::TextCounts::Stretch;

constexpr Index kChunk = 1024, kWindow = 24;
constexpr std::uint64_t kOneIn = 16;  // fingerprints that are kept
constexpr std::size_t kFewest = 4;    // fingerprints of a chunk that is compared
constexpr std::uint64_t kBase = 0x9e3779b97f4a7c15;

std::uint64_t mixed(std::uint64_t hash) {
  hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccd;
  hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53;
  return hash ^ (hash >> 33);
}

std::uint64_t number(std::int32_t token) { return static_cast<std::uint64_t>(token) + 1; }

/// Of tokens after those of a hash.
std::uint64_t hash_of(const std::vector<std::int32_t>& tokens, std::uint64_t hash) {
  for (const std::int32_t token : tokens) hash = mixed(hash + number(token) * kBase);
  return hash;
}

/// The hash of the last kWindow tokens of a document.
class Window {
 public:
  Window() {
    for (Index i = 0; i < kWindow; ++i) leaving_ *= kBase;
  }
  /// On to tokens[at], out of the one kWindow before it unless it is among the `first` ones.
  void move(const std::vector<std::int32_t>& tokens, Index at, bool first) {
    const auto i = static_cast<std::size_t>(at);
    hash_ = hash_ * kBase + number(tokens[i]);
    if (!first) hash_ -= leaving_ * number(tokens[i - kWindow]);
  }
  std::uint64_t hash() const { return mixed(hash_); }

 private:
  std::uint64_t hash_ = 0, leaving_ = 1;
};

/// The value that is there most often, of a sorted list.
Index most_frequent(const std::vector<Index>& sorted) {
  Index best = sorted.front(), most = 0;
  for (auto at = sorted.begin(); at != sorted.end();) {
    const auto end = std::upper_bound(at, sorted.end(), *at);
    if (end - at > most) {
      most = end - at;
      best = *at;
    }
    at = end;
  }
  return best;
}

class CopySearch {
 public:
  explicit CopySearch(const Source& data) : data_(data) {}

  /// Chunks of a stretch of a document, which is all of it or not. What is kept is found later.
  void add(const Range& stretch, Index document, bool is_whole, bool keeps) {
    std::vector<std::int32_t> tokens;
    std::vector<std::uint64_t> fingerprints;
    Window window;
    in_pieces(stretch.size(), kChunk, [&](Index begin, Index end) {
      const Index start = std::max<Index>(0, begin - kWindow);
      tokens.resize(static_cast<std::size_t>(end - start));
      data_.read(stretch.begin + start, tokens);
      fingerprints.clear();
      for (Index t = begin; t < end; ++t) {
        window.move(tokens, t - start, t < kWindow);
        if (t >= kWindow - 1 && window.hash() % kOneIn == 0) fingerprints.push_back(window.hash());
      }
      const bool follows_copy = begin > 0 && is_copy(chunks_.back());
      TextChunk chunk{.range = {stretch.begin + begin, stretch.begin + end},
                      .document = document,
                      .is_counted = keeps,
                      .original = std::ssize(chunks_)};
      if (is_whole && stretch.size() <= kChunk) {
        fingerprints.push_back(hash_of(tokens, static_cast<std::uint64_t>(tokens.size())));
        chunk.original = found(fingerprints.back(), document).value_or(chunk.original);
      } else if (fingerprints.size() < kFewest && follows_copy) {
        chunk.original = chunks_.back().original;
      }
      if (!is_copy(chunk)) chunk.original = most_common(fingerprints, chunk);
      for (const std::uint64_t fingerprint : fingerprints) {
        if (keeps) originals_.try_emplace(fingerprint, chunk.original);
      }
      chunks_.push_back(chunk);
    });
  }

  std::vector<TextChunk> take() { return std::move(chunks_); }

 private:
  /// Before it is added.
  bool is_copy(const TextChunk& chunk) const { return chunk.original != std::ssize(chunks_); }

  /// The chunk of another document that has this fingerprint, or nothing.
  std::optional<Index> found(std::uint64_t fingerprint, Index document) const {
    const auto place = originals_.find(fingerprint);
    if (place == originals_.end()) return {};
    const bool is_other = chunks_[static_cast<std::size_t>(place->second)].document != document;
    return is_other ? std::optional(place->second) : std::nullopt;
  }

  /// The chunk that it is a copy of by its fingerprints; itself where it is none.
  Index most_common(const std::vector<std::uint64_t>& fingerprints, const TextChunk& chunk) const {
    std::vector<Index> others;
    for (const std::uint64_t fingerprint : fingerprints) {
      if (const auto other = found(fingerprint, chunk.document)) others.push_back(*other);
    }
    if (fingerprints.size() < kFewest || 2 * others.size() < fingerprints.size()) {
      return chunk.original;
    }
    std::sort(others.begin(), others.end());
    return most_frequent(others);
  }

  const Source& data_;
  std::vector<TextChunk> chunks_;
  std::unordered_map<std::uint64_t, Index> originals_;
};

/// What of the documents lies outside `counted`; both in order.
std::vector<Range> rest_of(const std::vector<Range>& documents, const std::vector<Range>& counted) {
  std::vector<Range> rest;
  auto next = counted.begin();
  for (const Range& document : documents) {
    Index begin = document.begin;
    for (; next != counted.end() && next->begin < document.end; ++next) {
      if (begin < next->begin) rest.push_back({begin, next->begin});
      begin = next->end;
    }
    if (begin < document.end) rest.push_back({begin, document.end});
  }
  return rest;
}

std::vector<Stretch> equal_stretches(Index end, Index parts) {
  const Index size = std::max<Index>(1, (end + parts - 1) / parts);
  std::vector<Stretch> stretches;
  for (Index part = 0; part < parts; ++part) stretches.push_back({part * size, part});
  return stretches;
}

}  // namespace

std::vector<TextChunk> find_equal_documents(const Source& data,
                                            const std::vector<Range>& documents) {
  std::vector<TextChunk> chunks;
  std::unordered_map<std::uint64_t, Index> first_chunks;
  std::vector<std::int32_t> tokens;
  for (const Range& document : documents) {
    auto hash = static_cast<std::uint64_t>(document.size());
    in_pieces(document.size(), kChunk, [&](Index begin, Index end) {
      tokens.resize(static_cast<std::size_t>(end - begin));
      data.read(document.begin + begin, tokens);
      hash = hash_of(tokens, hash);
    });
    const auto [found, is_new] = first_chunks.try_emplace(hash, std::ssize(chunks));
    Index original = found->second;
    for (Index begin = 0; begin < document.size(); begin += kChunk) {
      const Index end = std::min(begin + kChunk, document.size());
      chunks.push_back({.range = {document.begin + begin, document.begin + end},
                        .document = &document - documents.data(),
                        .original = original++});
    }
  }
  return chunks;
}

std::vector<TextChunk> find_copies(const Source& data, const std::vector<Range>& documents,
                                   const std::vector<Range>& counted) {
  if (documents.size() < 2) return {};
  CopySearch search(data);
  for (const bool keeps : {true, false}) {
    for (const Range& stretch : keeps ? counted : rest_of(documents, counted)) {
      const auto after = std::ranges::upper_bound(documents, stretch.begin, {}, &Range::begin);
      const Range& document = *std::prev(after);
      search.add(stretch, after - documents.begin(), stretch == document, keeps);
    }
  }
  return search.take();
}

std::vector<Stretch> divide(const std::vector<TextChunk>& chunks, Index end, Index parts) {
  const auto is_original = [&](std::size_t i) {
    return chunks[i].original == static_cast<Index>(i);
  };
  Index all = 0;  // tokens of counted originals
  bool has_copies = false;
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    if (is_original(i) && chunks[i].is_counted) all += chunks[i].range.size();
    has_copies |= !is_original(i);
  }
  if (!has_copies) return equal_stretches(end, parts);
  std::vector<Stretch> stretches;
  Index before = 0;
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    const auto original = static_cast<std::size_t>(chunks[i].original);
    const Index part =
        is_original(i) ? std::min(before * parts / all, parts - 1) : stretches[original].part;
    stretches.push_back({chunks[i].range.begin, part});
    if (is_original(i) && chunks[i].is_counted) before += chunks[i].range.size();
  }
  std::ranges::sort(stretches, {}, &Stretch::begin);
  stretches.front().begin = 0;
  const auto repeated = std::ranges::unique(stretches, {}, &Stretch::part);
  stretches.erase(repeated.begin(), repeated.end());
  return stretches;
}

}  // namespace lior::train
