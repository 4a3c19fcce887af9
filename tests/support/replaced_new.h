// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Replaces operator new and delete of a whole test program; for one source file of it, which says
/// in the two functions below what is made of each call.

#include <cstdlib>
#include <new>

namespace lior::observed {

/// `bytes` are about to be given to the code at `caller`. May throw std::bad_alloc, unless
/// `nothrow`: who asks so has a way without, as std::stable_sort.
void allocation(std::size_t bytes, const void* caller, bool nothrow);
/// A block goes back; never a null pointer.
void release() noexcept;

inline void* given(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

inline void taken_back(void* memory) noexcept {
  if (memory != nullptr) release();
  std::free(memory);
}

}  // namespace lior::observed

// Out of line, for the caller's address; and the compiler then takes no free for a mismatch.
[[gnu::noinline]] void* operator new(std::size_t size) {
  lior::observed::allocation(size, __builtin_return_address(0), false);
  return lior::observed::given(std::malloc(size + (size == 0)));
}
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t alignment) {
  lior::observed::allocation(size, __builtin_return_address(0), false);
  const auto step = static_cast<std::size_t>(alignment);
  return lior::observed::given(std::aligned_alloc(step, (size + step - 1) / step * step));
}
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  lior::observed::allocation(size, __builtin_return_address(0), true);
  return std::malloc(size + (size == 0));
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  lior::observed::taken_back(memory);
}
[[gnu::noinline]] void operator delete(void* memory, const std::nothrow_t&) noexcept {
  lior::observed::taken_back(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  lior::observed::taken_back(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t) noexcept {
  lior::observed::taken_back(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  lior::observed::taken_back(memory);
}
