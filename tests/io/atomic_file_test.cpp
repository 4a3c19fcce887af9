// SPDX-License-Identifier: Apache-2.0
#include "lior/io/atomic_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include "support/error_of.h"
#include "support/temporary_folder.h"

namespace lior::io {
namespace {

mode_t permissions(const std::string& path) {
  struct stat status {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 07777;
}

TEST(AtomicFile, ShowsNothingBeforeItsCommit) {
  const TemporaryFolder folder;
  const std::string path = folder.file("a");
  write_file_atomically(path, "old");
  {
    AtomicFile file(path);
    file.write("new");
    EXPECT_EQ(read_plain(path), "old");
  }
  EXPECT_EQ(read_plain(path), "old");
  EXPECT_FALSE(std::filesystem::exists(path + ".partial"));
  write_file_atomically(path, "new");
  EXPECT_EQ(read_plain(path), "new");
}

TEST(AtomicFile, TakesThePlaceOfAKilledProgramsLeftover) {
  const TemporaryFolder folder;
  const std::string path = folder.file("a");
  write_plain(path + ".partial", "half of a longer text");
  write_file_atomically(path, "new");
  EXPECT_EQ(read_plain(path), "new");
  EXPECT_FALSE(std::filesystem::exists(path + ".partial"));
}

TEST(AtomicFile, DoesNotFollowALinkUnderItsNameAside) {
  const TemporaryFolder folder;
  const std::string path = folder.file("a"), other = folder.file("other");
  write_plain(other, "somebody's");
  std::filesystem::create_symlink(other, path + ".partial");
  write_file_atomically(path, "new");
  EXPECT_EQ(read_plain(other), "somebody's");
  EXPECT_EQ(read_plain(path), "new");
  EXPECT_FALSE(std::filesystem::is_symlink(path));

  std::filesystem::create_hard_link(other, path + ".partial");
  write_file_atomically(path, "newer");
  EXPECT_EQ(read_plain(other), "somebody's");
}

TEST(AtomicFile, KeepsThePermissionsOfTheFileThatItReplaces) {
  const TemporaryFolder folder;
  const std::string path = folder.file("a");
  const mode_t before = ::umask(022);
  write_file_atomically(path, "new");
  EXPECT_EQ(permissions(path), 0644);
  for (const mode_t mode : {0600, 0664, 0444}) {
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
    write_file_atomically(path, "newer");
    EXPECT_EQ(permissions(path), mode);
    const std::string next = folder.file("next");
    AtomicFile waits(next, path);  // for the place of a
    waits.commit();
    EXPECT_EQ(permissions(next), mode);
    std::filesystem::remove(next);
  }
  ::umask(before);
}

TEST(AtomicFile, GivesUpWhereAnotherWriterHasTakenTheNameAside) {
  const TemporaryFolder folder;
  const std::string path = folder.file("a");
  write_file_atomically(path, "old");
  AtomicFile first(path);
  first.write("first");
  AtomicFile second(path);
  second.write("second");
  EXPECT_EQ(run_error_of([&] { first.commit(); }),
            path + ": another program writes it too; an older file there is untouched");
  EXPECT_EQ(read_plain(path), "old");
  second.commit();
  EXPECT_EQ(read_plain(path), "second");
}

TEST(AtomicFile, RefusesAPathWithANulByte) {
  const TemporaryFolder folder;
  const std::string path = folder.file(std::string("n\0x", 3));
  EXPECT_EQ(error_of([&] { write_file_atomically(path, "new"); }),
            folder.path() + "/n\\x00x: the path holds a NUL byte; no file can be called so");
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace lior::io
