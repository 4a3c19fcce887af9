// SPDX-License-Identifier: Apache-2.0
#include "arrays.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

namespace lior::python {
namespace {

using nb::dlpack::dltensor;
using nb::dlpack::dtype;

const dltensor& tensor_of(const nb::ndarray<nb::ro>& array, dltensor& store) {
  store.data = const_cast<void*>(array.data_handle());
  store.device = {array.device_type(), array.device_id()};
  store.ndim = static_cast<std::int32_t>(array.ndim());
  store.dtype = array.dtype();
  store.shape = const_cast<std::int64_t*>(array.shape_ptr());
  store.strides = const_cast<std::int64_t*>(array.stride_ptr());
  store.byte_offset = array.byte_offset();
  return store;
}
const dltensor& tensor_of(const nb::ndarray<>& array, dltensor& store) {
  return tensor_of(nb::ndarray<nb::ro>(array), store);
}

std::byte* first_byte(const dltensor& array) {
  return static_cast<std::byte*>(array.data) + array.byte_offset;
}

std::size_t bytes_of(dtype type, std::span<const Index> shape) {
  std::size_t bytes = type.bits / 8;
  for (const Index extent : shape) bytes *= static_cast<std::size_t>(extent);
  return bytes;
}

Index item_size(const dltensor& array) { return array.dtype.bits / 8; }

Index count(const dltensor& array) {
  Index product = 1;
  for (int axis = 0; axis < array.ndim; ++axis) product *= array.shape[axis];
  return product;
}

/// Row-major without gaps, and on a boundary of its items. Memory without strides is, as DLPack
/// says.
bool is_direct(const dltensor& array) {
  if (count(array) == 0 || array.strides == nullptr) return true;
  Index expected = 1;
  for (int axis = array.ndim - 1; axis >= 0; --axis) {
    if (array.shape[axis] != 1 && array.strides[axis] != expected) return false;
    expected *= array.shape[axis];
  }
  const Index boundary = std::min<Index>(item_size(array), 8);
  return reinterpret_cast<std::uintptr_t>(first_byte(array)) % boundary == 0;
}

std::vector<Index> packed_strides(const dltensor& array) {
  std::vector<Index> strides(static_cast<std::size_t>(array.ndim));
  Index stride = item_size(array);
  for (int axis = array.ndim - 1; axis >= 0; --axis) {
    strides[axis] = stride;
    stride *= array.shape[axis];
  }
  return strides;
}

std::vector<Index> byte_strides(const dltensor& array) {
  std::vector<Index> strides(array.strides, array.strides + array.ndim);
  for (Index& stride : strides) stride *= item_size(array);
  return strides;
}

/// "(2, 3)", as Python writes it.
std::string shape_text(std::span<const std::int64_t> shape) {
  std::string text = "(";
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    text += (axis == 0 ? "" : ", ") + std::to_string(shape[axis]);
  }
  return text + (shape.size() == 1 ? ",)" : ")");
}

[[noreturn]] void refuse_type(const std::string& message) { throw nb::type_error(message.c_str()); }

bool is_list(nb::handle object) {
  return PyList_Check(object.ptr()) || PyTuple_Check(object.ptr());
}

nb::object as_numpy(nb::handle object) {
  return nb::module_::import_("numpy").attr("asarray")(object);
}

bool is_whole_number(dtype type) {
  using Code = nb::dlpack::dtype_code;
  return static_cast<Code>(type.code) == Code::Int || static_cast<Code>(type.code) == Code::UInt;
}

/// Why an object is no array that we can read, in the words of its own __dlpack__ where it has any.
[[noreturn]] void refuse_object(const std::string& name, nb::handle object, const char* wanted) {
  std::string reason;
  if (nb::hasattr(object, "__dlpack__")) {
    try {
      object.attr("__dlpack__")();
    } catch (const nb::python_error& error) {
      reason = fmt::format(": {}", nb::str(error.value()).c_str());
    }
  } else if (is_list(object)) {
    try {
      const nb::object type = as_numpy(object).attr("dtype");
      reason =
          fmt::format(" of numbers; of this NumPy makes one of dtype {}", nb::str(type).c_str());
    } catch (const nb::python_error& error) {
      reason = fmt::format(": {}", nb::str(error.value()).c_str());
    }
  }
  refuse_type(fmt::format("{} is a {}; expected {}{}", name, nb::inst_name(object).c_str(), wanted,
                          reason));
}

/// numpy.ndarray, the class of most arguments, once know_numpy() ran. It lives as long as the
/// process.
nb::handle ndarray_class;

/// Whether the object's class has one of these names, in whatever module. (The stable ABI does not
/// show tp_name.)
bool is_of_class(nb::handle object, std::initializer_list<const char*> names) {
  const nb::handle type = object.type();
  if (type.is(ndarray_class)) return false;
  const nb::object own = type.attr("__name__");
  return std::ranges::any_of(names, [&](const char* name) {
    return PyUnicode_CompareWithASCIIString(own.ptr(), name) == 0;
  });
}

bool is_torch_tensor(nb::handle object) { return is_of_class(object, {"Tensor", "Parameter"}); }

bool says(nb::handle object, const char* method) {
  return nb::hasattr(object, method) && nb::cast<bool>(object.attr(method)());
}

/// Refuses what an array's memory alone does not show: a torch tensor under autograd would lose its
/// gradient here without a word, a masked array its mask.
void check_whole(const std::string& name, nb::handle object) {
  if (is_torch_tensor(object)) {
    if (nb::hasattr(object, "requires_grad") && nb::cast<bool>(object.attr("requires_grad"))) {
      refuse_type(
          fmt::format("{} requires a gradient, which no function here records; expected "
                      "{}.detach(), or use lior.torch",
                      name, name));
    }
  } else if (is_of_class(object, {"MaskedArray"}) &&
             nb::cast<bool>(nb::module_::import_("numpy.ma").attr("is_masked")(object))) {
    refuse_type(
        fmt::format("{} has masked entries, which no function here leaves out; expected "
                    "{}.filled(value), or an array without a mask",
                    name, name));
  }
}

/// The same for an array that is written, whose memory must also be its numbers.
void check_writable(const std::string& name, nb::handle object) {
  check_whole(name, object);
  if (is_torch_tensor(object) && (says(object, "is_conj") || says(object, "is_neg"))) {
    refuse_type(fmt::format(
        "{} is a lazily conjugated or negated view; expected a tensor whose memory is its numbers",
        name));
  }
}

void check_device(const std::string& name, const dltensor& array) {
  if (array.device.device_type == nb::device::cpu::value) return;
  refuse_type(fmt::format("{} is on a device of DLPack's type {}; expected one in the CPU's memory",
                          name, array.device.device_type));
}

void check_dtype(const std::string& name, const dltensor& array, dtype wanted) {
  if (array.dtype == wanted) return;
  refuse_type(
      fmt::format("{} has dtype {}; expected {}", name, name_of(array.dtype), name_of(wanted)));
}

template <class From>
void narrow(const std::string& name, const std::byte* from, Index size, std::int32_t* to) {
  for (Index i = 0; i < size; ++i) {
    From value;
    std::memcpy(&value, from + i * static_cast<Index>(sizeof(From)), sizeof(From));
    LIOR_CHECK(std::in_range<std::int32_t>(value), "{} holds {}; expected numbers of 32 bits", name,
               value);
    to[i] = static_cast<std::int32_t>(value);
  }
}

void copy_items(const std::vector<Index>& shape, const std::vector<Index>& from_strides,
                const std::vector<Index>& to_strides, Index item, std::size_t axis,
                const std::byte* from, std::byte* to) {
  if (axis == shape.size()) {
    std::memcpy(to, from, static_cast<std::size_t>(item));
    return;
  }
  const Index from_step = from_strides[axis], to_step = to_strides[axis];
  const auto each = [&](auto copy_one) {
    for (Index i = 0; i < shape[axis]; ++i) copy_one(from + i * from_step, to + i * to_step);
  };
  if (axis + 1 < shape.size()) {
    each([&](const std::byte* f, std::byte* t) {
      copy_items(shape, from_strides, to_strides, item, axis + 1, f, t);
    });
  } else if (item == 4) {
    each([](const std::byte* f, std::byte* t) { std::memcpy(t, f, 4); });
  } else if (item == 8) {
    each([](const std::byte* f, std::byte* t) { std::memcpy(t, f, 8); });
  } else {
    each([item](const std::byte* f, std::byte* t) {
      std::memcpy(t, f, static_cast<std::size_t>(item));
    });
  }
}

}  // namespace

