// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A field as a picture.

#include "lior/field/grid.h"

namespace lior::app {

/// One panel an entry T_ij, i down, j to the right, y upwards in each, and a legend: phase as hue,
/// modulus as brightness, full at `brightest`. Cells are as many pixels as make 512 of a picture,
/// as long as dx and dy say; axes stand at the panel in the lower left corner. A field of one
/// dimension is drawn as lines: modulus, real and imaginary part, to 1.25 brightest. Of three
/// dimensions the plane of index `plane` along z is drawn, and the legend names its z.
/// [height, width, 3]: RGB.
Array<std::uint8_t, 3> field_picture(field::ConstField<double> t, const field::Grid& grid,
                                     Index plane, double brightest, double time);

}  // namespace lior::app
