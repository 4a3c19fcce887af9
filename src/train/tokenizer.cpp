// SPDX-License-Identifier: Apache-2.0
#include "lior/train/tokenizer.h"

#include <array>

namespace lior::train {
namespace {

class ByteTokenizer : public Tokenizer {
 public:
  ByteTokenizer() {
    for (std::size_t b = 0; b < bytes_.size(); ++b) bytes_[b] = static_cast<char>(b);
  }

  Index vocabulary() const override { return std::ssize(bytes_); }
  std::string_view bytes(std::int32_t token) const override {
    return std::string_view(bytes_.data(), bytes_.size())
        .substr(static_cast<std::size_t>(token), 1);
  }
  std::size_t encode(std::string_view text, bool,
                     std::vector<std::int32_t>& tokens) const override {
    for (const char c : text) tokens.push_back(static_cast<unsigned char>(c));
    return text.size();
  }
  std::string_view unit() const override { return "bytes"; }

 private:
  std::array<char, 256> bytes_;
};

}  // namespace

TokenizerPtr byte_tokenizer() {
  static const auto tokenizer = std::make_shared<const ByteTokenizer>();
  return tokenizer;
}

std::vector<std::int32_t> encode(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<std::int32_t> tokens;
  tokenizer.encode(text, true, tokens);
  return tokens;
}

std::string Decoder::push(std::int32_t token) {
  const std::string_view bytes = tokenizer_->bytes(token);
  if (form_ == Form::bytes) return std::string(bytes);
  std::string ready;
  for (const char byte : bytes) ready += repair_.push(byte);
  return ready;
}

std::string Decoder::finish() { return repair_.finish(); }

}  // namespace lior::train