std::string name_of(dtype dtype) {
  using Code = nb::dlpack::dtype_code;
  const char* kind = "an unknown kind of ";
  switch (static_cast<Code>(dtype.code)) {
    case Code::Bool: return "bool";
    case Code::Int: kind = "int"; break;
    case Code::UInt: kind = "uint"; break;
    case Code::Float: kind = "float"; break;
    case Code::Bfloat: kind = "bfloat"; break;
    case Code::Complex: kind = "complex"; break;
    default: break;
  }
  return fmt::format("{}{}", kind, dtype.bits);
}

void know_numpy() {
  ndarray_class = nb::object(nb::module_::import_("numpy").attr("ndarray")).release();
}

nb::object array_for(nb::handle source, bool& untyped) noexcept {
  try {
    untyped = is_list(source);
    if (untyped) return as_numpy(source);
    if (is_torch_tensor(source)) {
      if (!says(source, "is_conj") && !says(source, "is_neg")) return {};
      return source.attr("detach")().attr("resolve_conj")().attr("resolve_neg")();
    }
    const bool lies_in_memory = nb::ndarray_check(source);
    return !lies_in_memory && nb::hasattr(source, "__array__") ? as_numpy(source) : nb::object();
  } catch (...) {  // of Python's: refuse_object says what
    return {};
  }
}

