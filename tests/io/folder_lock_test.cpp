// SPDX-License-Identifier: Apache-2.0
#include "lior/io/folder_lock.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "lior/core/error.h"

namespace lior::io {
namespace {

namespace fs = std::filesystem;

TEST(FolderLock, OneHolderAtATimeWhoIsNamed) {
  const std::string folder =
      (fs::temp_directory_path() / fmt::format("lior-lock-{}", ::getpid())).string();
  fs::create_directories(folder);
  {
    const FolderLock lock(folder);
    try {
      FolderLock second(folder);
      ADD_FAILURE() << "two locks of one folder";
    } catch (const Error& error) {
      const std::string named = fmt::format("is in use by process {};", ::getpid());
      EXPECT_NE(std::string(error.what()).find(named), std::string::npos) << error.what();
    }
  }
  { const FolderLock again(folder); }
  // A holder that is killed leaves nothing behind.
  const pid_t child = ::fork();
  if (child == 0) {
    const FolderLock lock(folder);
    ::_exit(0);
  }
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_NO_THROW(FolderLock{folder});
  EXPECT_TRUE(fs::is_empty(folder));
  fs::remove_all(folder);
  EXPECT_THROW(FolderLock{folder}, Error);
}

}  // namespace
}  // namespace lior::io
