// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <filesystem>
#include <limits>
#include <optional>

#include "io/file_descriptor.h"
#include "io/hdf5_handle.h"
#include "lior/core/checked.h"
#include "lior/core/text.h"
#include "lior/io/hdf5.h"

namespace lior::io {
namespace {

using Complex = std::complex<double>;

constexpr hsize_t kMostChunkBytes = hsize_t{256} << 20;

std::string to_text(std::span<const Index> shape) {
  std::string text = "[";
  for (const Index extent : shape) text += (text.size() > 1 ? ", " : "") + std::to_string(extent);
  return text + "]";
}

/// IEEE's half precision, which the library has no name for.
Handle half_type() {
  Handle type(H5Tcopy(H5T_IEEE_F32LE), H5Tclose);
  H5Tset_fields(type, 15, 10, 5, 0, 10);
  H5Tset_size(type, 2);
  H5Tset_ebias(type, 15);
  return type;
}

/// Only types whose every detail is known: an odd one may make the library's conversion read
/// outside of its bytes.
bool is_plain_float(hid_t type) {
  const Handle half = half_type();
  for (const hid_t known :
       {hid_t{half}, H5T_IEEE_F32LE, H5T_IEEE_F32BE, H5T_IEEE_F64LE, H5T_IEEE_F64BE}) {
    if (H5Tequal(type, known) > 0) return true;
  }
  return false;
}

bool is_plain_integer(hid_t type) {
  for (const hid_t known :
       {H5T_STD_I8LE, H5T_STD_I16LE, H5T_STD_I32LE, H5T_STD_I64LE, H5T_STD_U8LE, H5T_STD_U16LE,
        H5T_STD_U32LE, H5T_STD_U64LE, H5T_STD_I8BE, H5T_STD_I16BE, H5T_STD_I32BE, H5T_STD_I64BE,
        H5T_STD_U8BE, H5T_STD_U16BE, H5T_STD_U32BE, H5T_STD_U64BE}) {
    if (H5Tequal(type, known) > 0) return true;
  }
  return false;
}

std::string member_name(hid_t type, unsigned member) {
  const std::unique_ptr<char, void (*)(char*)> name(H5Tget_member_name(type, member),
                                                    [](char* text) { H5free_memory(text); });
  return name ? name.get() : "";
}

Handle open_file(const std::string& path) {
  be_quiet();
  LIOR_CHECK(std::filesystem::is_regular_file(path), "{}: is missing or no HDF5 file",
             shown_path(path));
  Handle file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose);
  if (file >= 0) return file;
  const std::string reason = failure_reason();
  LIOR_CHECK(reason != error_text(EWOULDBLOCK),
             "{}: is open in another program, which may be writing it; close it there first",
             shown_path(path));
  throw Error(fmt::format("{}: is missing or no HDF5 file ({})", shown_path(path), reason));
}

/// The names in a file's root.
std::vector<std::string> names_in(hid_t file) {
  std::vector<std::string> names;
  const auto add = [](hid_t, const char* name, const H5L_info_t*, void* all) -> herr_t {
    static_cast<std::vector<std::string>*>(all)->emplace_back(name);
    return 0;
  };
  H5Literate(file, H5_INDEX_NAME, H5_ITER_INC, nullptr, add, &names);
  return names;
}

/// One data set of a file, checked step by step before anything is read.
class DataSet {
 public:
  /// Of that shape; of any length along one axis without it.
  DataSet(hid_t file, const std::string& path, const std::string& name,
          std::optional<std::span<const Index>> shape)
      : where_(shown_path(path) + ": " + shown(name)) {
    open_data(file, path, name);
    check_extents(shape);
    check_storage();
    type_ = Handle(H5Dget_type(data_), H5Tclose);
  }

  Index count() const { return count_; }
  bool is_real() const { return is_plain_float(type_) || is_plain_integer(type_); }

