// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <hdf5_hl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <map>

#include "io/file_descriptor.h"
#include "io/hdf5_handle.h"
#include "lior/io/hdf5.h"

namespace lior::io {
namespace {

using Complex = std::complex<double>;

constexpr hsize_t kChunkBytes = 128 << 10;  ///< a chunk holds as many frames as that, at most 64
constexpr hsize_t kMostFramesInChunk = 64;
constexpr hsize_t kMostFrameBytes = (hsize_t{1} << 32) - 1;

Handle complex_type() {
  Handle type(H5Tcreate(H5T_COMPOUND, sizeof(Complex)), H5Tclose);
  H5Tinsert(type, "r", 0, H5T_NATIVE_DOUBLE);
  H5Tinsert(type, "i", sizeof(double), H5T_NATIVE_DOUBLE);
  return type;
}

std::uint64_t hash_of(std::span<const Complex> frame) {
  const auto* numbers = reinterpret_cast<const double*>(frame.data());
  std::uint64_t hash = frame.size();
  for (std::size_t k = 0; k < 2 * frame.size(); ++k) {
    hash = (hash ^ std::bit_cast<std::uint64_t>(numbers[k])) * 0x9e3779b97f4a7c15;
    hash ^= hash >> 32;
  }
  return hash;
}

/// A data set that grows along its first axis, kept open: what its closing would report is asked
/// for by flushes instead.
struct Growing {
  Handle data, type;
  std::vector<hsize_t> shape;  ///< now
  hsize_t chunk = 1;           ///< frames
  hsize_t frame_bytes = 0;
  std::uint64_t chunk_offset = 0;  ///< of the chunk that holds the last frame
};

}  // namespace

struct Hdf5Series::State {
  std::string path;
  Handle file;
  std::map<std::string, Growing> growing;  // closed before the file

