#pragma once
// What the files of this module share: a descriptor that closes itself, and the system's words.

#include <unistd.h>

#include <string>
#include <string_view>
#include <system_error>

namespace lior::io {

class FileDescriptor {
 public:
  explicit FileDescriptor(int descriptor) : descriptor_(descriptor) {}
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() { close(); }

  bool is_open() const { return descriptor_ >= 0; }
  int get() const { return descriptor_; }
  /// False, with errno, when the system reports a failure that it had deferred.
  bool close() {
    const int descriptor = descriptor_;
    descriptor_ = -1;
    return descriptor < 0 || ::close(descriptor) == 0;
  }

 private:
  int descriptor_;
};

/// "No space left on device".
inline std::string error_text(int error) { return std::generic_category().message(error); }

/// All of `bytes`, through signals and short writes. False, with errno, on failure.
bool write_all(int descriptor, std::string_view bytes);

}  // namespace lior::io
