// SPDX-License-Identifier: Apache-2.0
#pragma once
// Every target's treatment of an input: it goes in as a file, and comes out as a value or an error.

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <string>
#include <string_view>

#include "lior/core/error.h"
#include "lior/core/text.h"

/// For LeakSanitizer: libhdf5 1.10 forgets the object header of a damaged file that it refuses to
/// open (H5O__prefix_deserialize below H5Fopen). Of each target there is one source.
extern "C" const char* __lsan_default_suppressions() { return "leak:H5FL__malloc\n"; }

namespace lior::fuzz {

[[noreturn]] inline void fail(const char* what, std::string_view detail) {
  std::fprintf(stderr, "%s: %.*s\n", what, static_cast<int>(detail.size()), detail.data());
  std::abort();
}

/// A file in memory, which readers open by its path.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view bytes) : descriptor_(::memfd_create("input", 0)) {
    while (!bytes.empty()) {
      const auto written = ::write(descriptor_, bytes.data(), bytes.size());
      if (written <= 0) fail("memfd", "cannot be written");
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() { ::close(descriptor_); }

  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

/// An error stays on one line of a bounded length, whatever the input holds.
inline void check_message(std::string_view message) {
  if (message.size() > 4000) fail("a message is too long", message.substr(0, 200));
  if (shown(message, message.size()) != message) fail("a message has control characters", message);
}

/// Runs `read`, which may throw our errors and run out of memory; anything else is a finding.
template <class Read>
void expect_value_or_error(Read&& read) {
  try {
    read();
  } catch (const Error& error) {
    check_message(error.what());
  } catch (const RunError& error) {
    check_message(error.what());
  } catch (const std::bad_alloc&) {  // the target's memory limit finds what asks for too much
  }
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace lior::fuzz
