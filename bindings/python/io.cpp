// SPDX-License-Identifier: Apache-2.0
#include <nanobind/stl/map.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cstring>

#include "bindings.h"
#include "lior/io/safetensors.h"
#include "representation.h"

namespace lior::python {
namespace {

using io::DType;
using io::SafeTensors;

nb::dlpack::dtype in_memory(DType dtype) {
  const auto real = [](int bits) {
    return nb::dlpack::dtype{static_cast<std::uint8_t>(nb::dlpack::dtype_code::Float),
                             static_cast<std::uint8_t>(bits), 1};
  };
  switch (dtype) {
    case DType::boolean: return dtype_of<bool>();
    case DType::u8: return dtype_of<std::uint8_t>();
    case DType::i8: return dtype_of<std::int8_t>();
    case DType::i16: return dtype_of<std::int16_t>();
    case DType::u16: return dtype_of<std::uint16_t>();
    case DType::i32: return dtype_of<std::int32_t>();
    case DType::u32: return dtype_of<std::uint32_t>();
    case DType::i64: return dtype_of<std::int64_t>();
    case DType::u64: return dtype_of<std::uint64_t>();
    case DType::f16: return real(16);
    case DType::bf16:  // NumPy has no bfloat16
    case DType::f32: return real(32);
    case DType::f64: return real(64);
    case DType::c64: return dtype_of<std::complex<float>>();
  }
  throw Error("a dtype without a name");
}

NumPy read(const SafeTensors& file, const std::string& name) {
  const io::TensorInfo& info = file.info(name);
  void* data = nullptr;
  const nb::object array = new_array(in_memory(info.dtype), info.shape, data);
  Call().run([&] {
    if (info.dtype == DType::bf16) {
      const Buffer<float> numbers = file.read<float>(name);
      std::copy(numbers.begin(), numbers.end(), static_cast<float*>(data));
    } else {
      std::memcpy(data, info.bytes.data(), info.bytes.size());
    }
  });
  return Result{array};
}

NumPy read_complex(const SafeTensors& file, const std::string& name) {
  std::vector<Index> shape = file.info(name).shape;
  if (file.info(name).dtype != DType::c64 && !shape.empty()) shape.pop_back();
  const Buffer<std::complex<double>> numbers = file.read<std::complex<double>>(name);
  void* data = nullptr;
  const nb::object array = new_array(dtype_of<std::complex<double>>(), shape, data);
  std::copy(numbers.begin(), numbers.end(), static_cast<std::complex<double>*>(data));
  return Result{array};
}

nb::typed<nb::tuple, nb::str, Sizes> info(const SafeTensors& file, const std::string& name) {
  const io::TensorInfo& tensor = file.info(name);
  return nb::make_tuple(std::string(io::name(tensor.dtype)), nb::tuple(nb::cast(tensor.shape)));
}

/// The dtype of the file for an array's; complex128 is pairs of F64.
DType in_file(const char* name, nb::dlpack::dtype dtype) {
  if (dtype == dtype_of<std::complex<double>>()) return DType::f64;
  for (const DType of :
       {DType::boolean, DType::u8, DType::i8, DType::i16, DType::u16, DType::i32, DType::u32,
        DType::i64, DType::u64, DType::f16, DType::f32, DType::f64, DType::c64}) {
    if (in_memory(of) == dtype) return of;
  }
  refuse_dtype(name, dtype, "bool, an integer, float16, float32, float64 or complex");
}

/// The text of a path: a string, or what os.fspath takes.
std::string path_of(nb::handle path) {
  return text_of("path", nb::module_::import_("os").attr("fspath")(path));
}

void write_safetensors(const nb::object& path, const NamedValues& tensors,
                       const std::map<std::string, std::string>& metadata) {
  const std::string file = path_of(path);
  Call call;
  std::vector<io::NamedTensor> named;
  // A list of its own: an array's __dlpack__, or another thread, may change the dict meanwhile.
  for (const nb::handle item : tensors.items()) {
    const std::string name = text_of("a tensor's name", item[0]);
    const nb::object value = item[1];
    const auto array = nb::cast<Argument>(value);
    const auto dtype = dtype_of(name.c_str(), array);
    std::vector<Index> shape;
    const std::span<const std::byte> bytes = call.bytes(name.c_str(), array, shape);
    if (dtype == dtype_of<std::complex<double>>()) shape.push_back(2);
    named.push_back({name, {in_file(name.c_str(), dtype), shape, bytes}});
  }
  call.run([&] { io::write_safetensors(file, named, metadata); });
}

}  // namespace

void bind_io(nb::module_& m) {
  nb::class_<SafeTensors>(m, "SafeTensors",
                          R"(A safetensors file, open for reading and checked whole.

Error that names the file, the fault and what would be right for anything that does not hold:
lengths, UTF-8, JSON, dtypes, shapes, ranges.)")
      .def(
          "__init__",
          [](SafeTensors* self, const nb::object& path) {
            new (self) SafeTensors(SafeTensors::open(path_of(path)));
          },
          "path"_a)
      .def("__repr__", shows({"path", "names"}))
      .def_prop_ro("path", &SafeTensors::path)
      .def_prop_ro("metadata", &SafeTensors::metadata)
      .def_prop_ro("names", &SafeTensors::names, "In the order of the file.")
      .def("__contains__",
           [](const SafeTensors& file, const std::string& name) { return file.contains(name); })
      .def("info", &info, "name"_a, "(dtype as in the file, 'F32'; shape).")
      .def("read", &read, "name"_a, "A new array of the tensor's dtype (BF16: float32).")
      .def("read_complex", &read_complex, "name"_a,
           "A new complex128 array of C64, or of F32 or F64 whose last axis is (re, im).");
  m.def(
      "write_safetensors", &write_safetensors, "path"_a, "tensors"_a,
      "metadata"_a = std::map<std::string, std::string>(),
      R"(Replaces the file `path` whole by a dict of arrays; complex128 is stored as F64 with a last
axis of 2. Error for a name that is reserved.)");
}

}  // namespace lior::python
