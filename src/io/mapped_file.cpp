// SPDX-License-Identifier: Apache-2.0
#include "lior/io/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "io/file_descriptor.h"
#include "lior/core/error.h"
#include "lior/core/text.h"

namespace lior::io {

MappedFile::MappedFile(const std::string& path) {
  const FileDescriptor file = open_file(path, O_RDONLY);
  LIOR_CHECK(file.is_open(), "{}: cannot be opened ({}); give the path of a readable file",
             shown_path(path), error_text(errno));
  struct stat status {};
  LIOR_CHECK(::fstat(file.get(), &status) == 0 && S_ISREG(status.st_mode),
             "{}: not a regular file; give the path of a readable file", shown_path(path));
  if (status.st_size == 0) return;
  const auto size = static_cast<std::size_t>(status.st_size);
  void* const data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (data == MAP_FAILED) {
    throw RunError(fmt::format("{}: mapping its {} bytes failed ({})", shown_path(path), size,
                               error_text(errno)));
  }
  bytes_ = {static_cast<const std::byte*>(data), size};
}

MappedFile::MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

}  // namespace lior::io
