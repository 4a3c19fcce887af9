// SPDX-License-Identifier: Apache-2.0
#include "lior/io/event_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace lior::io {
namespace {

// RFC 3720, B.4: the examples of iSCSI.
TEST(EventFile, ChecksAreCastagnolis) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283U);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aaU);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43U);
}

TEST(EventFile, RecordsBeginWithTheVersion) {
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / "lior_event_file_test" / "made";
  std::filesystem::remove_all(folder);
  std::string first;
  {
    EventFile file(folder);
    file.write(3, {});
    EXPECT_NE(file.path().filename().string().find("tfevents"), std::string::npos);
    std::ifstream in(file.path(), std::ios::binary);
    first.assign(std::istreambuf_iterator<char>(in), {});
  }
  // wall_time (9 bytes), step (2), file_version (2 and 13).
  EXPECT_EQ(first[0], 26);
  EXPECT_EQ(first.substr(12 + 9, 4), std::string("\x10\0\x1a\x0d", 4));
  EXPECT_EQ(first.substr(12 + 13, 13), "brain.Event:2");
  std::filesystem::remove_all(folder.parent_path());
  EXPECT_THROW(EventFile("/dev/null/folder"), Error);
}

}  // namespace
}  // namespace lior::io
