// SPDX-License-Identifier: Apache-2.0
#pragma once
// Checks of arguments that every entry of the scan makes.

#include "lior/nn/ci8_scan.h"

namespace lior::nn {

template <class T>
void check_scan(const ScanShape& shape, linalg::MatrixView<const T> projection,
                View<const T, 2> angles) {
  const MixerConfig& mixer = shape.mixer;
  const Index B = shape.batch, N = shape.length, H = mixer.heads;
  LIOR_CHECK(B >= 0 && N >= 0, "the scan of {} sequences of {} steps cannot be; both must be >= 0",
             B, N);
  LIOR_CHECK(H >= 1, "heads = {}; it must be >= 1", H);
  LIOR_CHECK(mixer.factors >= 1 && mixer.factors <= kMaxFactors, "factors = {}; it must be 1 to {}",
             mixer.factors, kMaxFactors);
  LIOR_CHECK(mixer.complex_state || (!mixer.phase && !mixer.rotation),
             "phase and rotation turn complex states; set complex_state");
  LIOR_CHECK(shape.chunk >= 0, "a chunk of {} steps cannot be; it must be >= 0", shape.chunk);
  LIOR_CHECK(projection.rows == B * N && projection.cols == shape.width(),
             "projection is {} x {}; expected {} x {}", projection.rows, projection.cols, B * N,
             shape.width());
  if (mixer.rotation) check_shape(angles, {8, H}, "angles");
}

}  // namespace lior::nn
