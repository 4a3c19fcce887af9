// SPDX-License-Identifier: Apache-2.0
#include "lior/io/json_field.h"

#include <gtest/gtest.h>

#include <vector>

#include "lior/core/error.h"

namespace lior::io {
namespace {

std::string error_of(std::string_view line) {
  try {
    json_text_field(line, "text");
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(JsonField, IsTheTextOfItsKeyAtTheTop) {
  EXPECT_EQ(json_text_field(R"({"text": "a\n\u00e9\ud83d\ude00"})", "text"), "a\né😀");
  EXPECT_EQ(json_text_field(R"({"a": {"text": "inner"}, "text": "outer", "b": [1]})", "text"),
            "outer");
  EXPECT_EQ(json_text_field(R"({"text": 1, "text": "the last one"})", "text"), "the last one");
  EXPECT_EQ(json_text_field(R"({"text": ""})", "text"), "");
}

TEST(JsonField, SaysWhatTheLineLacks) {
  EXPECT_EQ(error_of("{\"text\": \"a").substr(0, 26), "no JSON from its character");
  EXPECT_EQ(error_of("[\"text\"]"), "no JSON object; one with a field \"text\" is expected");
  EXPECT_EQ(error_of("{\"a\": {\"text\": \"b\"}}"),
            "has no field \"text\"; --field NAME says where the text is");
  EXPECT_EQ(error_of("{\"text\": [\"a\"]}"), "its field \"text\" holds no text");
  EXPECT_EQ(error_of(std::string(100'000, '[')).substr(0, 26), "no JSON from its character");
}

TEST(LineSplitter, GivesTheLinesOfAnySplitIntoPieces) {
  const std::string text = "one\n\ntwo and more\nthree\nrest";
  for (std::size_t size = 1; size <= text.size(); ++size) {
    LineSplitter lines;
    std::vector<std::string> all;
    for (std::size_t begin = 0; begin < text.size(); begin += size) {
      lines.push(std::string_view(text).substr(begin, size));
      while (const auto line = lines.next()) all.emplace_back(*line);
    }
    EXPECT_EQ(all, (std::vector<std::string>{"one", "", "two and more", "three"})) << size;
    EXPECT_EQ(lines.rest(), "rest");
  }
}

}  // namespace
}  // namespace lior::io
