// SPDX-License-Identifier: Apache-2.0
// In place of png.cpp where liblior is built without libpng.
#include <fmt/core.h>

#include "lior/core/error.h"
#include "lior/io/png.h"

namespace lior::io {
namespace {

[[noreturn]] void refuse(const std::string& path) {
  throw RunError(
      fmt::format("{}: this lior is built without libpng; configure it with -DLIOR_PNG=ON", path));
}

}  // namespace

std::string png_library() { return "no libpng"; }

void write_png(const std::string& path, View<const std::uint8_t, 3>) { refuse(path); }
Array<std::uint8_t, 3> read_png(const std::string& path) { refuse(path); }

}  // namespace lior::io
