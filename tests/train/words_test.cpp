// SPDX-License-Identifier: Apache-2.0
// Words of a text that comes in pieces. What words there are has its judge in
// tests/python/test_tokenizers.py, the package whose files they are of.
#include "lior/train/words.h"

#include <gtest/gtest.h>

#include <random>

#include "lior/core/text.h"

namespace lior::train {
namespace {

std::vector<std::string> words_of(Words& words, std::string_view text) {
  std::vector<std::string> found;
  EXPECT_EQ(words.visit(text, true, [&](std::string_view word) { found.emplace_back(word); }),
            text.size());
  return found;
}

/// Of a text that comes a few bytes at a time.
std::vector<std::string> words_of_pieces(Words& words, std::string_view text, std::mt19937& draw) {
  std::vector<std::string> found;
  std::string held;
  while (!text.empty()) {
    const std::size_t size = std::min<std::size_t>(1 + draw() % 9, text.size());
    held += text.substr(0, size);
    text.remove_prefix(size);
    held.erase(0, words.visit(held, text.empty(),
                              [&](std::string_view word) { found.emplace_back(word); }));
  }
  return found;
}

std::string random_text(std::mt19937& draw) {
  static constexpr std::array<std::string_view, 22> kPieces{
      "'s", "'l", "'ve",  "'",  " ",      "  ",      "\n",       "\r\n", "\t",       "a",    "the",
      "ß",  "你", "🙂", "12", "\u2003", "e\u0301", "\xf0\x9f", "\x80", "\xe4\xbd", "\xff", "!"};
  std::string text;
  for (std::uint32_t n = draw() % 30; n > 0; --n) text += kPieces[draw() % kPieces.size()];
  return text;
}

class Cuts : public testing::TestWithParam<std::vector<std::string>> {};

TEST_P(Cuts, APieceAtATimeGivesTheWordsOfTheWhole) {
  Words words(GetParam());
  std::mt19937 draw(1);
  for (int i = 0; i < 20'000; ++i) {
    const std::string text = random_text(draw);
    const auto whole = words_of(words, text);
    ASSERT_EQ(words_of_pieces(words, text, draw), whole) << shown(text);
    std::string together;
    for (const std::string& word : whole) {
      ASSERT_FALSE(word.empty());
      together += word;
    }
    ASSERT_EQ(together, text);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Words, Cuts,
    testing::Values(std::vector<std::string>{}, std::vector<std::string>{std::string(kGpt2Words)},
                    std::vector<std::string>{R"(\p{N}{1,3})", R"([\p{L}\p{M}]+| ?\p{P}+)"},
                    std::vector<std::string>{R"(\p{N})", std::string(kGpt2Words)},
                    std::vector<std::string>{R"(\s*[\r\n]+|\s+(?!\S)|\s+|(?i:'S|'LL)|[^\s']+)"},
                    std::vector<std::string>{"the a|a the", "[^ ]+"}));

TEST(Words, BytesThatAreNoCharactersAreWordsOfTheirOwn) {
  Words words(std::vector<std::string>{std::string(kGpt2Words)});
  EXPECT_EQ(words_of(words, "caf\xe9s \xff\xfe!"),
            (std::vector<std::string>{"caf", "\xe9", "s", " ", "\xff\xfe", "!"}));
}

// As the package cuts them; PCRE2 10.42 by itself loses these matches.
TEST(Words, NoMatchIsLostToAShortcut) {
  using Texts = std::vector<std::string>;
  Words lazy(Texts{R"(\P{L}+?\P{N}\P{N})"}), atomic(Texts{R"(\D(?>[^']+?[^0-9])\s{2})"});
  EXPECT_EQ(words_of(lazy, "ıS\t\u2003e\u0301ΣΣas"), (Texts{"ıS", "\t\u2003e", "\u0301ΣΣ", "as"}));
  EXPECT_EQ(words_of(atomic, "$B🙂あ\t\tﬆ"), (Texts{"$", "B🙂あ\t\t", "ﬆ"}));
}

TEST(Words, ALongRunIsFoundWithLittleStack) {
  const std::string text = std::string(300'000, 'a') + std::string(3'000'000, ' ') + "b";
  Words words(std::vector<std::string>{R"((?:[ab]|c)+|\s*[\r\n]+|\s+(?!\S)|\s+)"});
  EXPECT_EQ(words_of(words, text).size(), 4);
}

TEST(Words, AnExpressionThatGoesBackAndForthForeverIsAnError) {
  Words words(std::vector<std::string>{"(?:a|aa)+[bc]"});
  const std::string text(100, 'a');
  EXPECT_THROW(words_of(words, text), Error);
}

}  // namespace
}  // namespace lior::train
