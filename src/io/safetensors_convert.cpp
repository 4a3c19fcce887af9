// SPDX-License-Identifier: Apache-2.0
// From the bytes of a tensor to numbers of the caller's type.
#include <cstring>
#include <utility>

#include "io/safetensors_format.h"

namespace lior::io {
namespace {

template <class T>
inline constexpr bool kIsComplex = false;
template <class T>
inline constexpr bool kIsComplex<std::complex<T>> = true;
template <class T>
inline constexpr bool kIsHalf = std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>;

/// A byte of BOOL: any value may be there, and only 0 and 1 are bools.
struct Bool8 {
  std::uint8_t byte;
};

/// Calls function(element), a value of the dtype's own type.
template <class Function>
void with_element(DType dtype, Function&& function) {
  switch (dtype) {
    case DType::boolean: return function(Bool8{});
    case DType::u8: return function(std::uint8_t{});
    case DType::i8: return function(std::int8_t{});
    case DType::i16: return function(std::int16_t{});
    case DType::u16: return function(std::uint16_t{});
    case DType::i32: return function(std::int32_t{});
    case DType::u32: return function(std::uint32_t{});
    case DType::i64: return function(std::int64_t{});
    case DType::u64: return function(std::uint64_t{});
    case DType::f16: return function(Float16{});
    case DType::bf16: return function(BFloat16{});
    case DType::f32: return function(float{});
    case DType::f64: return function(double{});
    case DType::c64: return function(std::complex<float>{});
  }
}

/// Whether a T can be had from elements of type S at all.
template <class T, class S>
constexpr bool converts() {
  if constexpr (kIsComplex<T>) return kIsComplex<S>;
  if constexpr (kIsHalf<T>) return std::is_same_v<T, S>;
  if constexpr (std::is_floating_point_v<T>) return !kIsComplex<S>;
  return std::is_integral_v<S> || std::is_same_v<S, Bool8>;
}

/// The value as a T; false when it does not fit.
template <class T, class S>
bool convert(S value, T& out) {
  if constexpr (std::is_same_v<S, Bool8>) {
    out = static_cast<T>(value.byte != 0);
  } else if constexpr (std::is_same_v<T, bool>) {
    out = value != 0;
    return value == 0 || value == 1;
  } else if constexpr (std::is_integral_v<T>) {
    out = static_cast<T>(value);
    return std::in_range<T>(value);
  } else if constexpr (kIsHalf<S> && !kIsHalf<T>) {
    out = static_cast<T>(to_float(value));
  } else {
    out = static_cast<T>(value);
  }
  return true;
}

/// Converts until a value does not fit; returns how many did.
template <class T, class S>
std::size_t convert_all(std::span<const std::byte> bytes, std::span<T> out) {
  if (out.empty()) return 0;  // memcpy takes no null pointer, not even for no bytes
  if constexpr (std::is_same_v<T, S>) {
    std::memcpy(out.data(), bytes.data(), bytes.size());
  } else {
    for (std::size_t i = 0; i < out.size(); ++i) {
      S value;
      std::memcpy(&value, bytes.data() + i * sizeof(S), sizeof(S));
      if (!convert(value, out[i])) return i;
    }
  }
  return out.size();
}

template <class T>
constexpr DType dtype_of() {
  if constexpr (std::is_same_v<T, bool>) return DType::boolean;
  if constexpr (std::is_same_v<T, std::uint8_t>) return DType::u8;
  if constexpr (std::is_same_v<T, std::int8_t>) return DType::i8;
  if constexpr (std::is_same_v<T, std::int16_t>) return DType::i16;
  if constexpr (std::is_same_v<T, std::uint16_t>) return DType::u16;
  if constexpr (std::is_same_v<T, std::int32_t>) return DType::i32;
  if constexpr (std::is_same_v<T, std::uint32_t>) return DType::u32;
  if constexpr (std::is_same_v<T, std::int64_t>) return DType::i64;
  if constexpr (std::is_same_v<T, std::uint64_t>) return DType::u64;
  if constexpr (std::is_same_v<T, Float16>) return DType::f16;
  if constexpr (std::is_same_v<T, BFloat16>) return DType::bf16;
  if constexpr (std::is_same_v<T, float>) return DType::f32;
  if constexpr (std::is_same_v<T, std::complex<float>>) return DType::c64;
  return DType::f64;  // double, and complex<double> as pairs of it
}

/// Whether a complex T is to be read from pairs of reals.
template <class T>
bool is_pairs(const TensorInfo& info) {
  return kIsComplex<T> && (info.dtype == DType::f32 || info.dtype == DType::f64) &&
         !info.shape.empty() && info.shape.back() == 2;
}

/// The shape that a tensor has as an array of T.
template <class T>
std::span<const Index> shape_as(const TensorInfo& info) {
  const std::span<const Index> shape = info.shape;
  return is_pairs<T>(info) ? shape.first(shape.size() - 1) : shape;
}

}  // namespace

template <class T>
void SafeTensors::check_shape(std::string_view name, std::span<const Index> shape) const {
  const auto actual = shape_as<T>(info(name));
  LIOR_CHECK(std::equal(actual.begin(), actual.end(), shape.begin(), shape.end()),
             "{}: tensor {} has shape {}; expected {}", path_, in_quotes(name), to_string(actual),
             to_string(shape));
}

template <class T>
void SafeTensors::fill(std::string_view name, std::span<T> out) const {
  const TensorInfo& tensor = info(name);
  if constexpr (kIsComplex<T>) {
    using Real = typename T::value_type;  // std::complex is an array of two of them
    if (is_pairs<T>(tensor)) {
      return fill<Real>(name, {reinterpret_cast<Real*>(out.data()), 2 * out.size()});
    }
  }
  with_element(tensor.dtype, [&]<class S>(S) {
    if constexpr (converts<T, S>()) {
      const std::size_t done = convert_all<T, S>(tensor.bytes, out);
      LIOR_CHECK(done == out.size(), "{}: element {} of tensor {} ({}) does not fit in {}", path_,
                 done, in_quotes(name), io::name(tensor.dtype), io::name(dtype_of<T>()));
    } else {
      throw Error(fmt::format(
          "{}: tensor {} of dtype {} and shape {} cannot be read as {}{}", path_, in_quotes(name),
          io::name(tensor.dtype), to_string(tensor.shape), io::name(dtype_of<T>()),
          kIsComplex<T> ? " complex; it must be C64, or real with a last axis of 2" : ""));
    }
  });
}

template <class T>
Buffer<T> SafeTensors::read(std::string_view name) const {
  Index count = 1;
  for (const Index extent : shape_as<T>(info(name))) count *= extent;
  Buffer<T> buffer(count);
  fill<T>(name, buffer.span());
  return buffer;
}

template <class T>
NamedTensor named_tensor(std::string name, std::span<const T> data, std::vector<Index> shape) {
  if (std::is_same_v<T, std::complex<double>>) shape.push_back(2);
  return {std::move(name),
          {.dtype = dtype_of<T>(), .shape = std::move(shape), .bytes = std::as_bytes(data)}};
}

#define LIOR_INSTANTIATE(T)                                                                  \
  template void SafeTensors::check_shape<T>(std::string_view, std::span<const Index>) const; \
  template void SafeTensors::fill<T>(std::string_view, std::span<T>) const;                  \
  template Buffer<T> SafeTensors::read<T>(std::string_view) const;                           \
  template NamedTensor named_tensor<T>(std::string, std::span<const T>, std::vector<Index>);
LIOR_INSTANTIATE(bool)
LIOR_INSTANTIATE(std::uint8_t)
LIOR_INSTANTIATE(std::int8_t)
LIOR_INSTANTIATE(std::int16_t)
LIOR_INSTANTIATE(std::uint16_t)
LIOR_INSTANTIATE(std::int32_t)
LIOR_INSTANTIATE(std::uint32_t)
LIOR_INSTANTIATE(std::int64_t)
LIOR_INSTANTIATE(std::uint64_t)
LIOR_INSTANTIATE(Float16)
LIOR_INSTANTIATE(BFloat16)
LIOR_INSTANTIATE(float)
LIOR_INSTANTIATE(double)
LIOR_INSTANTIATE(std::complex<float>)
LIOR_INSTANTIATE(std::complex<double>)
#undef LIOR_INSTANTIATE

}  // namespace lior::io
