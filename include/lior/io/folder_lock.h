// SPDX-License-Identifier: Apache-2.0
#pragma once
/// One process at a time in a folder.

#include <string>

namespace lior::io {

/// Holds the folder `path` until it is destroyed or the process ends, however that may be (flock:
/// nothing is left behind). Throws lior::Error, that names the process if the system knows it, when
/// another one holds it. On file systems without such locks it holds nothing.
class FolderLock {
 public:
  explicit FolderLock(const std::string& path);
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  ~FolderLock();

 private:
  int folder_;
};

}  // namespace lior::io