  /// The type in memory of a compound (r, i), (real, imag) or (re, im).
  Handle complex_type() const {
    const auto refuse = [&](const std::string& found) {
      throw Error(fmt::format(
          "{} holds {}; expected real numbers, or complex ones as a compound of two floating-point "
          "numbers named (r, i), (real, imag) or (re, im)",
          where_, found));
    };
    if (H5Tget_class(type_) != H5T_COMPOUND) refuse("neither real nor complex numbers");
    const int members = H5Tget_nmembers(type_);
    if (members != 2) refuse(fmt::format("a compound of {} members", members));
    constexpr const char* kNames[][2] = {{"r", "i"}, {"real", "imag"}, {"re", "im"}};
    const std::string first = member_name(type_, 0), second = member_name(type_, 1);
    for (const auto& [re, im] : kNames) {
      if (first != re || second != im) continue;
      for (const unsigned member : {0u, 1u}) {
        const Handle part(H5Tget_member_type(type_, member), H5Tclose);
        if (!is_plain_float(part))
          refuse(fmt::format("a compound ({}, {}) of other types", re, im));
      }
      Handle memory(H5Tcreate(H5T_COMPOUND, sizeof(Complex)), H5Tclose);
      H5Tinsert(memory, re, 0, H5T_NATIVE_DOUBLE);
      H5Tinsert(memory, im, sizeof(double), H5T_NATIVE_DOUBLE);
      return memory;
    }
    refuse(fmt::format("a compound ({}, {})", shown(first, 40), shown(second, 40)));
    return {};
  }

  void check_real() const {
    LIOR_CHECK(is_real(), "{} holds something else than real numbers; expected those", where_);
  }

  void read(hid_t memory_type, void* out) const {
    LIOR_CHECK(H5Dread(data_, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, out) >= 0,
               "{} cannot be read: {}", where_, failure_reason());
  }
  std::vector<double> reals() const {
    std::vector<double> numbers(static_cast<std::size_t>(count_));
    read(H5T_NATIVE_DOUBLE, numbers.data());
    return numbers;
  }
  const std::string& where() const { return where_; }

 private:
  void open_data(hid_t file, const std::string& path, const std::string& name) {
    H5L_info_t link{};
    LIOR_CHECK(H5Lget_info(file, name.c_str(), &link, H5P_DEFAULT) >= 0, "{}: has no data set {}",
               shown_path(path), shown(name));
    LIOR_CHECK(link.type == H5L_TYPE_HARD,
               "{} is a link to elsewhere; expected a data set in the file itself", where_);
    H5O_info_t object{};
    LIOR_CHECK(
        H5Oget_info_by_name2(file, name.c_str(), &object, H5O_INFO_BASIC, H5P_DEFAULT) >= 0 &&
            object.type == H5O_TYPE_DATASET,
        "{} is no data set", where_);
    data_ = Handle(H5Dopen2(file, name.c_str(), H5P_DEFAULT), H5Dclose);
    LIOR_CHECK(data_ >= 0, "{} cannot be opened: {}", where_, failure_reason());
  }
  void check_extents(std::optional<std::span<const Index>> shape) {
    const std::string expected = shape ? to_text(*shape) : "[N]";
    const Handle space(H5Dget_space(data_), H5Sclose);
    const int rank = H5Sget_simple_extent_ndims(space);
    LIOR_CHECK(H5Sget_simple_extent_type(space) == H5S_SIMPLE && rank >= 1,
               "{} is no array; expected shape {}", where_, expected);
    std::vector<hsize_t> found(static_cast<std::size_t>(rank));
    H5Sget_simple_extent_dims(space, found.data(), nullptr);
    std::vector<Index> extents;
    for (const hsize_t extent : found) {
      extents.push_back(
          static_cast<Index>(std::min<hsize_t>(extent, std::numeric_limits<Index>::max())));
    }
    LIOR_CHECK(shape ? std::ranges::equal(extents, *shape) : rank == 1,
               "{} has shape {}; expected {}", where_, to_text(extents), expected);
    count_ = 1;
    for (const Index extent : extents) count_ = checked_product(count_, extent, "numbers");
  }
  void check_storage() const {
    const Handle properties(H5Dget_create_plist(data_), H5Pclose);
    LIOR_CHECK(H5Pget_external_count(properties) == 0,
               "{} is stored in another file; expected a data set in the file itself", where_);
    const H5D_layout_t layout = H5Pget_layout(properties);
    LIOR_CHECK(layout == H5D_COMPACT || layout == H5D_CONTIGUOUS || layout == H5D_CHUNKED,
               "{} is a virtual data set; expected a data set in the file itself", where_);
    const int filters = H5Pget_nfilters(properties);
    for (int k = 0; k < filters; ++k) {
      unsigned flags = 0;
      std::size_t values = 0;
      const H5Z_filter_t filter = H5Pget_filter2(properties, static_cast<unsigned>(k), &flags,
                                                 &values, nullptr, 0, nullptr, nullptr);
      LIOR_CHECK(filter == H5Z_FILTER_DEFLATE || filter == H5Z_FILTER_SHUFFLE ||
                     filter == H5Z_FILTER_FLETCHER32,
                 "{} passes through filter {}; expected none but deflate, shuffle and fletcher32",
                 where_, filter);
    }
    if (layout == H5D_CHUNKED) {
      std::array<hsize_t, H5S_MAX_RANK> chunk{};
      const int rank = H5Pget_chunk(properties, H5S_MAX_RANK, chunk.data());
      const Handle type(H5Dget_type(data_), H5Tclose);
      hsize_t bytes = H5Tget_size(type);
      for (int axis = 0; axis < rank; ++axis) {
        bytes = std::min(bytes * std::min(chunk[axis], kMostChunkBytes + 1), kMostChunkBytes + 1);
      }
      LIOR_CHECK(bytes <= kMostChunkBytes || 32 * static_cast<hsize_t>(count_) > kMostChunkBytes,
                 "{} has chunks that are larger than itself; expected at most {} bytes", where_,
                 kMostChunkBytes);
    }
  }

