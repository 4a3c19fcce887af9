// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A file that is replaced whole or not at all.

#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace lior::io {

/// Writes to `path`.partial in the same folder; `commit` syncs it to the disk, renames it to `path`
/// and syncs the folder. Until then, and after any failure, an older file at `path` is untouched.
/// The new file has the permissions of `like`, where that is a file: by default the older one,
/// which it replaces. A file that waits under another name for its place names that place.
///
/// Without `commit` the destructor removes what was written. What is found at `path`.partial, a
/// leftover of a killed program or a link that somebody put there, is removed and never followed.
/// One writer of a path at a time: `commit` sees where another has taken the name, and gives up.
///
/// Throws lior::Error when the folder is missing or cannot be written to, or the path holds a NUL
/// byte; lior::RunError when the system fails while writing (a full disk).
class AtomicFile {
 public:
  explicit AtomicFile(const std::string& path, const std::string& like = {});
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile();

  void write(std::string_view bytes);
  void write(std::span<const std::byte> bytes) {
    write(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  }
  void commit();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// A whole file of `bytes` in one call.
void write_file_atomically(const std::string& path, std::string_view bytes);

}  // namespace lior::io
