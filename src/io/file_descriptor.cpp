// SPDX-License-Identifier: Apache-2.0
#include "io/file_descriptor.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "lior/core/error.h"
#include "lior/core/text.h"

namespace lior::io {

FileDescriptor open_file(const std::string& path, int flags, unsigned mode) {
  LIOR_CHECK(path.find('\0') == std::string::npos,
             "{}: the path holds a NUL byte; no file can be called so", shown_path(path));
  int descriptor = -1;
  do {
    descriptor = ::open(path.c_str(), flags | O_CLOEXEC | O_NONBLOCK, mode);
  } while (descriptor < 0 && errno == EINTR);
  return FileDescriptor(descriptor);
}

std::optional<unsigned> permissions_of(const std::string& path) {
  struct stat there {};
  if (::stat(path.c_str(), &there) != 0 || !S_ISREG(there.st_mode)) return {};
  return there.st_mode & 07777;
}

bool write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace lior::io
