// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Named arrays in one file: the safetensors format, read with every check and written whole.
///
/// 8 bytes, little-endian: the length of the header; the header, a JSON object
///   {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end]}, ...,
///    "__metadata__": {"key": "text", ...}};
/// then the arrays, row-major, in the ranges that the header gives, counted from the header's end.

#include <complex>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "lior/core/buffer.h"
#include "lior/core/float16.h"
#include "lior/io/mapped_file.h"

namespace lior::io {

enum class DType { boolean, u8, i8, i16, u16, i32, u32, i64, u64, f16, bf16, f32, f64, c64 };

std::string_view name(DType dtype);  ///< as in the file: "BOOL", "F32", ...
Index bytes_per_element(DType dtype);

/// "[2, 3]", for messages.
std::string to_string(std::span<const Index> shape);

/// One array of an open file. `bytes` need not be aligned.
struct TensorInfo {
  DType dtype{};
  std::vector<Index> shape;
  std::span<const std::byte> bytes;
};

/// A file open for reading, mapped into memory.
///
/// `open` trusts nothing: the header's length fits and is at most 100 MB; the header is UTF-8 and a
/// JSON object without a name twice; dtypes are known; shape times element size does not overflow
/// and equals the range; ranges follow one another from 0 to the end of the file; metadata are
/// strings. Anything else is a lior::Error that names the file, the fault and what would be right.
///
/// `read` and its like convert to T:
/// - a floating T takes any real dtype, rounded to nearest;
/// - an integer T or bool takes integers and BOOL, and throws where a value does not fit;
/// - a complex T takes C64, or F32 and F64 whose last axis is 2 (re, im), which its shape drops:
///   that is how complex128 is stored;
/// - Float16 and BFloat16 take their own dtype only.
/// T: bool, [u]int8..64_t, Float16, BFloat16, float, double, std::complex<float or double>.
class SafeTensors {
 public:
  static SafeTensors open(const std::string& path);

  const std::string& path() const { return path_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  /// In the order of the file.
  const std::vector<std::string>& names() const { return names_; }
  bool contains(std::string_view name) const { return tensors_.find(name) != tensors_.end(); }
  /// Throws lior::Error that names the file and the tensor it lacks; so do all below.
  const TensorInfo& info(std::string_view name) const;

  /// All elements, in row-major order.
  template <class T>
  Buffer<T> read(std::string_view name) const;

  /// Throws also when the tensor's shape is not `shape`, and says both.
  template <class T, std::size_t Rank>
  Array<T, Rank> read_shaped(std::string_view name, const Shape<Rank>& shape) const {
    check_shape<T>(name, shape);
    Array<T, Rank> array(shape);
    fill<T>(name, array.span());
    return array;
  }

  /// Into an array of yours, which must have the tensor's shape.
  template <class T, std::size_t Rank>
  void read_into(std::string_view name, View<T, Rank> out) const {
    check_shape<T>(name, out.shape());
    fill<T>(name, out.span());
  }

 private:
  explicit SafeTensors(const std::string& path) : path_(path), file_(path) {}
  template <class T>
  void check_shape(std::string_view name, std::span<const Index> shape) const;
  template <class T>
  void fill(std::string_view name, std::span<T> out) const;

  std::string path_;
  MappedFile file_;
  std::map<std::string, std::string> metadata_;
  std::vector<std::string> names_;
  std::map<std::string, TensorInfo, std::less<>> tensors_;
};

/// One array to write; `bytes` belong to the caller.
struct NamedTensor {
  std::string name;
  TensorInfo info;
};

/// The array behind a view; complex<double> becomes F64 with a last axis of 2.
template <class T>
NamedTensor named_tensor(std::string name, std::span<const T> data, std::vector<Index> shape);
template <class T, std::size_t Rank>
NamedTensor named_tensor(std::string name, View<T, Rank> view) {
  return named_tensor<std::remove_const_t<T>>(std::move(name), view.span(),
                                              {view.shape().begin(), view.shape().end()});
}

/// Replaces `path` whole (AtomicFile, `like` too) by these arrays: wider element types first,
/// otherwise in the order given, so that each array lies on a multiple of its element's size.
///
/// Throws lior::Error for a name twice, a name that is reserved or not UTF-8, or bytes that are not
/// shape times element size; and as AtomicFile does.
void write_safetensors(const std::string& path, std::span<const NamedTensor> tensors,
                       const std::map<std::string, std::string>& metadata = {},
                       const std::string& like = {});

}  // namespace lior::io
