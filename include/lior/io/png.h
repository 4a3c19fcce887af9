// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Pictures as PNG files.

#include <string>

#include "lior/core/view.h"

namespace lior::io {

/// Writes (and replaces whole) an 8-bit RGB picture. pixels: [height, width, 3], top row first.
///
/// Throws lior::Error when the picture is empty or its folder is missing, lior::RunError when
/// writing fails (a full disk).
void write_png(const std::string& path, View<const std::uint8_t, 3> pixels);

}  // namespace lior::io