  std::string where_;
  Handle data_, type_;
  Index count_ = 0;
};

}  // namespace

std::vector<Complex> read_hdf5(const std::string& path, const std::string& name,
                               std::span<const Index> shape) {
  const Handle file = open_file(path);
  const DataSet data(file, path, name, shape);
  if (data.is_real()) {
    const auto reals = data.reals();
    return {reals.begin(), reals.end()};
  }
  const Handle memory = data.complex_type();
  std::vector<Complex> out(static_cast<std::size_t>(data.count()));
  data.read(memory, out.data());
  return out;
}

std::vector<double> read_hdf5_real(const std::string& path, const std::string& name,
                                   std::span<const Index> shape) {
  const Handle file = open_file(path);
  const DataSet data(file, path, name, shape);
  data.check_real();
  return data.reals();
}

bool hdf5_has(const std::string& path, const std::string& name) {
  const Handle file = open_file(path);
  return H5Lexists(file, name.c_str(), H5P_DEFAULT) > 0;
}

Table read_hdf5_table(const std::string& path) {
  const Handle file = open_file(path);
  Table table{names_in(file), {}};
  LIOR_CHECK(!table.columns.empty(), "{}: has no data sets; expected one a column",
             shown_path(path));
  const std::size_t width = table.columns.size();
  Index rows = 0;
  for (std::size_t k = 0; k < width; ++k) {
    const DataSet data(file, path, table.columns[k], {});
    data.check_real();
    if (k == 0) {
      rows = data.count();
      table.numbers.resize(
          static_cast<std::size_t>(checked_product(rows, static_cast<Index>(width), "numbers")));
    }
    LIOR_CHECK(data.count() == rows, "{} has {} rows; expected {}, as {} has", data.where(),
               data.count(), rows, shown(table.columns[0]));
    const std::vector<double> column = data.reals();
    for (std::size_t n = 0; n < column.size(); ++n) {
      LIOR_CHECK(std::isfinite(column[n]), "{} is {} in row {}; expected a finite number",
                 data.where(), column[n], n);
      table.numbers[n * width + k] = column[n];
    }
  }
  return table;
}

}  // namespace lior::io
