#pragma once
// What the scan's kernels are given: one lane group over one chunk of time.

#include "lior/nn/ci8_scan.h"
#include "nn/lane_planes.h"

namespace lior::nn {

template <class T>
struct ScanForwardChunk {
  const ScanShape* shape;
  Index steps;
  LanePlanes<const T> projection;
  LanePlanes<T> states;  ///< out
  const T* cosines;      ///< [8, W] of theta
  const T* sines;
  T* carry;  ///< [S, W]: h before the chunk in, h after it out
};

template <class T>
struct ScanBackwardChunk {
  const ScanShape* shape;
  Index steps;
  LanePlanes<const T> projection;
  LanePlanes<const T> previous;  ///< step t holds h_{t-1}
  LanePlanes<const T> d_states;
  LanePlanes<T> d_projection;  ///< out
  const T* cosines;
  const T* sines;
  T* d_angles;  ///< [8, W], summed into
  T* carry;     ///< [S, W]: M^dagger g of the step after the chunk in, of its first out
};

}  // namespace lior::nn
