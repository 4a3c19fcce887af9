// SPDX-License-Identifier: Apache-2.0
#pragma once
// Shared by the files of this module: a descriptor that closes itself, and the system's words.

#include <unistd.h>

#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace lior::io {

class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int descriptor) : descriptor_(descriptor) {}
  FileDescriptor(FileDescriptor&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~FileDescriptor() { close(); }

  bool is_open() const { return descriptor_ >= 0; }
  int get() const { return descriptor_; }
  /// False, with errno, when the system reports a failure that it had deferred.
  bool close() {
    const int descriptor = std::exchange(descriptor_, -1);
    return descriptor < 0 || ::close(descriptor) == 0;
  }

 private:
  int descriptor_ = -1;
};

/// ::open with O_CLOEXEC, which neither waits for the other end of a pipe nor for a device. Throws
/// lior::Error for a path that holds a NUL byte, where the system would see a shorter one.
FileDescriptor open_file(const std::string& path, int flags, unsigned mode = 0666);

/// The permissions of the file there, which one in its place takes over; none where there is no
/// file.
std::optional<unsigned> permissions_of(const std::string& path);

/// "No space left on device".
inline std::string error_text(int error) { return std::generic_category().message(error); }

/// All of `bytes`, through signals and short writes. False, with errno, on failure.
bool write_all(int descriptor, std::string_view bytes);

}  // namespace lior::io
