// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Pictures as a film, by ffmpeg where it is installed.

#include <string>

#include "lior/core/view.h"

namespace lior::app {

/// Throws lior::Error unless a program ffmpeg is on the PATH and `file` can be written to.
void check_movie(const std::string& file);

/// `file` from the pictures 000000.png, 000001.png, ... of `folder`, `count` of them, in about ten
/// seconds; its ending says which format (.mp4, .gif, .webm). An older file is replaced. Throws
/// lior::RunError with what ffmpeg said where it fails.
void write_movie(const std::string& folder, Index count, const std::string& file);

}  // namespace lior::app
