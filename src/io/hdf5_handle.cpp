// SPDX-License-Identifier: Apache-2.0
#include "io/hdf5_handle.h"

#include <fmt/core.h>

#include <string_view>

#include "lior/io/hdf5.h"

namespace lior::io {
namespace {

struct Reason {
  std::string system, library;
};

/// Innermost first. A driver's line ends "..., errno = 28, error message = 'No space left ...',
/// ...".
herr_t collect(unsigned, const H5E_error2_t* error, void* data) {
  auto& reason = *static_cast<Reason*>(data);
  const std::string_view text = error->desc ? error->desc : "";
  if (reason.library.empty()) reason.library = text;
  constexpr std::string_view kMark = "error message = '";
  const auto begin = text.find(kMark);
  if (reason.system.empty() && begin != std::string_view::npos) {
    const std::string_view rest = text.substr(begin + kMark.size());
    reason.system = rest.substr(0, rest.find('\''));
  }
  return 0;
}

}  // namespace

std::string hdf5_library() {
  unsigned major = 0, minor = 0, patch = 0;
  H5get_libversion(&major, &minor, &patch);
  return fmt::format("HDF5 {}.{}.{}", major, minor, patch);
}

void be_quiet() {
  H5dont_atexit();
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

std::string failure_reason() {
  Reason reason;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, collect, &reason);
  if (!reason.system.empty()) return reason.system;
  return reason.library.empty() ? "HDF5 gives no reason" : "HDF5: " + reason.library;
}

}  // namespace lior::io
