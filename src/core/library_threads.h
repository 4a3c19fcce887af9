// SPDX-License-Identifier: Apache-2.0
#pragma once
// The number of threads of libraries that have OpenMP's.

namespace lior::detail {

/// Sets OpenMP's number of threads, of which each thread has its own, to threads() while it lives.
class LibraryThreads {
 public:
  LibraryThreads();
  ~LibraryThreads();
  LibraryThreads(const LibraryThreads&) = delete;
  LibraryThreads& operator=(const LibraryThreads&) = delete;

  int count() const { return count_; }  ///< threads() when it was made

 private:
  int count_, before_;
};

}  // namespace lior::detail
