// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Pictures of what an observer sees about a black hole or a wormhole.

#include <functional>

#include "lior/geometry/camera.h"
#include "lior/geometry/rays.h"

namespace lior::geometry {

/// The scene. The picture's size is that of the pixels.
struct ImageOptions {
  Camera camera;
  RayScene scene{.sky = 1000};
  RayOptions rays{};
  Index samples = 1;          ///< n x n rays a pixel
  double temperature = 4500;  ///< of the disk's hottest ring, in kelvin
  /// The sky as equirectangular pixels [h, w, 3], its middle row the equator and its middle column
  /// azimuth pi, which is behind the hole of a camera at azimuth 0; a grid of 10 degrees if empty.
  View<const std::uint8_t, 3> panorama{};
};

/// How many rays ended how, and their steps.
struct ImageCounts {
  std::array<Index, 5> rays{};  ///< by RayEnd
  Index steps = 0;
};

/// Draws the picture: pixels [height, width, 3], 8-bit sRGB, top row first; `progress` is called
/// with the part that is done, if it is not empty.
///
/// - Horizon: black; the chart's edge and lost rays: dark red.
/// - Disk: thin, opaque, from circular orbits. Its ring at radius r sends out the spectrum of a
///   black body whose temperature is T f^(1/4), with f = (rin/r)^3 (1 - sqrt(rin/r)) over its
///   largest value (Shakura and Sunyaev, Astron. Astrophys. 24, 1973): T is `temperature`. The
///   observer sees a black body too, of g times that temperature, by the redshift g of
///   disk_redshift, so a total brightness of g^4 f. Its chromaticity is drawn with the luminance
///   1 - exp(-0.8 g^4 f).
/// - Sky: the panorama or the grid at the polar angle and azimuth where the ray meets the sky's
///   sphere, blue on the camera's side and orange beyond a wormhole's throat. Its redshift is not
///   drawn.
///
/// Rays of one pixel are averaged in linear light. A ray passes a hundred-thousandth of a pixel
/// beside its place, so that none meets an axis of coordinates. Bit-equal across thread counts.
/// Time: some 50 steps a ray; docs/targets.md. Throws lior::Error as trace_rays, camera_rays and
/// observer_frame do, for samples that are not in [1, 16], and for a disk with no circular orbits.
ImageCounts draw_image(const AnyMetric<double>& metric, const ImageOptions& options,
                       View<std::uint8_t, 3> pixels,
                       const std::function<void(double done)>& progress = {});

}  // namespace lior::geometry
