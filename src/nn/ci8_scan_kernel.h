// SPDX-License-Identifier: Apache-2.0
#pragma once
// The scan's kernels: one lane group over one tile of time each. Defined in ci8_scan_forward.cpp,
// ci8_scan_backward.cpp and ci8_scan_map.cpp, which compile them once per level.

#include "lior/nn/ci8_scan.h"
#include "nn/lane_planes.h"

namespace lior::nn {

/// Factors of a tile: as many steps as their planes fit the first-level cache with (8 and 16 were
/// measured).
inline constexpr Index kScanTile = 8;

/// theta of a group's lanes, [8, W] each.
template <class T>
struct LaneAngles {
  const T* cosines = nullptr;
  const T* sines = nullptr;
};

/// Numbers of a step that follow from its projection, beside its planes: full vectors, in this
/// order. They depend on no state, so a loop of their own makes them: roots and quotients of many
/// steps run side by side there, where in the recurrence each would wait for its own.
struct StepScalars {
  Index factors;
  Index inverse_norm(Index factor) const { return factor; }  ///< 1 / |w|; 0 where |w| <= 1e-6
  Index a() const { return factors; }
  Index complement() const { return factors + 1; }  ///< 1 - a
  Index b() const { return factors + 2; }           ///< sqrt(1 - a^2)
  Index cosine() const { return factors + 3; }      ///< of phi
  Index sine() const { return factors + 4; }
  Index count() const { return factors + 5; }
};

template <class T>
struct ScanScalarsTile {
  const ScanShape* shape;
  Index steps;
  LanePlanes<const T> projection;
  T* scalars;  ///< [steps, StepScalars.count(), W], out
};

template <class T>
struct ScanForwardTile {
  const ScanShape* shape;
  Index steps;
  LanePlanes<const T> projection;
  const T* scalars;
  LaneAngles<T> angles;
  LanePlanes<T> states;      ///< out
  T* carry;                  ///< [S, W]: h before the tile in, h after it out
  T* inside = nullptr;       ///< [steps, factors, S, W], out where asked: what enters each factor
  bool homogeneous = false;  ///< c read as 0
};

template <class T>
struct ScanBackwardTile {
  const ScanShape* shape;
  Index steps;
  LanePlanes<const T> projection;
  const T* scalars;
  LaneAngles<T> angles;
  LanePlanes<const T> d_states;
  const T* inside;             ///< forward's
  LanePlanes<T> d_projection;  ///< out
  T* d_angles;                 ///< [8, W], summed into
  T* carry;  ///< [S, W]: M^dagger g of the step after the tile in, of its first out
};

/// Without rotation M = s F: s = prod a e^{i phi} and F orthogonal. F is not carried itself; see
/// kernels/ci8_scan_map.inl.h.
template <class T>
struct ScanMapTile {
  const ScanShape* shape;
  Index steps;
  LanePlanes<const T> projection;
  const T* scalars;
  T* units;      ///< [steps, factors, 8, W], scratch
  T* columns;    ///< [8, 8, W], in and out: prod B_u of the basis
  T* companion;  ///< [8, W], in and out: prod L_u of 1 where turns are right, prod R_u of 1 where
                 ///< left
  T* scale;      ///< [2, W], in and out: s
};

template <class T>
struct ScanMapKernels {
  void (*start)(const ScanMapTile<T>&) noexcept;    ///< of no steps
  void (*turns)(const ScanMapTile<T>&) noexcept;    ///< units, companion and scale
  void (*columns)(const ScanMapTile<T>&) noexcept;  ///< after them
  /// The columns of M, [8, S, W].
  void (*finish)(const ScanMapTile<T>&, T* matrix) noexcept;
};

template <class T>
using ScanScalarsKernel = void (*)(const ScanScalarsTile<T>&) noexcept;
template <class T>
using ScanForwardKernel = void (*)(const ScanForwardTile<T>&) noexcept;
template <class T>
using ScanBackwardKernel = void (*)(const ScanBackwardTile<T>&) noexcept;
template <class T>
using CosinesAndSines = void (*)(const T* angles, Index vectors, T* cosines, T* sines) noexcept;

/// Of the level in force.
template <class T>
ScanForwardKernel<T> scan_forward_kernel(const MixerConfig& mixer);
template <class T>
ScanBackwardKernel<T> scan_backward_kernel(const MixerConfig& mixer);
template <class T>
ScanMapKernels<T> scan_map_kernels(const MixerConfig& mixer);
template <class T>
ScanScalarsKernel<T> scan_scalars_kernel();
template <class T>
CosinesAndSines<T> cosines_and_sines_kernel();
/// product [W] <- product * prod a over `steps` steps of the planes z.
template <class T>
using GateProduct = void (*)(const LanePlanes<const T>& z, Index steps, T* product) noexcept;
template <class T>
GateProduct<T> gate_product_kernel();
template <class T>
Index lane_count();

/// choose(std::integral_constant<Transition, t>) for the mixer's t.
template <class Choose>
auto with_transition(const MixerConfig& mixer, Choose&& choose) {
  using algebra::Transition;
  switch (mixer.transition) {
    case Transition::right: return choose(std::integral_constant<Transition, Transition::right>());
    case Transition::left: return choose(std::integral_constant<Transition, Transition::left>());
    case Transition::two_sided: break;
  }
  return choose(std::integral_constant<Transition, Transition::two_sided>());
}

}  // namespace lior::nn
