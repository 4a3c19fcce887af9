// SPDX-License-Identifier: Apache-2.0
// A library to preload, which makes one call to the system fail. It stands between the program and
// the C library, so every byte that the program writes through these calls passes here; standard
// output and pipes are let through.
//
//   FAULT_CALL   write, pwrite, fsync, rename, mmap, ftruncate or fflush
//   FAULT_AT     the call that fails, counted from 1; 0: none does
//   FAULT_ERRNO  what it fails with, a number
//   FAULT_LASTS  1: all calls from there on fail too, as on a full disk
//   FAULT_COUNT  a file that holds at the end how many calls there were
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

const char* text(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr ? value : "";
}

std::atomic<long> calls = 0;

/// The C library's own function of that name.
template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

/// Whether this call of `name` fails; errno is then set.
bool fails(const char* name) {
  static const char* const chosen = text("FAULT_CALL");
  static const long at = std::atol(text("FAULT_AT"));
  static const bool lasts = std::strcmp(text("FAULT_LASTS"), "1") == 0;
  static const int error = std::atoi(text("FAULT_ERRNO"));
  if (std::strcmp(chosen, name) != 0) return false;
  const long call = ++calls;
  if (at == 0 || (lasts ? call < at : call != at)) return false;
  errno = error;
  return true;
}

bool is_file(int descriptor) {
  struct stat status {};
  return ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
}

struct Count {
  ~Count() {
    const char* const path = text("FAULT_COUNT");
    if (*path == '\0') return;
    if (std::FILE* const file = std::fopen(path, "w")) {
      std::fprintf(file, "%ld\n", calls.load());
      std::fclose(file);
    }
  }
} count_at_exit;

}  // namespace

extern "C" {

ssize_t write(int descriptor, const void* bytes, size_t size) {
  static const auto real = next<decltype(write)>("write");
  return is_file(descriptor) && fails("write") ? -1 : real(descriptor, bytes, size);
}

ssize_t pwrite(int descriptor, const void* bytes, size_t size, off_t offset) {
  static const auto real = next<decltype(pwrite)>("pwrite");
  return fails("pwrite") ? -1 : real(descriptor, bytes, size, offset);
}
ssize_t pwrite64(int descriptor, const void* bytes, size_t size, off64_t offset) {
  static const auto real = next<decltype(pwrite64)>("pwrite64");
  return fails("pwrite") ? -1 : real(descriptor, bytes, size, offset);
}

int fsync(int descriptor) {
  static const auto real = next<decltype(fsync)>("fsync");
  return fails("fsync") ? -1 : real(descriptor);
}

int rename(const char* from, const char* to) {
  static const auto real = next<decltype(rename)>("rename");
  return fails("rename") ? -1 : real(from, to);
}

void* mmap(void* address, size_t size, int protection, int flags, int descriptor, off_t offset) {
  static const auto real = next<decltype(mmap)>("mmap");
  return descriptor >= 0 && fails("mmap")
             ? MAP_FAILED
             : real(address, size, protection, flags, descriptor, offset);
}

int ftruncate(int descriptor, off_t size) {
  static const auto real = next<decltype(ftruncate)>("ftruncate");
  return fails("ftruncate") ? -1 : real(descriptor, size);
}
int ftruncate64(int descriptor, off64_t size) {
  static const auto real = next<decltype(ftruncate64)>("ftruncate64");
  return fails("ftruncate") ? -1 : real(descriptor, size);
}

int fflush(std::FILE* file) {
  static const auto real = next<decltype(fflush)>("fflush");
  const bool is_ours = file != nullptr && is_file(::fileno(file)) && ::fileno(file) > 2;
  return is_ours && fails("fflush") ? EOF : real(file);
}

}  // extern "C"
