// SPDX-License-Identifier: Apache-2.0
// In place of hdf5_*.cpp where liblior is built without HDF5.
#include <fmt/core.h>

#include "lior/core/error.h"
#include "lior/io/hdf5.h"

namespace lior::io {
namespace {

[[noreturn]] void refuse(const std::string& path) {
  throw RunError(
      fmt::format("{}: this lior is built without HDF5; configure it with -DLIOR_HDF5=ON", path));
}

}  // namespace

std::string hdf5_library() { return "no HDF5"; }

struct Hdf5Series::State {};

Hdf5Series::Hdf5Series(const std::string& path, const std::string&) { refuse(path); }
Hdf5Series::Hdf5Series(Hdf5Series&&) noexcept = default;
Hdf5Series& Hdf5Series::operator=(Hdf5Series&&) noexcept = default;
Hdf5Series::~Hdf5Series() = default;
// There is no series to call these of.
void Hdf5Series::add_scale(const std::string&, std::span<const double>) {}
void Hdf5Series::add_growing_scale(const std::string&) {}
void Hdf5Series::add_frames(const std::string&, std::span<const Index>,
                            std::span<const std::string>, std::span<const std::string>) {}
void Hdf5Series::append(const std::string&, double) {}
FramePlace Hdf5Series::append(const std::string&, std::span<const std::complex<double>>) {
  return {};
}
void Hdf5Series::sync() {}
void Hdf5Series::close() {}

RawFrames::RawFrames(const std::string& path) : descriptor_(-1) { refuse(path); }
RawFrames::~RawFrames() = default;
bool RawFrames::read(const FramePlace&, std::span<std::complex<double>>) const { return false; }

std::vector<std::complex<double>> read_hdf5(const std::string& path, const std::string&,
                                            std::span<const Index>) {
  refuse(path);
}
std::vector<double> read_hdf5_real(const std::string& path, const std::string&,
                                   std::span<const Index>) {
  refuse(path);
}
bool hdf5_has(const std::string& path, const std::string&) { refuse(path); }
Table read_hdf5_table(const std::string& path) { refuse(path); }
std::string hdf5_table(std::span<const Hdf5Column>) { refuse("a table as HDF5"); }

}  // namespace lior::io