  /// Throws unless an HDF5 call went well.
  template <class Result>
  Result done(Result result, const char* what) const {
    if (result < 0) throw RunError(fmt::format("{}: {} failed: {}", path, what, failure_reason()));
    return result;
  }
  Growing& series(const std::string& name) {
    const auto found = growing.find(name);
    LIOR_CHECK(found != growing.end(), "{}: has no series {}", path, name);
    return found->second;
  }
  /// A data set that starts empty along its first axis; `shape` holds the rest of them.
  Growing& add_growing(const std::string& name, Handle type, std::vector<hsize_t> shape,
                       hsize_t chunk) {
    Growing made;
    made.type = std::move(type);
    made.chunk = chunk;
    made.frame_bytes = H5Tget_size(made.type);
    for (const hsize_t extent : shape) made.frame_bytes *= extent;
    shape.insert(shape.begin(), 0);
    std::vector<hsize_t> most = shape, chunks = shape;
    most[0] = H5S_UNLIMITED;
    chunks[0] = chunk;
    const Handle space(H5Screate_simple(static_cast<int>(shape.size()), shape.data(), most.data()),
                       H5Sclose);
    const Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    H5Pset_chunk(properties, static_cast<int>(chunks.size()), chunks.data());
    made.data = Handle(
        H5Dcreate2(file, name.c_str(), made.type, space, H5P_DEFAULT, properties, H5P_DEFAULT),
        H5Dclose);
    done(hid_t{made.data}, "making a data set");
    made.shape = std::move(shape);
    return growing.insert_or_assign(name, std::move(made)).first->second;
  }
  void append(Growing& to, const void* numbers) {
    std::vector<hsize_t> first(to.shape.size(), 0), one = to.shape;
    first[0] = to.shape[0]++;
    one[0] = 1;
    done(H5Dset_extent(to.data, to.shape.data()), "growing a data set");
    const Handle space(H5Dget_space(to.data), H5Sclose);
    H5Sselect_hyperslab(space, H5S_SELECT_SET, first.data(), nullptr, one.data(), nullptr);
    const Handle memory(H5Screate_simple(static_cast<int>(one.size()), one.data(), nullptr),
                        H5Sclose);
    done(H5Dwrite(to.data, to.type, memory, space, H5P_DEFAULT, numbers), "writing a frame");
  }
  /// Where the last frame lies. The library goes through all chunks to say where one is, so it is
  /// asked once a chunk.
  std::uint64_t last_offset(Growing& of) const {
    const hsize_t frame = of.shape[0] - 1, in_chunk = frame % of.chunk;
    if (in_chunk == 0) {
      std::vector<hsize_t> corner(of.shape.size(), 0);
      corner[0] = frame;
      unsigned filters = 0;
      haddr_t address = HADDR_UNDEF;
      hsize_t size = 0;
      done(H5Dget_chunk_info_by_coord(of.data, corner.data(), &filters, &address, &size),
           "writing a frame");
      of.chunk_offset = address;
    }
    return of.chunk_offset + in_chunk * of.frame_bytes;
  }
};

Hdf5Series::Hdf5Series(const std::string& path, const std::string& like)
    : state_(std::make_unique<State>()) {
  be_quiet();
  state_->path = path;
  const auto permissions = permissions_of(like.empty() ? path : like);
  ::unlink(path.c_str());  // and EXCL below: a link that somebody left here is not followed
  state_->file = Handle(H5Fcreate(path.c_str(), H5F_ACC_EXCL, H5P_DEFAULT, H5P_DEFAULT), H5Fclose);
  LIOR_CHECK(state_->file >= 0, "{}: cannot be made ({}); expected a folder that can be written to",
             path, failure_reason());
  if (permissions) (void)::chmod(path.c_str(), *permissions);  // a wish, as of an AtomicFile
}

Hdf5Series::Hdf5Series(Hdf5Series&&) noexcept = default;
Hdf5Series& Hdf5Series::operator=(Hdf5Series&&) noexcept = default;
Hdf5Series::~Hdf5Series() = default;

void Hdf5Series::add_scale(const std::string& name, std::span<const double> values) {
  const hsize_t count = values.size();
  const Handle space(H5Screate_simple(1, &count, nullptr), H5Sclose);
  Handle data(H5Dcreate2(state_->file, name.c_str(), H5T_IEEE_F64LE, space, H5P_DEFAULT,
                         H5P_DEFAULT, H5P_DEFAULT),
              H5Dclose);
  state_->done(hid_t{data}, "making a data set");
  state_->done(H5Dwrite(data, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()),
               "writing an axis");
  state_->done(H5DSset_scale(data, name.c_str()), "naming an axis");
  state_->done(data.close() ? 0 : -1, "writing an axis");
}

void Hdf5Series::add_growing_scale(const std::string& name) {
  Growing& scale = state_->add_growing(name, Handle(H5Tcopy(H5T_IEEE_F64LE), H5Tclose), {}, 1024);
  state_->done(H5DSset_scale(scale.data, name.c_str()), "naming an axis");
}

void Hdf5Series::add_frames(const std::string& name, std::span<const Index> shape,
                            std::span<const std::string> scales,
                            std::span<const std::string> labels) {
  hsize_t bytes = sizeof(Complex);
  for (const Index extent : shape) bytes *= static_cast<hsize_t>(extent);
  LIOR_CHECK(
      bytes <= kMostFrameBytes,
      "{}: a frame has {} bytes; HDF5 keeps less than {} in one piece: choose a smaller grid",
      state_->path, bytes, kMostFrameBytes + 1);
  const hsize_t chunk = std::clamp<hsize_t>(kChunkBytes / bytes, 1, kMostFramesInChunk);
  const Growing& frames = state_->add_growing(
      name, complex_type(), std::vector<hsize_t>(shape.begin(), shape.end()), chunk);
  for (unsigned axis = 0; axis < scales.size(); ++axis) {
    state_->done(H5DSset_label(frames.data, axis, labels[axis].c_str()), "naming an axis");
    if (scales[axis].empty()) continue;
    const Handle scale(H5Dopen2(state_->file, scales[axis].c_str(), H5P_DEFAULT), H5Dclose);
    state_->done(H5DSattach_scale(frames.data, scale, axis), "attaching an axis");
  }
}

void Hdf5Series::append(const std::string& name, double value) {
  state_->append(state_->series(name), &value);
}

FramePlace Hdf5Series::append(const std::string& name, std::span<const Complex> frame) {
  Growing& to = state_->series(name);
  LIOR_CHECK(frame.size_bytes() == to.frame_bytes, "{}: a frame of {} has {} bytes; expected {}",
             state_->path, name, frame.size_bytes(), to.frame_bytes);
  state_->append(to, frame.data());
  return {.offset = state_->last_offset(to), .hash = hash_of(frame)};
}

void Hdf5Series::sync() {
  state_->done(H5Fflush(state_->file, H5F_SCOPE_GLOBAL), "writing");
  void* descriptor = nullptr;
  state_->done(H5Fget_vfd_handle(state_->file, H5P_DEFAULT, &descriptor), "writing");
  if (::fsync(*static_cast<int*>(descriptor)) != 0) {
    throw RunError(fmt::format("{}: syncing failed: {}", state_->path, error_text(errno)));
  }
}

void Hdf5Series::close() {
  sync();
  bool closed = true;
  for (auto& [name, series] : state_->growing) closed = series.data.close() && closed;
  closed = state_->file.close() && closed;
  state_->done(closed ? 0 : -1, "closing");
}

RawFrames::RawFrames(const std::string& path)
    : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
  if (descriptor_ >= 0 && ::flock(descriptor_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    ::close(descriptor_);
    throw RunError(fmt::format("{}: is open in another program; close it there first", path));
  }
}

RawFrames::~RawFrames() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

bool RawFrames::read(const FramePlace& place, std::span<Complex> frame) const {
  const auto bytes = std::as_writable_bytes(frame);
  for (std::size_t at = 0; at < bytes.size();) {
    const auto got = ::pread(descriptor_, bytes.data() + at, bytes.size() - at,
                             static_cast<off_t>(place.offset + at));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    at += static_cast<std::size_t>(got);
  }
  return hash_of(frame) == place.hash;
}

}  // namespace lior::io
