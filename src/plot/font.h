// SPDX-License-Identifier: Apache-2.0
#pragma once
// Letters of 5 x 7 dots.

#include <array>
#include <cstdint>

namespace lior::plot {

inline constexpr int kGlyphWidth = 5, kGlyphHeight = 7;

/// Rows from the top, five bits each, the leftmost highest. Capitals are lower case; what has no
/// glyph is a box.
const std::array<std::uint8_t, kGlyphHeight>& glyph(char letter);

}  // namespace lior::plot
