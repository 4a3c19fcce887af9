// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A field as a picture.

#include "lior/field/grid.h"

namespace lior::app {

/// One panel an entry T_ij, i down, j to the right, y upwards in each, and a legend: phase as hue,
/// modulus as brightness, full at `brightest`. Cells are as many pixels as make 512 of a picture;
/// the axes x and y, of cells dx wide, stand at the panel in the lower left corner.
/// [height, width, 3]: RGB.
Array<std::uint8_t, 3> field_picture(field::ConstField<double> t, double dx, double brightest,
                                     double time);

}  // namespace lior::app