namespace {

/// The dtype that the memory has; TypeError where there is none to read.
dtype stored_dtype(const char* name, const Argument& argument) {
  if (argument.place != Place::object) return argument.tensor.dtype;
  if (!argument.array.is_valid()) {
    refuse_object(name, argument.object, "an array (NumPy's, or any that speaks DLPack)");
  }
  check_whole(name, argument.object);
  return argument.array.dtype();
}

/// The array, or of a list one of that dtype, where its numbers are real or the dtype is complex.
nb::ndarray<nb::ro> typed(const Argument& argument, dtype wanted) {
  using Code = nb::dlpack::dtype_code;
  const auto code = [](dtype type) { return static_cast<Code>(type.code); };
  const dtype stored = argument.array.dtype();
  const bool real = is_whole_number(stored) || code(stored) == Code::Float;
  const bool fits = code(wanted) == Code::Complex || (real && code(wanted) == Code::Float);
  if (!argument.untyped || stored == wanted || !fits) return argument.array;
  const nb::object made = as_numpy(argument.object).attr("astype")(name_of(wanted).c_str());
  return nb::cast<nb::ndarray<nb::ro>>(made);
}

}  // namespace

dtype dtype_of(const char* name, const Argument& argument) {
  const dtype stored = stored_dtype(name, argument);
  return argument.untyped && is_whole_number(stored) ? dtype_of<double>() : stored;
}

void refuse_dtype(const char* name, dtype came, const char* fits) {
  refuse_type(fmt::format("{} has dtype {}; expected {}", name, name_of(came), fits));
}

const Argument& NamedArguments::at(std::string_view name) const {
  for (const auto& [known, argument] : items) {
    if (known == name) return argument;
  }
  throw Error(fmt::format("parameters lack '{}'", name));
}

void Call::Copy::run() const {
  for (const Index extent : shape) {
    if (extent == 0) return;
  }
  copy_items(shape, from_strides, to_strides, item, 0, from, to);
}

