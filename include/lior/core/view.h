// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Non-owning views of row-major arrays: what every public function takes and fills.

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <type_traits>

#include "lior/core/checked.h"
#include "lior/core/error.h"

namespace lior {

using Index = std::int64_t;

template <std::size_t Rank>
using Shape = std::array<Index, Rank>;

/// Number of elements of an array of that shape (1 for rank 0).
template <std::size_t Rank>
constexpr Index element_count(const Shape<Rank>& shape) {
  Index count = 1;
  for (const Index extent : shape) count *= extent;
  return count;
}

/// The same for a shape that comes from outside. Throws lior::Error where an extent is negative or
/// the count exceeds 2^63 - 1.
template <std::size_t Rank>
constexpr Index checked_element_count(const Shape<Rank>& shape) {
  Index count = 1;
  for (const Index extent : shape) {
    LIOR_CHECK(extent >= 0, "an array cannot have an extent of {}; extents must be >= 0", extent);
    count = checked_product(count, extent, "elements");
  }
  return count;
}

/// A contiguous row-major array of `Rank` axes, last index fastest, that somebody else owns.
/// Copying a view copies the pointer. View<T> converts to View<const T>.
template <class T, std::size_t Rank>
class View {
 public:
  constexpr View() = default;
  constexpr View(T* data, const Shape<Rank>& shape) : data_(data), shape_(shape) {}

  template <class U>
  requires(std::is_same_v<const U, T>) constexpr explicit(false) View(const View<U, Rank>& other)
      : data_(other.data()), shape_(other.shape()) {}

  constexpr T* data() const { return data_; }
  constexpr const Shape<Rank>& shape() const { return shape_; }
  constexpr Index extent(std::size_t axis) const { return shape_[axis]; }
  constexpr Index size() const { return element_count(shape_); }
  constexpr bool empty() const { return size() == 0; }
  constexpr T* begin() const { return data_; }
  constexpr T* end() const { return data_ + size(); }
  constexpr std::span<T> span() const { return {data_, static_cast<std::size_t>(size())}; }

  /// The element at a full set of indices.
  template <class... I>
  requires(sizeof...(I) == Rank) constexpr T& operator()(I... indices) const {
    Index offset = 0;
    std::size_t axis = 0;
    ((offset = offset * shape_[axis++] + static_cast<Index>(indices)), ...);
    LIOR_ASSERT(offset >= 0 && offset < size());
    return data_[offset];
  }

  /// The sub-array at `index` of the first axis: a view of one axis less, or an element.
  constexpr decltype(auto) operator[](Index index) const {
    LIOR_ASSERT(index >= 0 && index < shape_[0]);
    if constexpr (Rank == 1) {
      return (data_[index]);
    } else {
      Shape<Rank - 1> rest{};
      std::copy(shape_.begin() + 1, shape_.end(), rest.begin());
      return View<T, Rank - 1>(data_ + index * element_count(rest), rest);
    }
  }

  /// The same elements under another shape with the same count.
  template <std::size_t NewRank>
  constexpr View<T, NewRank> reshaped(const Shape<NewRank>& shape) const {
    LIOR_ASSERT(element_count(shape) == size());
    return {data_, shape};
  }

 private:
  T* data_ = nullptr;
  Shape<Rank> shape_{};
};

/// "[2, 3, 8]", for error messages.
template <std::size_t Rank>
std::string to_string(const Shape<Rank>& shape) {
  std::string text = "[";
  for (std::size_t axis = 0; axis < Rank; ++axis) {
    text += (axis == 0 ? "" : ", ") + std::to_string(shape[axis]);
  }
  return text + "]";
}

/// Throws unless `view` has the shape `expected`; `name` is the argument's name in the message.
template <class T, std::size_t Rank>
void check_shape(const View<T, Rank>& view, const Shape<Rank>& expected, const char* name) {
  LIOR_CHECK(view.shape() == expected, "{} has shape {}; expected {}", name,
             to_string(view.shape()), to_string(expected));
}

}  // namespace lior
