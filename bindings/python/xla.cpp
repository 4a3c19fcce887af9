// SPDX-License-Identifier: Apache-2.0
// The handler that runs operations inside XLA's programs, and the types of results, which JAX asks
// for while it traces.

#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <new>
#include <string>

#include "bindings.h"
#include "operations.h"
#include "xla_ffi.h"

namespace lior::python {
namespace {

using nb::dlpack::dltensor;
using nb::dlpack::dtype;

/// Says which version of the interface this handler keeps to: the runtime's own, where it is of the
/// same major version, since every minor version of it has the members that are read here.
void describe(const xla::CallFrame& frame, xla::Metadata& metadata) {
  int minor = xla::kFirstMinorVersion;
  if (frame.api != nullptr && frame.api->version.major == xla::kMajorVersion) {
    minor = frame.api->version.minor;
  }
  metadata.version.major = xla::kMajorVersion;
  metadata.version.minor = minor;
  metadata.traits = 0;
}

/// Whether the runtime asked what the handler is, and was answered.
bool was_question(const xla::CallFrame& frame) {
  for (xla::Extension* e = frame.extensions; e != nullptr; e = e->next) {
    if (e->kind != xla::ExtensionKind::metadata) continue;
    describe(frame, *reinterpret_cast<xla::MetadataExtension*>(e)->metadata);
    return true;
  }
  return false;
}

xla::Error* error(const xla::CallFrame& frame, xla::ErrorCode code, const char* message) {
  xla::ErrorRequest request{sizeof(xla::ErrorRequest), nullptr, message, code};
  return frame.api->create_error(&request);
}

struct NamedType {
  const char* name;
  dtype type;
  xla::DataType of_xla;
};
const NamedType kTypes[] = {
    {"float32", dtype_of<float>(), xla::DataType::f32},
    {"float64", dtype_of<double>(), xla::DataType::f64},
    {"complex64", dtype_of<std::complex<float>>(), xla::DataType::c64},
    {"complex128", dtype_of<std::complex<double>>(), xla::DataType::c128},
    {"uint8", dtype_of<std::uint8_t>(), xla::DataType::u8},
    {"bool", dtype_of<bool>(), xla::DataType::boolean},
};

dltensor tensor(dtype type, void* data, std::int64_t rank, std::int64_t* shape) {
  dltensor made;
  made.data = data;
  made.device = {nb::device::cpu::value, 0};
  made.ndim = static_cast<std::int32_t>(rank);
  made.dtype = type;
  made.shape = shape;
  return made;
}

template <class Array>
std::vector<Array> arrays_of(const xla::Buffers& buffers) {
  std::vector<Array> arrays;
  for (std::int64_t i = 0; i < buffers.size; ++i) {
    const auto& buffer = *static_cast<const xla::Buffer*>(buffers.items[i]);
    dtype type{};
    for (const NamedType& known : kTypes) {
      if (known.of_xla == buffer.dtype) type = known.type;
    }
    Array& array = arrays.emplace_back();
    array.place = Place::memory;
    array.tensor = tensor(type, buffer.data, buffer.rank, buffer.shape);
  }
  return arrays;
}

/// The text of an attribute; Error where there is none.
std::string_view text(const xla::Attributes& attributes, std::string_view name) {
  constexpr int kText = 4;
  for (std::int64_t i = 0; i < attributes.size; ++i) {
    const xla::Text& known = *attributes.names[i];
    if (std::string_view(known.data, known.size) != name || attributes.kinds[i] != kText) continue;
    const auto& value = *static_cast<const xla::Text*>(attributes.items[i]);
    return {value.data, value.size};
  }
  throw Error(
      fmt::format("the call has no attribute '{}'; expected one, as lior.jax makes it", name));
}

void run(const xla::CallFrame& frame) {
  const std::vector<Argument> in = arrays_of<Argument>(frame.arguments);
  Outputs out{.given = true, .sequence = true, .arrays = arrays_of<Output>(frame.results)};
  const std::string_view name = text(frame.attributes, "operation");
  operation(name, text(frame.attributes, "options"))(Arguments(in), out);
}

xla::Error* handle(xla::CallFrame* frame) noexcept {
  if (was_question(*frame)) return nullptr;
  try {
    run(*frame);
    return nullptr;
  } catch (const Error& e) {
    return error(*frame, xla::ErrorCode::invalid_argument, e.what());
  } catch (const std::bad_alloc&) {
    return error(*frame, xla::ErrorCode::resource_exhausted, "out of memory");
  } catch (const std::exception& e) {
    return error(*frame, xla::ErrorCode::internal, e.what());
  }
}

/// For platforms that are not the CPU.
xla::Error* refuse(xla::CallFrame* frame) noexcept {
  if (was_question(*frame)) return nullptr;
  return error(*frame, xla::ErrorCode::unimplemented,
               "lior.jax runs on the CPU; put arrays there by jax.device_put(x, "
               "jax.devices('cpu')[0]), or start with JAX_PLATFORMS=cpu");
}

nb::capsule capsule(xla::Handler* handler) { return nb::capsule(reinterpret_cast<void*>(handler)); }

using ShapeOf = std::pair<std::string, std::vector<Index>>;

dtype type_named(const std::string& name) {
  for (const NamedType& known : kTypes) {
    if (name == known.name) return known.type;
  }
  // What no operation takes, in the words of an operation.
  const auto digits = name.find_first_of("0123456789");
  using Code = nb::dlpack::dtype_code;
  const std::string kind = name.substr(0, digits);
  const Code code = kind == "float"    ? Code::Float
                    : kind == "bfloat" ? Code::Bfloat
                    : kind == "uint"   ? Code::UInt
                                       : Code::Int;
  const int bits = digits == std::string::npos ? 8 : std::stoi(name.substr(digits));
  return {static_cast<std::uint8_t>(code), static_cast<std::uint8_t>(bits), 1};
}

std::vector<ShapeOf> result_types(const std::string& name, const std::string& options,
                                  std::vector<ShapeOf> inputs) {
  std::vector<Argument> in;
  for (ShapeOf& input : inputs) {
    Argument& argument = in.emplace_back();
    argument.place = Place::nowhere;
    argument.tensor =
        tensor(type_named(input.first), nullptr, std::ssize(input.second), input.second.data());
  }
  std::vector<ArrayType> wanted;
  Outputs out{.wanted = &wanted};
  operation(name, options)(Arguments(in), out);
  std::vector<ShapeOf> results;
  for (const ArrayType& type : wanted) results.emplace_back(name_of(type.dtype), type.shape);
  return results;
}

}  // namespace

void bind_xla(nb::module_& m) {
  m.def(
      "handler", [] { return capsule(&handle); },
      "The XLA handler that runs operations, for the platform 'cpu'.");
  m.def(
      "refusal", [] { return capsule(&refuse); },
      "The XLA handler of other platforms, which says that operations run on the CPU.");
  m.def("result_types", &result_types, "operation"_a, "options"_a, "inputs"_a,
        "(dtype, shape) of each result of an operation, from those of its inputs. Errors are those "
        "of the function that it runs.");
}

}  // namespace lior::python
