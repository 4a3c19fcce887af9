// SPDX-License-Identifier: Apache-2.0
#include "lior/train/tokenizer.h"

#include <gtest/gtest.h>

namespace lior::train {
namespace {

std::string every_byte() {
  std::string text;
  for (int i = 0; i < 256; ++i) text.push_back(static_cast<char>(i));
  return text;
}

std::string decoded(const Tokenizer& tokenizer, Decoder::Form form, const std::string& text) {
  Decoder decoder(tokenizer, form);
  std::string out;
  for (const std::int32_t token : encode(tokenizer, text)) out += decoder.push(token);
  return out + decoder.finish();
}

TEST(Tokenizer, EveryOneGivesAnyTextBack) {
  for (const Tokenizer& tokenizer : tokenizers()) {
    EXPECT_EQ(&find_tokenizer(tokenizer.name), &tokenizer);
    for (const std::int32_t token : encode(tokenizer, every_byte())) {
      EXPECT_TRUE(token >= 0 && token < tokenizer.vocabulary) << tokenizer.name;
    }
    EXPECT_EQ(decoded(tokenizer, Decoder::Form::bytes, every_byte()), every_byte());
    EXPECT_EQ(decoded(tokenizer, Decoder::Form::utf8, "größer"), "größer");
  }
}

TEST(Tokenizer, AnUnknownOneListsTheOthers) {
  try {
    find_tokenizer("word");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "tokenizer 'word' is unknown; expected one of: byte");
  }
}

// The program dropped what Python showed as U+FFFD.
TEST(Decoder, ALetterThatWasBegunEndsAsAReplacement) {
  const Tokenizer& byte = find_tokenizer("byte");
  EXPECT_EQ(decoded(byte, Decoder::Form::utf8, "a\xc3"), "a\xef\xbf\xbd");
  EXPECT_EQ(decoded(byte, Decoder::Form::utf8, "\xe2\x82"), "\xef\xbf\xbd");
  EXPECT_EQ(decoded(byte, Decoder::Form::bytes, "a\xc3"), "a\xc3");
}

}  // namespace
}  // namespace lior::train
