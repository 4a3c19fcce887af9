// SPDX-License-Identifier: Apache-2.0
#include "lior/train/token_text.h"

#include <algorithm>
#include <array>

#include "lior/core/available_memory.h"
#include "lior/core/text.h"

namespace lior::train {
namespace {

constexpr Index kSmallVocabulary = Index{1} << 16;

}  // namespace

TokenText::TokenText(Corpus corpus, const Split& split, TokenizerPtr tokenizer,
                     const std::function<bool()>& interrupted)
    : corpus_(std::move(corpus)),
      tokenizer_(std::move(tokenizer)),
      is_bytes_(tokenizer_ == byte_tokenizer()) {
  if (is_bytes_) {
    split_ = split;
    documents_ = corpus_.documents();
  } else {
    encode(split, interrupted);
  }
}

/// Parts of one document stay side by side.
void TokenText::encode(const Split& split, const std::function<bool()>& interrupted) {
  std::vector<std::int32_t> tokens;
  auto training = split.training.begin(), held_out = split.held_out.begin();
  const auto encode_from = [&](auto& next, const auto& end, const Range& document,
                               std::vector<Range>& parts) {
    if (next == end || next->begin >= document.end) return;
    parts.push_back(encode(*next++, tokens, interrupted));
  };
  for (const Range& document : corpus_.documents()) {
    const Index begin = held();
    encode_from(training, split.training.end(), document, split_.training);
    encode_from(held_out, split.held_out.end(), document, split_.held_out);
    documents_.push_back({begin, held()});
  }
}

Range TokenText::encode(Range bytes, std::vector<std::int32_t>& tokens,
                        const std::function<bool()>& interrupted) {
  constexpr Index kPiece = Index{1} << 20;
  const Index begin = held();
  std::string text;
  while ((bytes.size() > 0 || !text.empty()) && !interrupted()) {
    const std::size_t before = text.size();
    const Index some = std::min(kPiece, bytes.size());
    text.resize(before + static_cast<std::size_t>(some));
    corpus_.text().read(bytes.begin, std::as_writable_bytes(std::span(text).subspan(before)));
    bytes.begin += some;
    tokens.clear();
    text.erase(0, tokenizer_->encode(text, bytes.size() == 0, tokens));
    append(tokens);
  }
  return {begin, held()};
}

void TokenText::append(std::span<const std::int32_t> tokens) {
  const bool are_small = tokenizer_->vocabulary() <= kSmallVocabulary;
  const std::size_t bytes = (static_cast<std::size_t>(held()) + tokens.size()) *
                            (are_small ? sizeof(std::uint16_t) : sizeof(std::int32_t));
  constexpr std::size_t kAlwaysTaken = std::size_t{1} << 24;
  LIOR_CHECK(bytes <= kAlwaysTaken || bytes <= available_memory(),
             "{}: its tokens take more than the memory that is available; with the tokenizer byte "
             "a plain file may be of any size",
             shown_path(corpus_.text().path()));
  if (are_small) {
    small_.insert(small_.end(), tokens.begin(), tokens.end());
  } else {
    large_.insert(large_.end(), tokens.begin(), tokens.end());
  }
}

void TokenText::read(Index begin, std::span<std::int32_t> tokens) const {
  if (!small_.empty()) {
    std::copy_n(small_.data() + begin, tokens.size(), tokens.data());
  } else if (!large_.empty()) {
    std::copy_n(large_.data() + begin, tokens.size(), tokens.data());
  } else {
    read_bytes(begin, tokens);
  }
}

void TokenText::read(Index begin, View<std::int32_t, 1> tokens,
                     View<std::int32_t, 1> targets) const {
  if (tokens.empty()) return;
  read(begin, tokens.span());
  std::copy(tokens.begin() + 1, tokens.end(), targets.begin());
  read(begin + tokens.size(), targets.span().last(1));
}

void TokenText::read_bytes(Index begin, std::span<std::int32_t> tokens) const {
  std::array<std::byte, 4096> buffer;
  while (!tokens.empty()) {
    const auto bytes = std::span(buffer).first(std::min(buffer.size(), tokens.size()));
    corpus_.text().read(begin, bytes);
    std::transform(bytes.begin(), bytes.end(), tokens.begin(),
                   [](std::byte byte) { return static_cast<std::int32_t>(byte); });
    tokens = tokens.subspan(bytes.size());
    begin += std::ssize(bytes);
  }
}

Index TokenText::bytes(View<const std::int32_t, 1> tokens) const {
  Index bytes = 0;
  for (const std::int32_t token : tokens) {
    if (token >= 0) bytes += is_bytes_ ? 1 : std::ssize(tokenizer_->bytes(token));
  }
  return bytes;
}

}  // namespace lior::train
