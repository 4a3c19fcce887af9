// SPDX-License-Identifier: Apache-2.0
#pragma once
// Arrays between Python and the library: NumPy's, or any that speak DLPack or the buffer protocol.
//
// A binding reads like the formula that it binds: it names its arguments with their shapes, gets
// views, and runs the kernel without the GIL:
//
//   NumPy octonion_multiply(const Argument& x, const Argument& y, const Outputs& out) {
//     return for_real("x", x, [&]<class T>() {
//       Call call(out, InPlace::allowed);
//       const auto a = call.in<T>("x", x, {8, 'N'});
//       const auto b = call.in<T>("y", y, {8, 'N'});
//       const auto product = call.out<T>({8, 'N'});
//       return call.run_watched([&] { algebra::octonion_multiply<T>(a, b, product); });
//     });
//   }
//
// An input that is contiguous and aligned is read where it lies; any other is copied to one that
// is. Lists, and what NumPy makes an array of (pandas, xarray), are inputs too; the numbers of a
// list have no dtype of their own and take the one that is wanted. An output is a new NumPy array
// on a 64-byte boundary, or the caller's, written in place where it is contiguous and through a
// copy where it is not. What does not fit is a TypeError (no array, wrong dtype, wrong device) or a
// ValueError (wrong shape, overlap) that names the argument.

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <complex>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lior/core/buffer.h"
#include "lior/core/stop.h"
#include "signal_watch.h"
#include "unlocked.h"

namespace lior::python {

namespace nb = nanobind;

/// A NumPy array, in signatures.
class NumPy : public nb::object {
  NB_OBJECT_DEFAULT(NumPy, nb::object, "lior.typing.NDArray", nb::ndarray_check)
};

/// Two and three of them.
using Pair = nb::typed<nb::tuple, NumPy, NumPy>;
using Triple = nb::typed<nb::tuple, NumPy, NumPy, NumPy>;

/// Arrays by name, and values of any kind by name.
using NamedArrays = nb::typed<nb::dict, nb::str, NumPy>;
using NamedValues = nb::typed<nb::dict, nb::str, nb::any>;

/// A shape.
using Sizes = nb::typed<nb::tuple, nb::int_, nb::ellipsis>;

/// The object that a call returns, as whatever type the binding promises.
struct Result {
  nb::object object;
  template <class T>
  operator T() const {
    return nb::borrow<T>(object);
  }
};

/// Where the numbers of an argument are.
enum class Place {
  object,  ///< in a Python object
  memory,  ///< row-major in memory of a caller that is not Python, which does not hold the GIL
  nowhere  ///< known by dtype and shape alone: arguments are checked, and no kernel runs
};

/// A dtype and a shape.
struct ArrayType {
  nb::dlpack::dtype dtype;
  std::vector<Index> shape;
};

/// An argument that should be an array: the object, and what it says of its memory (invalid:
/// nothing); or, without an object, the memory itself.
struct Argument {
  nb::handle object{};
  nb::ndarray<nb::ro> array{};
  bool untyped = false;  ///< a list or a tuple
  Place place = Place::object;
  nb::dlpack::dltensor tensor{};  ///< where there is no object

  bool is_none() const { return place == Place::object && object.is_none(); }
};

/// A dict of arrays, the parameters of something.
struct NamedArguments {
  std::vector<std::pair<std::string, Argument>> items;

  /// Error where there is none of that name.
  const Argument& at(std::string_view name) const;
};

/// An argument `out` or a state: as Argument, but writable.
struct Output {
  nb::handle object{};
  nb::ndarray<> array{};
  Place place = Place::object;
  nb::dlpack::dltensor tensor{};

  bool is_none() const { return place == Place::object && object.is_none(); }
};

/// The argument `out=`: nothing (None), an array, or a sequence of them. With `wanted` there is no
/// memory for results: their types are put there.
struct Outputs {
  bool given = false, sequence = false;
  std::vector<Output> arrays{};
  std::vector<ArrayType>* wanted = nullptr;
};

/// Once, as the module is made: which class NumPy's arrays have.
void know_numpy();

/// The array to read in place of `source`: of a list, a tuple or an object with __array__ NumPy's,
/// of a torch tensor that is conjugated or negated lazily one that is so in memory; null where
/// `source` is read itself, or where none can be made.
nb::object array_for(nb::handle source, bool& untyped) noexcept;

/// "float32", "complex128".
std::string name_of(nb::dlpack::dtype dtype);

template <class T>
constexpr nb::dlpack::dtype dtype_of() {
  using Code = nb::dlpack::dtype_code;
  constexpr auto make = [](Code code) {
    return nb::dlpack::dtype{static_cast<std::uint8_t>(code), sizeof(T) * 8, 1};
  };
  if constexpr (std::is_same_v<T, bool>)
    return make(Code::Bool);
  else if constexpr (std::is_floating_point_v<T>)
    return make(Code::Float);
  else if constexpr (std::is_integral_v<T>)
    return make(std::is_signed_v<T> ? Code::Int : Code::UInt);
  else
    return make(Code::Complex);
}

/// One extent of an expected shape: a number, or a letter, which means one number in all shapes of
/// a call.
struct Dim {
  Index size = -1;
  char letter = 0;

