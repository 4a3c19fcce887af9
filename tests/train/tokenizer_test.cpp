// SPDX-License-Identifier: Apache-2.0
#include "lior/train/tokenizer.h"

#include <gtest/gtest.h>

#include "lior/train/byte_pairs.h"
#include "lior/train/tokenizer_kinds.h"
#include "support/error_of.h"

namespace lior::train {
namespace {

std::string every_byte() {
  std::string text;
  for (int i = 0; i < 256; ++i) text.push_back(static_cast<char>(i));
  return text;
}

std::string decoded(const TokenizerPtr& tokenizer, Decoder::Form form, const std::string& text) {
  Decoder decoder(tokenizer, form);
  std::string out;
  for (const std::int32_t token : encode(*tokenizer, text)) out += decoder.push(token);
  return out + decoder.finish();
}

TEST(Tokenizer, OfBytesGivesAnyTextBack) {
  const TokenizerPtr tokenizer = byte_tokenizer();
  const std::vector<std::int32_t> tokens = encode(*tokenizer, every_byte());
  EXPECT_EQ(tokens.size(), 256u);
  EXPECT_EQ(tokens[200], 200);
  EXPECT_EQ(decoded(tokenizer, Decoder::Form::bytes, every_byte()), every_byte());
  EXPECT_EQ(decoded(tokenizer, Decoder::Form::utf8, "größer"), "größer");
}

TEST(Tokenizer, AnUnknownOneListsTheOthers) {
  try {
    read_tokenizer("word", "");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "tokenizer 'word' is unknown; expected one of: byte, bpe:N (such as bpe:1024), "
                 "FILE.json");
  }
}

// nlohmann's parser has an exception of its own for it.
TEST(Tokenizer, AFileWithANumberOutOfRangeIsRefusedInOurWords) {
  EXPECT_EQ(error_of([] { parse_tokenizer_json(R"({"version": 1e999})", "t.json"); }),
            "t.json: holds a number out of range, such as 1e999");
  EXPECT_EQ(error_of([] { parse_tokenizer_json(R"({"version": 1.)", "t.json"); }),
            "t.json: not JSON at byte 15");
}

// The program dropped what Python showed as U+FFFD.
TEST(Decoder, ALetterThatWasBegunEndsAsAReplacement) {
  const TokenizerPtr byte = byte_tokenizer();
  EXPECT_EQ(decoded(byte, Decoder::Form::utf8, "a\xc3"), "a\xef\xbf\xbd");
  EXPECT_EQ(decoded(byte, Decoder::Form::utf8, "\xe2\x82"), "\xef\xbf\xbd");
  EXPECT_EQ(decoded(byte, Decoder::Form::bytes, "a\xc3"), "a\xc3");
}

}  // namespace
}  // namespace lior::train
