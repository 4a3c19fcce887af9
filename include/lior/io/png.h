// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Pictures as PNG files. A liblior that was configured with LIOR_PNG=OFF throws lior::RunError,
/// which says so.

#include <string>

#include "lior/core/buffer.h"

namespace lior::io {

/// "libpng 1.6.39", or "no libpng".
std::string png_library();

/// Writes (and replaces whole) an 8-bit RGB picture. pixels: [height, width, 3], top row first.
///
/// Throws lior::Error when the picture is empty or its folder is missing, lior::RunError when
/// writing fails (a full disk).
void write_png(const std::string& path, View<const std::uint8_t, 3> pixels);

/// The picture in a file: [height, width, 3], top row first; of any depth and colour type, read as
/// 8-bit RGB, transparent parts on black. Throws lior::Error that names the file when it is
/// missing, is no PNG or is damaged, or has more than 2^28 pixels.
Array<std::uint8_t, 3> read_png(const std::string& path);

}  // namespace lior::io