  template <class I>
  requires(std::is_integral_v<I> && !std::is_same_v<I, char>) Dim(I extent)
      : size(static_cast<Index>(extent)) {}
  Dim(char name) : letter(name) {}
};

/// Whether an output may be one of the inputs.
enum class InPlace { forbidden, allowed };
/// The content of an output before the kernel runs.
enum class Start { nothing, zeros };

/// The arrays of one call: checks them, keeps them alive, runs the kernel, hands back the outputs.
class Call {
 public:
  /// Without `outputs` all are new arrays.
  Call() = default;
  explicit Call(const Outputs& outputs, InPlace in_place = InPlace::forbidden)
      : outputs_(outputs), in_place_(in_place) {}

  /// An input of the shape `dims`.
  template <class T, std::size_t Rank>
  View<const T, Rank> in(const char* name, const Argument& argument, const Dim (&dims)[Rank]) {
    Shape<Rank> shape;
    const void* data = input(name, argument, dtype_of<T>(), {dims, Rank}, shape.data());
    return {static_cast<const T*>(data), shape};
  }

  /// The same, or an empty view for None.
  template <class T, std::size_t Rank>
  View<const T, Rank> in_or_none(const char* name, const Argument& argument,
                                 const Dim (&dims)[Rank]) {
    return argument.is_none() ? View<const T, Rank>() : in<T>(name, argument, dims);
  }

  /// An input of whole numbers of any width, each in int32's range.
  template <std::size_t Rank>
  View<const std::int32_t, Rank> integers(const char* name, const Argument& argument,
                                          const Dim (&dims)[Rank]) {
    Shape<Rank> shape;
    const void* data = integer_input(name, argument, {dims, Rank}, shape.data());
    return {static_cast<const std::int32_t*>(data), shape};
  }

  /// The bytes of an input of any dtype and shape, row-major.
  std::span<const std::byte> bytes(const char* name, const Argument& argument,
                                   std::vector<Index>& shape);

  /// The next output; by now every letter of `dims` has a value.
  template <class T, std::size_t Rank>
  View<T, Rank> out(const Dim (&dims)[Rank], Start start = Start::nothing) {
    Shape<Rank> shape;
    void* data = output(dtype_of<T>(), {dims, Rank}, start, shape.data());
    return {static_cast<T*>(data), shape};
  }

  /// An array that the call reads and writes, a state: writable, and not among the results.
  template <class T, std::size_t Rank>
  View<T, Rank> state(const char* name, const Output& given, const Dim (&dims)[Rank]) {
    Shape<Rank> shape;
    void* data = state_array(name, given, dtype_of<T>(), {dims, Rank}, shape.data());
    return {static_cast<T*>(data), shape};
  }

  /// The value of a letter.
  Index operator[](char letter) const;

  /// As `run`, of what may take long: where a signal's handler in Python raises, as that of Ctrl-C
  /// does, the kernel ends within a moment and the exception goes on. States are then as they were;
  /// the caller's outputs hold nothing of use. Not for what moves on more than that.
  template <class Kernel>
  Result run_watched(Kernel&& kernel) {
    if (place_ != Place::object) return run(kernel);
    SignalWatch signals;
    const std::vector<Buffer<std::byte>> before = copies_of_states();
    try {
      return run([&] {
        const StopScope scope(&SignalWatch::ask, &signals);
        kernel();
      });
    } catch (const Stopped&) {
      put_back_states(before);
      signals.rethrow();
      throw;
    }
  }

  /// Runs `kernel` without the GIL; returns the output, or the tuple of outputs, or no object
  /// where arguments are none.
  template <class Kernel>
  Result run(Kernel&& kernel) {
    if (place_ != Place::object) {
      if (place_ == Place::nowhere) return {};
      check_count();
      kernel();
      return {};
    }
    check_overlaps();
    {
      const Unlocked unlocked;
      for (const Copy& copy : before_) copy.run();
      kernel();
      for (const Copy& copy : after_) copy.run();
    }
    return {results()};
  }

