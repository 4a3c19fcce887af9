// SPDX-License-Identifier: Apache-2.0
#pragma once
// Shared by reading and writing HDF5: identifiers that close themselves, and the reason of a
// failure in the system's words.

#include <hdf5.h>

#include <string>
#include <utility>

namespace lior::io {

/// An HDF5 identifier and its close function.
class Handle {
 public:
  Handle() = default;
  Handle(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(close_, other.close_);
    return *this;
  }
  ~Handle() { close(); }
  /// False when the library reports a failure that it had deferred: a chunk may be written here.
  bool close() { return id_ < 0 || close_(std::exchange(id_, -1)) >= 0; }
  explicit(false) operator hid_t() const { return id_; }

 private:
  hid_t id_ = -1;
  herr_t (*close_)(hid_t) = nullptr;
};

/// The library prints its own error stacks unless told not to, and its clean-up at exit crashes
/// after a file that could not be written (1.10.8); our handles close all there is.
void be_quiet();

/// Why the last call failed: the system's words ("No space left on device") where it was the
/// system, else the library's own. To be asked before the next call.
std::string failure_reason();

}  // namespace lior::io
