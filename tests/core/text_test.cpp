// SPDX-License-Identifier: Apache-2.0
#include "lior/core/text.h"

#include <gtest/gtest.h>

namespace lior {
namespace {

TEST(ShownText, KeepsLettersAndEscapesControlCharacters) {
  EXPECT_EQ(shown("r/ö ut 1 → 𝄞"), "r/ö ut 1 → 𝄞");
  EXPECT_EQ(shown("a\x1b[31mb\nc\x7f"), "a\\x1b[31mb\\x0ac\\x7f");
  EXPECT_EQ(shown("\xc2\x9b"), "\\xc2\\x9b");  // a C1 control: "escape [" in one letter
}

TEST(ShownText, EscapesWhatIsNoUtf8) {
  EXPECT_EQ(shown("\xff\xc3"), "\\xff\\xc3");
  EXPECT_EQ(shown("\xc0\xaf"), "\\xc0\\xaf");           // overlong
  EXPECT_EQ(shown("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // a surrogate
}

TEST(ShownText, IsCutAtALettersEnd) {
  EXPECT_EQ(shown("aaöö", 5), "aaö…");
  EXPECT_EQ(shown("aaöö", 6), "aaöö");
  EXPECT_EQ(shown(std::string(1000000, 'x')).size(), 120 + std::string_view("…").size());
}

}  // namespace
}  // namespace lior