 private:
  /// Items of one array to the same places of another; strides in bytes.
  struct Copy {
    std::vector<Index> shape, from_strides, to_strides;
    Index item = 0;
    const std::byte* from = nullptr;
    std::byte* to = nullptr;
    void run() const;
  };
  struct Letter {
    char letter;
    Index size;
    std::string source;
  };
  /// Memory that the kernel reads or writes where the caller keeps it.
  struct Range {
    std::string name;
    const std::byte *begin, *end;
  };
  using Dims = std::span<const Dim>;

  const void* input(const char* name, const Argument& argument, nb::dlpack::dtype dtype, Dims dims,
                    Index* shape);
  const void* packed_input(const char* name, const nb::dlpack::dltensor& array);
  const void* integer_input(const char* name, const Argument& argument, Dims dims, Index* shape);
  void* output(nb::dlpack::dtype dtype, Dims dims, Start start, Index* shape);
  void* state_array(const char* name, const Output& given, nb::dlpack::dtype dtype, Dims dims,
                    Index* shape);
  void* writable(const std::string& name, const Output& given, nb::dlpack::dtype dtype, Dims dims,
                 bool read, Index* shape);
  void fit(const std::string& name, const nb::dlpack::dltensor& array, Dims dims, Index* shape);
  std::string describe(Dims dims) const;
  void check_count() const;
  void check_overlaps() const;
  std::vector<Buffer<std::byte>> copies_of_states() const;
  void put_back_states(const std::vector<Buffer<std::byte>>& copies) const;
  nb::object results();

  Outputs outputs_;
  std::size_t outputs_used_ = 0;
  InPlace in_place_ = InPlace::forbidden;
  Place place_ = Place::object;
  // Inputs are read while the GIL is open to other threads, which may drop their last reference to
  // one; some, such as what __dlpack__ of a temporary gives, have no other owner to begin with.
  std::vector<nb::ndarray<nb::ro>> kept_;
  std::vector<Letter> letters_;
  std::vector<Buffer<std::byte>> scratch_;
  std::vector<Copy> before_, after_;
  std::vector<Range> reads_, writes_;
  std::vector<std::span<std::byte>> states_;
  std::vector<nb::object> results_;
};

/// A new NumPy array of that shape, uninitialised, on a 64-byte boundary; `data` is its memory.
nb::object new_array(nb::dlpack::dtype dtype, std::span<const Index> shape, void*& data);

/// A new NumPy array with what `values` holds.
template <class T, std::size_t Rank>
nb::object copied(View<const T, Rank> values) {
  void* data = nullptr;
  nb::object array = new_array(dtype_of<T>(), values.shape(), data);
  std::copy_n(values.data(), values.size(), static_cast<T*>(data));
  return array;
}
template <class T, std::size_t Rank>
nb::object copied(const Array<T, Rank>& values) {
  return copied(values.view());
}

/// A NumPy array that shows memory of `owner`, which it keeps alive.
template <class T, std::size_t Rank>
nb::object show(View<T, Rank> view, nb::handle owner) {
  std::array<std::size_t, Rank> shape;
  std::copy(view.shape().begin(), view.shape().end(), shape.begin());
  constexpr bool kReadOnly = std::is_const_v<T>;
  using Kind =
      std::conditional_t<kReadOnly, nb::ndarray<nb::numpy, nb::ro>, nb::ndarray<nb::numpy>>;
  return nb::cast(Kind(view.data(), Rank, shape.data(), owner, nullptr,
                       dtype_of<std::remove_const_t<T>>(), nb::device::cpu::value));
}

/// The dtype of an array; TypeError that names the argument where it is none.
nb::dlpack::dtype dtype_of(const char* name, const Argument& argument);
[[noreturn]] void refuse_dtype(const char* name, nb::dlpack::dtype came, const char* fits);

/// body.operator()<T>() for the T that the array holds: float or double.
template <class Body>
auto for_real(const char* name, const Argument& argument, Body&& body) {
  const auto dtype = dtype_of(name, argument);
  if (dtype == dtype_of<float>()) return body.template operator()<float>();
  if (dtype == dtype_of<double>()) return body.template operator()<double>();
  refuse_dtype(name, dtype, "float32 or float64");
}

/// The same for float, double or std::complex of them.
template <class Body>
auto for_number(const char* name, const Argument& argument, Body&& body) {
  const auto dtype = dtype_of(name, argument);
  if (dtype == dtype_of<float>()) return body.template operator()<float>();
  if (dtype == dtype_of<double>()) return body.template operator()<double>();
  if (dtype == dtype_of<std::complex<float>>()) {
    return body.template operator()<std::complex<float>>();
  }
  if (dtype == dtype_of<std::complex<double>>()) {
    return body.template operator()<std::complex<double>>();
  }
  refuse_dtype(name, dtype, "float32, float64, complex64 or complex128");
}

/// The same for std::complex<float> or std::complex<double>: T is the real type.
template <class Body>
auto for_complex(const char* name, const Argument& argument, Body&& body) {
  const auto dtype = dtype_of(name, argument);
  if (dtype == dtype_of<std::complex<float>>()) return body.template operator()<float>();
  if (dtype == dtype_of<std::complex<double>>()) return body.template operator()<double>();
  refuse_dtype(name, dtype, "complex64 or complex128");
}

/// The same for a dtype that is named: "float32" or "float64".
template <class Body>
auto for_dtype(const std::string& dtype, Body&& body) {
  if (dtype == "float32") return body.template operator()<float>();
  LIOR_CHECK(dtype == "float64", "dtype is '{}'; expected 'float32' or 'float64'", dtype);
  return body.template operator()<double>();
}

/// The same for "complex64" or "complex128": T is the real type.
template <class Body>
auto for_complex_dtype(const std::string& dtype, Body&& body) {
  if (dtype == "complex64") return body.template operator()<float>();
  LIOR_CHECK(dtype == "complex128", "dtype is '{}'; expected 'complex64' or 'complex128'", dtype);
  return body.template operator()<double>();
}

/// The text of a Python string; `what` names it in the TypeError where it is none, or in the Error
/// where it has no UTF-8 (a lone surrogate).
std::string text_of(const char* what, nb::handle object);

/// The value that `text` names.
template <class Value>
struct Choice {
  const char* name;
  Value value;
};
template <class Value, std::size_t N>
Value choose(const char* argument, const std::string& text, const Choice<Value> (&choices)[N]) {
  std::string names;
  for (const Choice<Value>& choice : choices) {
    if (text == choice.name) return choice.value;
    names += (names.empty() ? "'" : ", '") + std::string(choice.name) + "'";
  }
  throw Error(fmt::format("{} is '{}'; expected one of {}", argument, text, names));
}

}  // namespace lior::python

