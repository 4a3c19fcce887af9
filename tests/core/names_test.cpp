// SPDX-License-Identifier: Apache-2.0
#include "lior/core/names.h"

#include <gtest/gtest.h>

namespace lior {
namespace {

enum class Side { left, right };
constexpr auto enum_names(Side) { return enum_words("left", "right"); }

TEST(Names, EachValueHasItsWord) {
  static_assert(name(Side::left) == "left");
  static_assert(find_name<Side>("right") == Side::right);
  static_assert(!find_name<Side>("Right").has_value());
  EXPECT_EQ(parse_name<Side>("right", "side"), Side::right);
  EXPECT_EQ(name_list<Side>(), "left, right");
}

TEST(Names, AnUnknownWordIsAnErrorThatListsTheWords) {
  try {
    parse_name<Side>("up\x1b[31m", "side");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "side 'up\\x1b[31m' is unknown; expected one of: left, right");
  }
}

}  // namespace
}  // namespace lior
