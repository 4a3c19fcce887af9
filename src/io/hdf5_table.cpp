// SPDX-License-Identifier: Apache-2.0
#include "io/hdf5_handle.h"
#include "lior/core/error.h"
#include "lior/io/hdf5.h"

namespace lior::io {
namespace {

/// Throws unless an HDF5 call went well.
template <class Result>
Result done(Result result, const char* what) {
  if (result < 0) throw RunError(fmt::format("{} failed: {}", what, failure_reason()));
  return result;
}

/// Bytes whose values have these names.
Handle enumeration(std::span<const std::string> words) {
  Handle type(H5Tenum_create(H5T_STD_U8LE), H5Tclose);
  for (std::size_t k = 0; k < words.size(); ++k) {
    const auto value = static_cast<unsigned char>(k);
    done(H5Tenum_insert(type, words[k].c_str(), &value), "naming a value");
  }
  return type;
}

void write_column(hid_t file, const Hdf5Column& column) {
  const hsize_t rows = column.numbers.size();
  const Handle space(H5Screate_simple(1, &rows, nullptr), H5Sclose);
  const Handle type =
      column.words.empty() ? Handle(H5Tcopy(H5T_IEEE_F64LE), H5Tclose) : enumeration(column.words);
  const Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_obj_track_times(properties, false);  // the same bytes at any time
  const Handle data(
      H5Dcreate2(file, column.name.c_str(), type, space, H5P_DEFAULT, properties, H5P_DEFAULT),
      H5Dclose);
  done(hid_t{data}, "making a data set");
  if (column.words.empty()) {
    done(H5Dwrite(data, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, column.numbers.data()),
         "writing a data set");
    return;
  }
  const std::vector<unsigned char> places(column.numbers.begin(), column.numbers.end());
  done(H5Dwrite(data, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, places.data()), "writing a data set");
}

}  // namespace

std::string hdf5_table(std::span<const Hdf5Column> columns) {
  constexpr std::size_t kGrowth = 1 << 20;
  be_quiet();
  const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  done(H5Pset_fapl_core(access, kGrowth, false), "making a file in memory");
  const Handle file(H5Fcreate("table", H5F_ACC_TRUNC, H5P_DEFAULT, access), H5Fclose);
  done(hid_t{file}, "making a file in memory");
  for (const Hdf5Column& column : columns) write_column(file, column);
  done(H5Fflush(file, H5F_SCOPE_GLOBAL), "making a file in memory");
  const auto size = done(H5Fget_file_image(file, nullptr, 0), "making a file in memory");
  std::string bytes(static_cast<std::size_t>(size), '\0');
  done(H5Fget_file_image(file, bytes.data(), bytes.size()), "making a file in memory");
  return bytes;
}

}  // namespace lior::io