namespace nanobind::detail {

// Whatever comes is taken, so that the message about what does not fit can name the argument.
template <>
struct type_caster<lior::python::Argument> {
  NB_TYPE_CASTER(lior::python::Argument, const_name("lior.typing.ArrayLike"))
  bool from_python(handle source, std::uint32_t, cleanup_list* cleanup) noexcept {
    value.object = source;
    if (source.is_none()) return true;
    const object made = lior::python::array_for(source, value.untyped);
    const handle from = made.is_valid() ? handle(made) : source;
    make_caster<ndarray<ro>> array;
    if (array.from_python(from, 0, cleanup)) value.array = array.value;
    return true;
  }
};

template <>
struct type_caster<lior::python::Output> {
  NB_TYPE_CASTER(lior::python::Output, const_name("lior.typing.Array"))
  bool from_python(handle source, std::uint32_t, cleanup_list* cleanup) noexcept {
    value.object = source;
    make_caster<ndarray<>> array;
    if (array.from_python(source, 0, cleanup)) value.array = array.value;
    return true;
  }
};

template <>
struct type_caster<lior::python::NamedArguments> {
  NB_TYPE_CASTER(lior::python::NamedArguments, const_name("dict[str, typing.Any]"))
  bool from_python(handle source, std::uint32_t, cleanup_list* cleanup) noexcept {
    if (!PyDict_Check(source.ptr())) return false;
    for (const auto& [key, item] : borrow<dict>(source)) {
      Py_ssize_t size = 0;
      const char* const name = PyUnicode_AsUTF8AndSize(key.ptr(), &size);
      if (name == nullptr) return PyErr_Clear(), false;
      make_caster<lior::python::Argument> argument;
      argument.from_python(item, 0, cleanup);
      value.items.emplace_back(std::string(name, size), argument.value);
    }
    return true;
  }
};

template <>
struct type_caster<lior::python::Outputs> {
  NB_TYPE_CASTER(lior::python::Outputs,
                 const_name("lior.typing.Array | tuple[lior.typing.Array, ...]"))
  bool from_python(handle source, std::uint32_t, cleanup_list* cleanup) noexcept {
    if (source.is_none()) return true;
    value.given = true;
    value.sequence = PyTuple_Check(source.ptr()) || PyList_Check(source.ptr());
    const auto add = [&](handle item) {
      make_caster<lior::python::Output> output;
      output.from_python(item, 0, cleanup);
      value.arrays.push_back(output.value);
    };
    if (value.sequence) {
      for (const handle item : borrow<sequence>(source)) add(item);
    } else {
      add(source);
    }
    return true;
  }
};

}  // namespace nanobind::detail
