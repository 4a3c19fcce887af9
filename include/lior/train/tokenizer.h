// SPDX-License-Identifier: Apache-2.0
#pragma once
/// How a text becomes tokens and tokens become text again.
///
/// - byte: a token is a byte, 0 .. 255.
///
/// A tokenizer is one row of the table in src/train/tokenizer.cpp, named by the setting
/// `tokenizer`, which a run's config.json keeps.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lior/core/view.h"
#include "lior/io/utf8.h"

namespace lior::train {

struct Tokenizer {
  std::string_view name;
  Index vocabulary;       ///< tokens are 0 .. vocabulary - 1
  Index bytes_per_token;  ///< of a text: token i stands for bytes i w .. (i + 1) w - 1
  /// tokens: [N] of bytes [N bytes_per_token].
  void (*encode)(std::span<const std::byte> bytes, std::span<std::int32_t> tokens);
  /// Appends the bytes of a token.
  void (*decode)(std::int32_t token, std::string& bytes);
};

/// All tokenizers, and the one of a name. Throws lior::Error that lists the names.
std::span<const Tokenizer> tokenizers();
const Tokenizer& find_tokenizer(std::string_view name);

/// The tokens of a whole text. Throws lior::Error where it ends inside of a token.
std::vector<std::int32_t> encode(const Tokenizer& tokenizer, std::string_view text);

/// Tokens in, one by one, text out: the bytes as they come, or as well-formed UTF-8 (io/utf8.h).
class Decoder {
 public:
  enum class Form { bytes, utf8 };
  Decoder(const Tokenizer& tokenizer, Form form) : tokenizer_(tokenizer), form_(form) {}

  /// The text that is complete by now; often empty.
  std::string push(std::int32_t token);
  /// The rest, once no more tokens come: U+FFFD for a letter that was begun.
  std::string finish();

 private:
  const Tokenizer& tokenizer_;
  Form form_;
  io::Utf8Repair repair_;
};

}  // namespace lior::train
