// SPDX-License-Identifier: Apache-2.0
#pragma once
// XLA's foreign function interface as its headers define it, xla/ffi/api/c_api.h, version 0.1 and
// later of version 0: the structures that a handler meets, up to the last member that is read. So
// the package is built without jaxlib. tests/python/test_jax_interface.py holds them against the
// header of the jaxlib that is installed.
// Source: openxla.org/xla/custom_call, docs/decisions/046-jax.md.

#include <cstddef>
#include <cstdint>

namespace lior::xla {

inline constexpr int kMajorVersion = 0, kFirstMinorVersion = 1;

struct Error;    // XLA's own
struct Context;  // XLA's own

enum class ErrorCode : int {
  invalid_argument = 3,
  resource_exhausted = 8,
  unimplemented = 12,
  internal = 13
};

enum class ExtensionKind : int { metadata = 1 };
struct Extension {
  std::size_t struct_size;
  ExtensionKind kind;
  Extension* next;
};

struct Version {
  std::size_t struct_size;
  Extension* extensions;
  int major, minor;
};

struct ErrorRequest {
  std::size_t struct_size;
  Extension* extensions;
  const char* message;
  ErrorCode code;
};

struct Api {
  std::size_t struct_size;
  Extension* extensions;
  Version version;
  const void* internal;
  Error* (*create_error)(ErrorRequest*);
};

struct Metadata {
  std::size_t struct_size;
  Version version;
  std::uint32_t traits;
};
struct MetadataExtension {
  Extension base;
  Metadata* metadata;
};

enum class DataType : int { boolean = 1, u8 = 6, f32 = 11, f64 = 12, c64 = 15, c128 = 18 };

struct Buffer {
  std::size_t struct_size;
  Extension* extensions;
  DataType dtype;
  void* data;
  std::int64_t rank;
  std::int64_t* shape;
};

struct Text {
  const char* data;
  std::size_t size;
};

struct Buffers {
  std::size_t struct_size;
  Extension* extensions;
  std::int64_t size;
  int* kinds;  // 1: a Buffer
  void** items;
};

struct Attributes {
  std::size_t struct_size;
  Extension* extensions;
  std::int64_t size;
  int* kinds;  // 4: a Text
  Text** names;
  void** items;
};

struct CallFrame {
  std::size_t struct_size;
  Extension* extensions;
  const Api* api;
  Context* context;
  int stage;
  Buffers arguments;
  Buffers results;
  Attributes attributes;
};

using Handler = Error*(CallFrame*);

}  // namespace lior::xla
