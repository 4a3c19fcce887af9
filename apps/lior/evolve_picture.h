// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A field as a picture.

#include "lior/core/names.h"
#include "lior/field/grid.h"

namespace lior::app {

enum class PictureKind { slice, column };
constexpr auto enum_names(PictureKind) { return enum_words("slice", "column"); }

enum class PictureAxis { x, y, z };
constexpr auto enum_names(PictureAxis) { return enum_words("x", "y", "z"); }

/// What is drawn of three dimensions: the plane of an index along an axis, or column densities, the
/// sums of |T_ij|^2 along it times its spacing. {} where there is no z: the whole.
struct PictureView {
  PictureKind kind = PictureKind::slice;
  PictureAxis axis = PictureAxis::z;
  Index plane = 0;  ///< of a slice
};

/// What full brightness stands for in the pictures of a run that starts with t: its largest modulus
/// in any plane, or its largest column density. A normal number, as its double is.
double picture_scale(field::ConstField<double> t, const field::Grid& grid, const PictureView& view);

/// One panel an entry T_ij, i down, j to the right, and a legend. In each the axes that the view
/// leaves run to the right and upwards, in their order. A slice has phase as hue and modulus as
/// brightness, full at `scale`; a column density the colours of a bar, from 0 to `scale`. Cells are
/// as many pixels as make 512 of a picture, as long as their spacings say; axes stand at the panel
/// in the lower left corner. Of one axis lines are drawn, to 1.25 scale: modulus, real and
/// imaginary part, or the column density. [height, width, 3]: RGB.
Array<std::uint8_t, 3> field_picture(field::ConstField<double> t, const field::Grid& grid,
                                     const PictureView& view, double scale, double time);

}  // namespace lior::app