Index Call::operator[](char letter) const {
  for (const Letter& known : letters_) {
    if (known.letter == letter) return known.size;
  }
  LIOR_ASSERT(false && "a letter that no input has bound");
  return -1;
}

/// "(8, N) with N = 3 as in x".
std::string Call::describe(Dims dims) const {
  std::string text = "(", known_text;
  for (std::size_t axis = 0; axis < dims.size(); ++axis) {
    const Dim& dim = dims[axis];
    text += axis == 0 ? "" : ", ";
    text += dim.letter != 0 ? std::string(1, dim.letter) : std::to_string(dim.size);
    for (const Letter& known : letters_) {
      if (known.letter != dim.letter) continue;
      known_text += fmt::format("{} {} = {} as in {}", known_text.empty() ? " with" : ",",
                                known.letter, known.size, known.source);
    }
  }
  return text + (dims.size() == 1 ? ",)" : ")") + known_text;
}

/// Binds the letters of `dims`, or throws.
void Call::fit(const std::string& name, const dltensor& array, Dims dims, Index* shape) {
  bool fits = array.ndim == static_cast<int>(dims.size());
  std::vector<Letter> fresh;
  for (std::size_t axis = 0; fits && axis < dims.size(); ++axis) {
    const Dim& dim = dims[axis];
    const Index extent = shape[axis] = array.shape[axis];
    Index expected = dim.size;
    if (dim.letter != 0) {
      expected = extent;
      bool known = false;
      for (const auto* list : {&letters_, &fresh}) {
        for (const Letter& letter : *list) {
          if (letter.letter == dim.letter) expected = letter.size, known = true;
        }
      }
      if (!known) fresh.push_back({dim.letter, extent, name});
    }
    fits = extent == expected;
  }
  LIOR_CHECK(fits, "{} has shape {}; expected {}", name,
             shape_text({array.shape, static_cast<std::size_t>(array.ndim)}), describe(dims));
  letters_.insert(letters_.end(), fresh.begin(), fresh.end());
}

const void* Call::input(const char* name, const Argument& argument, dtype dtype, Dims dims,
                        Index* shape) {
  stored_dtype(name, argument);
  place_ = std::max(place_, argument.place);
  dltensor store = argument.tensor;
  if (argument.place == Place::object) {
    kept_.push_back(typed(argument, dtype));
    tensor_of(kept_.back(), store);
  }
  const dltensor& array = store;
  check_device(name, array);
  check_dtype(name, array, dtype);
  fit(name, array, dims, shape);
  return packed_input(name, array);
}

/// Where the array lies, or where its items will lie packed when the kernel runs.
const void* Call::packed_input(const char* name, const dltensor& array) {
  const Index bytes = count(array) * item_size(array);
  if (is_direct(array)) {
    reads_.push_back({name, first_byte(array), first_byte(array) + bytes});
    return first_byte(array);
  }
  std::byte* packed = scratch_.emplace_back(bytes).data();
  before_.push_back({{array.shape, array.shape + array.ndim},
                     byte_strides(array),
                     packed_strides(array),
                     item_size(array),
                     first_byte(array),
                     packed});
  return packed;
}

std::span<const std::byte> Call::bytes(const char* name, const Argument& argument,
                                       std::vector<Index>& shape) {
  stored_dtype(name, argument);
  if (argument.untyped) {
    refuse_type(fmt::format("{} is a {}; expected an array, since its dtype is what is kept", name,
                            nb::inst_name(argument.object).c_str()));
  }
  kept_.push_back(argument.array);
  dltensor store;
  const dltensor& array = tensor_of(argument.array, store);
  check_device(name, array);
  shape.assign(array.shape, array.shape + array.ndim);
  return {static_cast<const std::byte*>(packed_input(name, array)),
          static_cast<std::size_t>(count(array) * item_size(array))};
}

