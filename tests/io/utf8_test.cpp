// SPDX-License-Identifier: Apache-2.0
#include "lior/io/utf8.h"

#include <gtest/gtest.h>

namespace lior::io {
namespace {

TEST(Utf8, FollowsTheStandard) {
  for (const char* good :
       {"", "text", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\xED\x9F\xBF"}) {
    EXPECT_TRUE(is_utf8(good)) << good;
  }
  for (const char* bad : {"\x80", "\xC3", "\xC0\xAF", "\xE0\x9F\xBF", "\xED\xA0\x80",
                          "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80",
                          "a\xFF"
                          "b"}) {
    EXPECT_FALSE(is_utf8(bad));
  }
}

std::string repaired(std::string_view bytes) {
  Utf8Repair repair;
  std::string text;
  for (const char byte : bytes) text += repair.push(byte);
  return text;
}

TEST(Utf8Repair, LeavesTextAsItIs) {
  const std::string text = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\xED\x9F\xBF z";
  EXPECT_EQ(repaired(text), text);
}

TEST(Utf8Repair, ReplacesWhatCanBeNoCharacter) {
  const std::string no = "\xEF\xBF\xBD";
  EXPECT_EQ(repaired("\x80"), no);
  EXPECT_EQ(repaired("a\xFF"
                     "b"),
            "a" + no + "b");
  EXPECT_EQ(repaired("\xE2\x82z"), no + "z");            // one for the whole part
  EXPECT_EQ(repaired("\xC3\xC3\xA9"), no + "\xC3\xA9");  // the second begins a character
  EXPECT_EQ(repaired("\xE0\x9F"), no + no);              // overlong: neither belongs to one
  EXPECT_EQ(repaired("\xED\xA0"), no + no);              // a surrogate
  EXPECT_EQ(repaired("\xF4\x90"), no + no);              // past U+10FFFF
}

TEST(Utf8Repair, HoldsBackThePartOfACharacter) {
  Utf8Repair repair;
  EXPECT_EQ(repair.push('\xF0'), "");
  EXPECT_EQ(repair.push('\x9F'), "");
  EXPECT_EQ(repair.push('\x98'), "");
  EXPECT_EQ(repair.push('\x80'), "\xF0\x9F\x98\x80");
}

TEST(Utf8Repair, ReplacesACharacterThatNeverEnds) {
  Utf8Repair repair;
  EXPECT_EQ(repair.finish(), "");
  repair.push('\xF0');
  repair.push('\x9F');
  EXPECT_EQ(repair.finish(), "\xEF\xBF\xBD");
  EXPECT_EQ(repair.finish(), "");
}

TEST(Utf8Repair, WritesUtf8WhateverComesIn) {
  std::uint32_t state = 1;
  Utf8Repair repair;
  std::string text;
  for (int i = 0; i < 100'000; ++i) {
    state = state * 1664525 + 1013904223;
    const auto byte = static_cast<unsigned char>(state >> 24);
    text += repair.push(static_cast<char>(i % 3 == 0 ? byte : byte | 0x80));
  }
  EXPECT_TRUE(is_utf8(text));
}

}  // namespace
}  // namespace lior::io
