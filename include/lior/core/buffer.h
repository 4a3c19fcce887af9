// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Owning storage: a flat aligned buffer, and an array that is a buffer with a shape.

#include <cstddef>
#include <new>
#include <utility>

#include "lior/core/view.h"

namespace lior {

/// Every allocation of ours starts on a cache line and on the widest vector's boundary.
inline constexpr std::size_t kAlignment = 64;

namespace detail {
/// `bytes` on a kAlignment boundary; from 4 MB on, on large pages where the system has them
/// (docs/decisions/002-large-pages.md). Throws std::bad_alloc. `release` takes the same `bytes`.
void* allocate(std::size_t bytes);
void release(void* memory, std::size_t bytes) noexcept;
}  // namespace detail

/// `size` elements of a trivial type, zeroed, on a 64-byte boundary. Moves; does not copy.
template <class T>
class Buffer {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  Buffer() = default;
  explicit Buffer(Index size) : size_(size) {
    LIOR_CHECK(size >= 0, "a buffer of {} elements cannot be made; the size must be >= 0", size);
    checked_product(size, sizeof(T), "bytes");
    if (size == 0) return;
    data_ = static_cast<T*>(detail::allocate(bytes()));
    std::fill_n(data_, size, T{});
  }
  Buffer(Buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~Buffer() {
    if (data_ != nullptr) detail::release(data_, bytes());
  }

  T* data() { return data_; }
  const T* data() const { return data_; }
  Index size() const { return size_; }
  T& operator[](Index index) { return data_[index]; }
  const T& operator[](Index index) const { return data_[index]; }
  T* begin() { return data_; }
  T* end() { return data_ + size_; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }
  std::span<T> span() { return {data_, static_cast<std::size_t>(size_)}; }
  std::span<const T> span() const { return {data_, static_cast<std::size_t>(size_)}; }

 private:
  std::size_t bytes() const { return static_cast<std::size_t>(size_) * sizeof(T); }

  T* data_ = nullptr;
  Index size_ = 0;
};

/// A Buffer with a shape: `Array<double, 2> a({3, 4}); a.view()(1, 2) = 5;`
template <class T, std::size_t Rank>
class Array {
 public:
  Array() = default;
  explicit Array(const Shape<Rank>& shape) : buffer_(checked_element_count(shape)), shape_(shape) {}

  View<T, Rank> view() { return {buffer_.data(), shape_}; }
  View<const T, Rank> view() const { return {buffer_.data(), shape_}; }
  const Shape<Rank>& shape() const { return shape_; }
  T* data() { return buffer_.data(); }
  const T* data() const { return buffer_.data(); }
  Index size() const { return buffer_.size(); }
  std::span<T> span() { return buffer_.span(); }
  std::span<const T> span() const { return buffer_.span(); }
  template <class... I>
  T& operator()(I... indices) {
    return view()(indices...);
  }
  template <class... I>
  const T& operator()(I... indices) const {
    return view()(indices...);
  }

 private:
  Buffer<T> buffer_;
  Shape<Rank> shape_{};
};

}  // namespace lior
