// SPDX-License-Identifier: Apache-2.0
#include "lior/io/mapped_file.h"

#include <sys/stat.h>

#include "support/error_of.h"
#include "support/temporary_folder.h"

namespace lior::io {
namespace {

std::string text(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

TEST(MappedFile, HoldsTheFilesBytes) {
  const TemporaryFolder folder;
  write_plain(folder.file("a"), "some bytes");
  MappedFile file(folder.file("a"));
  EXPECT_EQ(text(file), "some bytes");
  MappedFile moved = std::move(file);
  EXPECT_EQ(text(moved), "some bytes");
  EXPECT_TRUE(file.bytes().empty());
}

TEST(MappedFile, OfAnEmptyFileIsEmpty) {
  const TemporaryFolder folder;
  write_plain(folder.file("a"), "");
  EXPECT_TRUE(MappedFile(folder.file("a")).bytes().empty());
}

TEST(MappedFile, DoesNotWaitForTheOtherEndOfAPipe) {
  const TemporaryFolder folder;
  const std::string path = folder.file("pipe");
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_EQ(error_of([&] { MappedFile file(path); }),
            path + ": not a regular file; give the path of a readable file");
}

TEST(MappedFile, NamesWhatIsNotAFile) {
  const TemporaryFolder folder;
  const std::string missing = folder.file("missing"), itself = folder.file(".");
  EXPECT_EQ(error_of([&] { MappedFile file(missing); }),
            missing +
                ": cannot be opened (No such file or directory); give the path of a readable "
                "file");
  EXPECT_EQ(error_of([&] { MappedFile file(itself); }),
            itself + ": not a regular file; give the path of a readable file");
}

}  // namespace
}  // namespace lior::io
