#include "lior/io/hdf5.h"

#include <hdf5.h>
#include <hdf5_hl.h>

#include <utility>

namespace lior::io {
namespace {

using Complex = std::complex<double>;

/// An HDF5 identifier and its close function.
class Handle {
 public:
  Handle() = default;
  Handle(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(close_, other.close_);
    return *this;
  }
  ~Handle() {
    if (id_ >= 0) close_(id_);
  }
  operator hid_t() const { return id_; }

 private:
  hid_t id_ = -1;
  herr_t (*close_)(hid_t) = nullptr;
};

/// The library prints its own error stacks unless told not to, and its clean-up at exit crashes
/// after a file that could not be written (1.10.8); our handles close all there is.
void be_quiet() {
  H5dont_atexit();
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

Handle complex_type() {
  Handle type(H5Tcreate(H5T_COMPOUND, sizeof(Complex)), H5Tclose);
  H5Tinsert(type, "r", 0, H5T_NATIVE_DOUBLE);
  H5Tinsert(type, "i", sizeof(double), H5T_NATIVE_DOUBLE);
  return type;
}

std::string to_text(std::span<const Index> shape) {
  std::string text = "[";
  for (const Index extent : shape) text += (text.size() > 1 ? ", " : "") + std::to_string(extent);
  return text + "]";
}

}  // namespace

struct Hdf5Series::State {
  std::string path;
  Handle file;

  /// Throws unless an HDF5 call went well.
  template <class Result>
  Result done(Result result, const char* what) const {
    if (result < 0) {
      throw RunError(fmt::format("{}: {} failed; is the disk full?", path, what));
    }
    return result;
  }
  Handle dataset(const std::string& name) const {
    Handle data(H5Dopen2(file, name.c_str(), H5P_DEFAULT), H5Dclose);
    LIOR_CHECK(data >= 0, "{}: has no data set {}", path, name);
    return data;
  }
  std::vector<hsize_t> shape_of(const Handle& data) const {
    const Handle space(H5Dget_space(data), H5Sclose);
    std::vector<hsize_t> shape(static_cast<std::size_t>(H5Sget_simple_extent_ndims(space)));
    H5Sget_simple_extent_dims(space, shape.data(), nullptr);
    return shape;
  }
  /// A data set that starts empty along its first axis; `shape` holds the rest of them.
  Handle add_growing(const std::string& name, hid_t type, std::vector<hsize_t> shape,
                     hsize_t chunk) {
    shape.insert(shape.begin(), 0);
    std::vector<hsize_t> most = shape, chunks = shape;
    most[0] = H5S_UNLIMITED;
    chunks[0] = chunk;
    const Handle space(H5Screate_simple(static_cast<int>(shape.size()), shape.data(), most.data()),
                       H5Sclose);
    const Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    H5Pset_chunk(properties, static_cast<int>(chunks.size()), chunks.data());
    Handle data(H5Dcreate2(file, name.c_str(), type, space, H5P_DEFAULT, properties, H5P_DEFAULT),
                H5Dclose);
    done(hid_t{data}, "making a data set");
    return data;
  }
  void append(const std::string& name, hid_t type, const void* numbers) {
    const Handle data = dataset(name);
    std::vector<hsize_t> shape = shape_of(data), first(shape.size(), 0);
    first[0] = shape[0]++;
    done(H5Dset_extent(data, shape.data()), "growing a data set");
    const Handle space(H5Dget_space(data), H5Sclose);
    shape[0] = 1;
    H5Sselect_hyperslab(space, H5S_SELECT_SET, first.data(), nullptr, shape.data(), nullptr);
    const Handle memory(H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr),
                        H5Sclose);
    done(H5Dwrite(data, type, memory, space, H5P_DEFAULT, numbers), "writing a frame");
  }
};

Hdf5Series::Hdf5Series(std::unique_ptr<State> state) : state_(std::move(state)) {}
Hdf5Series::Hdf5Series(Hdf5Series&&) noexcept = default;
Hdf5Series& Hdf5Series::operator=(Hdf5Series&&) noexcept = default;
Hdf5Series::~Hdf5Series() = default;

Hdf5Series Hdf5Series::create(const std::string& path) {
  be_quiet();
  auto state = std::make_unique<State>();
  state->path = path;
  state->file = Handle(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), H5Fclose);
  LIOR_CHECK(state->file >= 0, "{}: cannot be made; expected a folder that can be written to",
             path);
  return Hdf5Series(std::move(state));
}

