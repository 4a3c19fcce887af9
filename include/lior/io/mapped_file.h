// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A whole file as bytes, read by the kernel as they are touched.

#include <cstddef>
#include <span>
#include <string>

namespace lior::io {

/// Maps `path` read-only for as long as it lives. An empty file has an empty span.
/// The file must not shrink meanwhile: the kernel then ends the program (SIGBUS), so whoever
/// rewrites such a file replaces it (AtomicFile does).
/// Throws lior::Error when the path is not a readable file.
class MappedFile {
 public:
  explicit MappedFile(const std::string& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::span<const std::byte> bytes_;
};

}  // namespace lior::io
