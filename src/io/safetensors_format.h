// SPDX-License-Identifier: Apache-2.0
#pragma once
// Shared by reading and writing safetensors.

#include <array>
#include <bit>

#include "lior/core/text.h"
#include "lior/io/safetensors.h"

namespace lior::io {

static_assert(std::endian::native == std::endian::little, "the format is little-endian");

inline constexpr std::size_t kLengthBytes = 8;
inline constexpr std::uint64_t kLargestHeader = 100'000'000;
inline constexpr std::string_view kMetadataName = "__metadata__";

struct DTypeRow {
  DType dtype;
  std::string_view name;
  Index bytes;
};
inline constexpr std::array<DTypeRow, 14> kDTypes{{{DType::boolean, "BOOL", 1},
                                                   {DType::u8, "U8", 1},
                                                   {DType::i8, "I8", 1},
                                                   {DType::i16, "I16", 2},
                                                   {DType::u16, "U16", 2},
                                                   {DType::i32, "I32", 4},
                                                   {DType::u32, "U32", 4},
                                                   {DType::i64, "I64", 8},
                                                   {DType::u64, "U64", 8},
                                                   {DType::f16, "F16", 2},
                                                   {DType::bf16, "BF16", 2},
                                                   {DType::f32, "F32", 4},
                                                   {DType::f64, "F64", 8},
                                                   {DType::c64, "C64", 8}}};

/// shape times element size; -1 when that is more than an Index holds or an extent is negative.
inline Index tensor_bytes(DType dtype, std::span<const Index> shape) {
  Index bytes = bytes_per_element(dtype);
  for (const Index extent : shape) {
    if (extent < 0 || __builtin_mul_overflow(bytes, extent, &bytes)) return -1;
  }
  return bytes;
}

/// A name from a file, in quotes, as a message may hold it.
std::string in_quotes(std::string_view text);

/// A shape or range from a file, as a message may hold it.
std::string in_brackets(std::span<const Index> sizes);

}  // namespace lior::io