Hdf5Series Hdf5Series::open(const std::string& path) {
  be_quiet();
  auto state = std::make_unique<State>();
  state->path = path;
  state->file = Handle(H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT), H5Fclose);
  LIOR_CHECK(state->file >= 0, "{}: is missing or no whole HDF5 file", path);
  return Hdf5Series(std::move(state));
}

void Hdf5Series::add_scale(const std::string& name, std::span<const double> values) {
  const hsize_t count = values.size();
  const Handle space(H5Screate_simple(1, &count, nullptr), H5Sclose);
  const Handle data(H5Dcreate2(state_->file, name.c_str(), H5T_IEEE_F64LE, space, H5P_DEFAULT,
                               H5P_DEFAULT, H5P_DEFAULT),
                    H5Dclose);
  state_->done(hid_t{data}, "making a data set");
  state_->done(H5Dwrite(data, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()),
               "writing an axis");
  state_->done(H5DSset_scale(data, name.c_str()), "naming an axis");
}

void Hdf5Series::add_growing_scale(const std::string& name) {
  const Handle data = state_->add_growing(name, H5T_IEEE_F64LE, {}, 1024);
  state_->done(H5DSset_scale(data, name.c_str()), "naming an axis");
}

void Hdf5Series::add_frames(const std::string& name, std::span<const Index> shape,
                            std::span<const std::string> scales,
                            std::span<const std::string> labels) {
  const Handle type = complex_type();
  const Handle data =
      state_->add_growing(name, type, std::vector<hsize_t>(shape.begin(), shape.end()), 1);
  for (unsigned axis = 0; axis < scales.size(); ++axis) {
    state_->done(H5DSset_label(data, axis, labels[axis].c_str()), "naming an axis");
    if (scales[axis].empty()) continue;
    state_->done(H5DSattach_scale(data, state_->dataset(scales[axis]), axis), "attaching an axis");
  }
}

void Hdf5Series::append(const std::string& name, double value) {
  state_->append(name, H5T_NATIVE_DOUBLE, &value);
}

void Hdf5Series::append(const std::string& name, std::span<const Complex> frame) {
  state_->append(name, complex_type(), frame.data());
}

void Hdf5Series::truncate(const std::string& name, Index count) {
  const Handle data = state_->dataset(name);
  std::vector<hsize_t> shape = state_->shape_of(data);
  LIOR_CHECK(shape[0] >= static_cast<hsize_t>(count), "{}: {} has {} frames; expected at least {}",
             state_->path, name, shape[0], count);
  shape[0] = static_cast<hsize_t>(count);
  state_->done(H5Dset_extent(data, shape.data()), "shortening a data set");
}

void Hdf5Series::flush() {
  state_->done(H5Fflush(state_->file, H5F_SCOPE_GLOBAL), "writing to the disk");
}

std::vector<Complex> read_hdf5(const std::string& path, const std::string& name,
                               std::span<const Index> shape) {
  be_quiet();
  const Handle file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose);
  LIOR_CHECK(file >= 0, "{}: is missing or no HDF5 file", path);
  const Handle data(H5Dopen2(file, name.c_str(), H5P_DEFAULT), H5Dclose);
  LIOR_CHECK(data >= 0, "{}: has no data set {}", path, name);
  const Handle space(H5Dget_space(data), H5Sclose);
  std::vector<hsize_t> found(static_cast<std::size_t>(H5Sget_simple_extent_ndims(space)));
  H5Sget_simple_extent_dims(space, found.data(), nullptr);
  const std::vector<Index> extents(found.begin(), found.end());
  LIOR_CHECK(std::equal(extents.begin(), extents.end(), shape.begin(), shape.end()),
             "{}: {} has shape {}; expected {}", path, name, to_text(extents), to_text(shape));

  Index count = 1;
  for (const Index extent : shape) count *= extent;
  std::vector<Complex> out(static_cast<std::size_t>(count));
  const Handle type(H5Dget_type(data), H5Tclose);
  const H5T_class_t kind = H5Tget_class(type);
  herr_t status = -1;
  if (kind == H5T_COMPOUND) {
    status = H5Dread(data, complex_type(), H5S_ALL, H5S_ALL, H5P_DEFAULT, out.data());
  } else if (kind == H5T_FLOAT || kind == H5T_INTEGER) {
    std::vector<double> reals(out.size());
    status = H5Dread(data, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, reals.data());
    std::copy(reals.begin(), reals.end(), out.begin());
  }
  LIOR_CHECK(status >= 0, "{}: {} holds neither real nor complex (r, i) numbers", path, name);
  return out;
}

}  // namespace lior::io