const void* Call::integer_input(const char* name, const Argument& argument, Dims dims,
                                Index* shape) {
  const dtype came = stored_dtype(name, argument);
  if (came == dtype_of<std::int32_t>()) return input(name, argument, came, dims, shape);
  dltensor store;
  const dltensor& array = tensor_of(argument.array, store);
  check_device(name, array);
  fit(name, array, dims, shape);
  const Index size = count(array);
  Buffer<std::byte> packed(size * item_size(array));
  Copy{{array.shape, array.shape + array.ndim},
       byte_strides(array),
       packed_strides(array),
       item_size(array),
       first_byte(array),
       packed.data()}
      .run();
  auto* numbers = reinterpret_cast<std::int32_t*>(
      scratch_.emplace_back(size * static_cast<Index>(sizeof(std::int32_t))).data());
  const auto try_type = [&]<class From>(From) {
    if (came == dtype_of<From>()) narrow<From>(name, packed.data(), size, numbers);
    return came == dtype_of<From>();
  };
  const bool known = try_type(std::int64_t{}) || try_type(std::int16_t{}) ||
                     try_type(std::int8_t{}) || try_type(std::uint8_t{}) ||
                     try_type(std::uint16_t{}) || try_type(std::uint32_t{}) ||
                     try_type(std::uint64_t{});
  if (!known) refuse_dtype(name, came, "an integer dtype");
  return numbers;
}

/// Where the kernel writes (and with `read`, reads first) the array `given`.
void* Call::writable(const std::string& name, const Output& given, dtype dtype, Dims dims,
                     bool read, Index* shape) {
  if (given.place != Place::object) {
    check_dtype(name, given.tensor, dtype);
    fit(name, given.tensor, dims, shape);
    return first_byte(given.tensor);
  }
  const std::string module = nb::str(given.object.type().attr("__module__")).c_str();
  if (!given.array.is_valid() || module.starts_with("jax")) {
    refuse_object(name, given.object, "a writable array");
  }
  check_writable(name, given.object);
  dltensor store;
  const dltensor& array = tensor_of(given.array, store);
  check_device(name, array);
  check_dtype(name, array, dtype);
  fit(name, array, dims, shape);
  const bool empty = std::count(array.shape, array.shape + array.ndim, 0) > 0;
  for (int axis = 0; axis < array.ndim && !empty; ++axis) {
    LIOR_CHECK(array.strides[axis] != 0 || array.shape[axis] <= 1,
               "{} repeats its elements along axis {}; expected one with a place for each", name,
               axis);
  }
  const Index bytes = count(array) * item_size(array);
  if (is_direct(array)) {
    writes_.push_back({name, first_byte(array), first_byte(array) + bytes});
    return first_byte(array);
  }
  std::byte* packed = scratch_.emplace_back(bytes).data();
  const std::vector<Index> extents(array.shape, array.shape + array.ndim);
  const auto strides = byte_strides(array), packed_by = packed_strides(array);
  const Index item = item_size(array);
  if (read) before_.push_back({extents, strides, packed_by, item, first_byte(array), packed});
  after_.push_back({extents, packed_by, strides, item, packed, first_byte(array)});
  return packed;
}

void* Call::state_array(const char* name, const Output& given, dtype dtype, Dims dims,
                        Index* shape) {
  place_ = std::max(place_, given.place);
  void* const data = writable(name, given, dtype, dims, true, shape);
  states_.emplace_back(static_cast<std::byte*>(data), bytes_of(dtype, {shape, dims.size()}));
  return data;
}

std::vector<Buffer<std::byte>> Call::copies_of_states() const {
  std::vector<Buffer<std::byte>> copies;
  for (const std::span<std::byte> state : states_) {
    std::copy(state.begin(), state.end(), copies.emplace_back(std::ssize(state)).begin());
  }
  return copies;
}

void Call::put_back_states(const std::vector<Buffer<std::byte>>& copies) const {
  for (std::size_t i = 0; i < states_.size(); ++i) {
    std::copy(copies[i].begin(), copies[i].end(), states_[i].begin());
  }
}

