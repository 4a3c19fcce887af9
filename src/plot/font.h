// SPDX-License-Identifier: Apache-2.0
#pragma once
// Text as pixels: DejaVu Sans, drawn by stb_truetype.

#include <functional>
#include <string_view>

#include "lior/core/view.h"

namespace lior::plot {

/// Calls pixel(along, down, share) for all pixels that letters cover: `along` the line of text,
/// which begins at `begin`, and `down` from the baseline.
void for_text_pixels(std::string_view text, double size, double begin,
                     const std::function<void(Index along, Index down, double share)>& pixel);

}  // namespace lior::plot
