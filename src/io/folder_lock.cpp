// SPDX-License-Identifier: Apache-2.0
#include "lior/io/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <sstream>

#include "io/file_descriptor.h"
#include "lior/core/lines.h"
#include "lior/core/text.h"

namespace lior::io {
namespace {

/// "process 123", from the system's list of locks: "1: FLOCK  ADVISORY  WRITE 123 08:01:456 0 EOF".
std::string holder_of(int folder) {
  struct stat status {};
  if (::fstat(folder, &status) != 0) return "another process";
  const std::string inode = fmt::format(":{}", status.st_ino);
  Lines locks("/proc/locks");
  while (const auto line = locks.next()) {
    std::istringstream words{std::string(*line)};
    std::string number, kind, mode, access, process, file;
    words >> number >> kind >> mode >> access >> process >> file;
    if (kind == "FLOCK" && file.ends_with(inode)) return "process " + process;
  }
  return "another process";
}

}  // namespace

FolderLock::FolderLock(const std::string& path)
    : folder_(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  LIOR_CHECK(folder_ >= 0, "{}: cannot be opened ({}); a folder that may be read is needed",
             shown_path(path), std::strerror(errno));
  if (::flock(folder_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return;
  const FileDescriptor closed(folder_);  // whatever becomes of the words
  throw Error(fmt::format("{}: is in use by {}; one run at a time writes into a folder",
                          shown_path(path), holder_of(folder_)));
}

FolderLock::~FolderLock() { ::close(folder_); }

}  // namespace lior::io