void* Call::output(dtype dtype, Dims dims, Start start, Index* shape) {
  const std::size_t index = outputs_used_++;
  void* data = nullptr;
  if (!outputs_.given) {
    for (std::size_t axis = 0; axis < dims.size(); ++axis) {
      shape[axis] = dims[axis].letter != 0 ? (*this)[dims[axis].letter] : dims[axis].size;
    }
    if (outputs_.wanted != nullptr) {
      outputs_.wanted->push_back({dtype, {shape, shape + dims.size()}});
      return nullptr;
    }
    results_.push_back(new_array(dtype, {shape, dims.size()}, data));
  } else {
    LIOR_CHECK(index < outputs_.arrays.size(), "out has {} arrays; expected {} or more",
               outputs_.arrays.size(), index + 1);
    const Output& given = outputs_.arrays[index];
    data = writable(outputs_.sequence ? fmt::format("out[{}]", index) : "out", given, dtype, dims,
                    false, shape);
    if (given.place == Place::object) results_.push_back(nb::borrow(given.object));
  }
  if (start == Start::zeros) {
    std::memset(data, 0, bytes_of(dtype, {shape, dims.size()}));
  }
  return data;
}

void Call::check_count() const {
  LIOR_CHECK(!outputs_.given || outputs_.arrays.size() == outputs_used_,
             "out has {} arrays; expected {}", outputs_.arrays.size(), outputs_used_);
}

void Call::check_overlaps() const {
  check_count();
  const auto overlap = [](const Range& a, const Range& b) {
    return a.begin < b.end && b.begin < a.end;
  };
  for (std::size_t i = 0; i < writes_.size(); ++i) {
    const Range& write = writes_[i];
    for (std::size_t j = 0; j < i; ++j) {
      LIOR_CHECK(!overlap(write, writes_[j]), "{} and {} share memory; expected distinct arrays",
                 writes_[j].name, write.name);
    }
    for (const Range& read : reads_) {
      const bool same = read.begin == write.begin && read.end == write.end;
      LIOR_CHECK(
          !overlap(write, read) || (same && in_place_ == InPlace::allowed),
          "{} shares memory with {}; expected {}", write.name, read.name,
          in_place_ == InPlace::allowed ? "the same array or a distinct one" : "a distinct array");
    }
  }
}

nb::object Call::results() {
  if (results_.empty()) return nb::none();
  if (results_.size() == 1) return results_[0];
  nb::object tuple = nb::steal(PyTuple_New(static_cast<Py_ssize_t>(results_.size())));
  for (std::size_t i = 0; i < results_.size(); ++i) {
    PyTuple_SetItem(tuple.ptr(), static_cast<Py_ssize_t>(i), results_[i].release().ptr());
  }
  return tuple;
}

nb::object new_array(dtype dtype, std::span<const Index> shape, void*& data) {
  const std::vector<std::size_t> extents(shape.begin(), shape.end());
  data = ::operator new (std::max<std::size_t>(bytes_of(dtype, shape), 1),
                         std::align_val_t{kAlignment});
  const nb::capsule owner(data, [](void* memory) noexcept {
    ::operator delete (memory, std::align_val_t{kAlignment});
  });
  return nb::cast(nb::ndarray<nb::numpy>(data, extents.size(), extents.data(), owner, nullptr,
                                         dtype, nb::device::cpu::value));
}

std::string text_of(const char* what, nb::handle object) {
  if (!nb::isinstance<nb::str>(object)) {
    refuse_type(fmt::format("{} is a {}; expected a string", what, nb::inst_name(object).c_str()));
  }
  Py_ssize_t size = 0;
  const char* text = PyUnicode_AsUTF8AndSize(object.ptr(), &size);
  if (text == nullptr) {
    PyErr_Clear();
    throw Error(fmt::format("{} holds a letter without UTF-8; expected text that has one", what));
  }
  return {text, static_cast<std::size_t>(size)};
}

}  // namespace lior::python
