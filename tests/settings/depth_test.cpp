// SPDX-License-Identifier: Apache-2.0
#include "settings/depth.h"

#include <gtest/gtest.h>

#include "support/error_of.h"

namespace lior::settings {
namespace {

std::string repeated(std::string_view text, Index count) {
  std::string all;
  for (Index i = 0; i < count; ++i) all += text;
  return all;
}

std::string json_error(const std::string& text) {
  return error_of([&] { check_json_depth(text, "a.json"); });
}
std::string toml_error(const std::string& text) {
  return error_of([&] { check_toml_depth(text, "a.toml"); });
}

const std::string kNo = "no error";

TEST(JsonDepth, CountsObjectsAndArraysTogether) {
  EXPECT_EQ(json_error(repeated("[", 64) + repeated("]", 64)), kNo);
  EXPECT_EQ(json_error(repeated("{\"a\":[", 32)), kNo);
  EXPECT_EQ(json_error("\n\n" + repeated("{\"a\":[", 33)),
            "a.json:3: nests deeper than 64 levels; no settings need more");
  EXPECT_EQ(json_error("[" + repeated("[],", 100'000) + "]"), kNo);
}

TEST(JsonDepth, IgnoresBracketsInStrings) {
  const std::string brackets = repeated("[", 100);
  EXPECT_EQ(json_error("[\"" + brackets + "\"]"), kNo);
  EXPECT_EQ(json_error("[\"\\\"" + brackets + "\"]"), kNo);
  EXPECT_NE(json_error("[\"\\\\\"," + brackets), kNo);  // the backslash escapes itself
}

TEST(TomlDepth, CountsArraysTablesAndDottedKeys) {
  EXPECT_EQ(toml_error("a = " + repeated("[", 64)), kNo);
  EXPECT_NE(toml_error("a = " + repeated("[", 65)), kNo);
  EXPECT_EQ(toml_error(repeated("a.", 64) + "a = 1"), kNo);
  EXPECT_EQ(toml_error("b = 1\n" + repeated("a.", 65) + "a = 1"),
            "a.toml:2: nests deeper than 64 levels; no settings need more");
  EXPECT_NE(toml_error("[" + repeated("a.", 65) + "a]"), kNo);
  EXPECT_NE(toml_error(repeated("\"a\" . ", 65) + "a = 1"), kNo);
  EXPECT_NE(toml_error("a = {" + repeated("a = {", 65)), kNo);
  EXPECT_EQ(toml_error(repeated("a.b = 1.5\n", 100'000)), kNo);
  EXPECT_EQ(toml_error("a = [" + repeated("1.5, ", 100'000) + "]"), kNo);
}

TEST(TomlDepth, IgnoresStringsAndComments) {
  const std::string brackets = repeated("[", 100);
  for (const char* quotes : {"\"", "'", "\"\"\"", "'''"}) {
    EXPECT_EQ(toml_error("a = " + std::string(quotes) + brackets + quotes), kNo) << quotes;
  }
  EXPECT_EQ(toml_error("a = \"\"\"\n" + brackets + "\n\"\"\"\nb = 1"), kNo);
  EXPECT_EQ(toml_error("# " + brackets + "\na = 1"), kNo);
  EXPECT_EQ(toml_error("#"), kNo);
}

TEST(TomlDepth, SeesWhatFollowsAnyString) {
  const std::string brackets = repeated("[", 100);
  for (const char* string : {"\"a\"", "\"\\\"\"", "'\\'", "\"\"\"a\"\"\"", "\"\"\"a\"\"\"\"\"",
                             "'''a'''''", "\"open\n", "'open\n"}) {
    EXPECT_NE(toml_error("a = [" + std::string(string) + ", " + brackets), kNo) << string;
  }
}

}  // namespace
}  // namespace lior::settings
