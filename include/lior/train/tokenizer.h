// SPDX-License-Identifier: Apache-2.0
#pragma once
/// How a text becomes tokens and tokens become text again.
///
/// - byte: a token is a byte, 0 .. 255.
/// - byte pairs (byte_pairs.h): a token is a byte, or two tokens that often stood together.
///
/// The tokenizer of a run is named by the setting `tokenizer`, and kept in the run's folder.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lior/core/view.h"
#include "lior/io/utf8.h"

namespace lior::train {

/// Any bytes are a text, and come back as they were.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  /// Tokens are 0 .. vocabulary() - 1.
  virtual Index vocabulary() const = 0;
  /// The bytes that a token stands for.
  virtual std::string_view bytes(std::int32_t token) const = 0;
  /// Appends the tokens of a front of `text`, the longest whose tokens do not depend on what may
  /// follow it, and returns its size: all of it where `is_whole`.
  virtual std::size_t encode(std::string_view text, bool is_whole,
                             std::vector<std::int32_t>& tokens) const = 0;
  /// The unit that it counts, in words: "bytes", "tokens".
  virtual std::string_view unit() const { return "tokens"; }
  /// A tokenizer.json of it (byte_pairs.h); empty where there is nothing to keep.
  virtual std::string to_json() const { return {}; }
};
using TokenizerPtr = std::shared_ptr<const Tokenizer>;

/// A token is a byte.
TokenizerPtr byte_tokenizer();

/// The tokens of a whole text.
std::vector<std::int32_t> encode(const Tokenizer& tokenizer, std::string_view text);

/// Tokens in, one by one, text out: the bytes as they come, or as well-formed UTF-8 (io/utf8.h).
class Decoder {
 public:
  enum class Form { bytes, utf8 };
  Decoder(TokenizerPtr tokenizer, Form form) : tokenizer_(std::move(tokenizer)), form_(form) {}

  /// The text that is complete by now; often empty.
  std::string push(std::int32_t token);
  /// The rest, once no more tokens come: U+FFFD for a letter that was begun.
  std::string finish();

 private:
  TokenizerPtr tokenizer_;
  Form form_;
  io::Utf8Repair repair_;
};

}  // namespace lior::train
