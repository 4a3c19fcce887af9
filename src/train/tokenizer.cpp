// SPDX-License-Identifier: Apache-2.0
#include "lior/train/tokenizer.h"

#include <algorithm>

#include "lior/core/text.h"

namespace lior::train {
namespace {

void encode_bytes(std::span<const std::byte> bytes, std::span<std::int32_t> tokens) {
  std::transform(bytes.begin(), bytes.end(), tokens.begin(),
                 [](std::byte b) { return static_cast<std::int32_t>(b); });
}

void decode_byte(std::int32_t token, std::string& bytes) {
  bytes.push_back(static_cast<char>(token));
}

constexpr Tokenizer kTokenizers[] = {{"byte", 256, 1, encode_bytes, decode_byte}};

}  // namespace

std::span<const Tokenizer> tokenizers() { return kTokenizers; }

const Tokenizer& find_tokenizer(std::string_view name) {
  std::string names;
  for (const Tokenizer& tokenizer : kTokenizers) {
    if (tokenizer.name == name) return tokenizer;
    names += names.empty() ? "" : ", ";
    names += tokenizer.name;
  }
  throw Error(fmt::format("tokenizer '{}' is unknown; expected one of: {}", shown(name), names));
}

std::vector<std::int32_t> encode(const Tokenizer& tokenizer, std::string_view text) {
  const auto width = static_cast<std::size_t>(tokenizer.bytes_per_token);
  LIOR_CHECK(text.size() % width == 0, "a text of {} bytes ends inside of a token of {}",
             text.size(), width);
  std::vector<std::int32_t> tokens(text.size() / width);
  tokenizer.encode(std::as_bytes(std::span(text)), tokens);
  return tokens;
}

std::string Decoder::push(std::int32_t token) {
  std::string bytes;
  tokenizer_.decode(token, bytes);
  if (form_ == Form::bytes) return bytes;
  std::string ready;
  for (const char byte : bytes) ready += repair_.push(byte);
  return ready;
}

std::string Decoder::finish() { return repair_.finish(); }

}  // namespace lior::train
