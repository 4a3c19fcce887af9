// SPDX-License-Identifier: Apache-2.0
#include "lior/core/lines.h"

#include "support/error_of.h"
#include "support/temporary_folder.h"

namespace lior {
namespace {

struct Line {
  std::string text;
  bool is_whole;
  bool operator==(const Line&) const = default;
};

std::vector<Line> lines_of(const std::string& text) {
  const TemporaryFolder folder;
  write_plain(folder.file("t"), text);
  std::vector<Line> all;
  Lines lines(folder.file("t"));
  EXPECT_TRUE(lines.is_open());
  while (const auto line = lines.next()) all.push_back({std::string(*line), lines.is_whole()});
  EXPECT_FALSE(lines.next());
  return all;
}

TEST(Lines, AreWhatStandsBetweenBreaks) {
  const std::string nul("a\0b", 3), longer(100000, 'x');
  EXPECT_EQ(lines_of(""), std::vector<Line>{});
  EXPECT_EQ(lines_of("\n"), (std::vector<Line>{{"", true}}));
  EXPECT_EQ(lines_of("one\n\ntwo"), (std::vector<Line>{{"one", true}, {"", true}, {"two", false}}));
  EXPECT_EQ(lines_of(nul + "\r\n" + longer + "\nend\n"),
            (std::vector<Line>{{nul + "\r", true}, {longer, true}, {"end", true}}));
}

TEST(Lines, OfAFileThatIsNotThereAreNone) {
  Lines lines("/no/such/file");
  EXPECT_FALSE(lines.is_open());
  EXPECT_FALSE(lines.next());
}

// Folders open and cannot be read, as a file on a disk that is failing.
TEST(Lines, AReadThatFailsIsNoEnd) {
  const TemporaryFolder folder;
  EXPECT_EQ(run_error_of([&] { Lines(folder.path()).next(); }),
            folder.path() + ": cannot be read (Is a directory)");
}

}  // namespace
}  // namespace lior
