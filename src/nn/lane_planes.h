// SPDX-License-Identifier: Apache-2.0
#pragma once
// Lanes over (sequence, head) pairs: pair s H + h is lane (s H + h) mod W of group (s H + h) / W.
// Where H is a multiple of the vector's W lanes, a group's numbers already lie side by side in the
// caller's rows, and kernels read them there; else they are packed for a tile of time.

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "lior/core/view.h"
#include "lior/linalg/matrix_view.h"

namespace lior::nn {

/// Component c of step t of a lane group: a full vector at `at + t * step + c * plane`.
template <class T>
struct LanePlanes {
  T* at = nullptr;
  Index step = 0;
  Index plane = 0;
};

/// Which (sequence, head) pairs a group holds.
struct LaneGroup {
  Index first = 0;  ///< pair of lane 0
  Index count = 0;  ///< pairs; lanes past them are padding
  Index heads = 0;
};

/// Where step t of sequence s lies in an array of rows. A sequence may be one of `chunks` equal
/// stretches of a longer one.
struct RowMap {
  Index pitch = 1;   ///< rows of a whole sequence
  Index first = 0;   ///< row of the first chunk's first step
  Index chunks = 1;  ///< of one whole sequence
  Index steps = 0;   ///< rows from a chunk to the next

  Index row(Index s, Index t) const { return s / chunks * pitch + first + s % chunks * steps + t; }
};

/// Calls run(lane, sequence, head, lanes) for each stretch of lanes in one sequence.
template <class Run>
void for_runs(const LaneGroup& group, Run&& run) {
  for (Index lane = 0; lane < group.count;) {
    const Index head = (group.first + lane) % group.heads;
    const Index lanes = std::min(group.heads - head, group.count - lane);
    run(lane, (group.first + lane) / group.heads, head, lanes);
    lane += lanes;
  }
}

/// body(lanes), the count a compile-time constant where runs commonly have it: a call of memmove
/// for each run costs more than the run.
template <class Body>
void with_fixed_lanes(Index lanes, Body&& body) {
  switch (lanes) {
    case 1: return body(std::integral_constant<Index, 1>());
    case 2: return body(std::integral_constant<Index, 2>());
    case 4: return body(std::integral_constant<Index, 4>());
    case 8: return body(std::integral_constant<Index, 8>());
    default: return body(lanes);
  }
}

template <class T, class Lanes>
void copy_run(const T* from, Lanes lanes, T* to) {
  if constexpr (std::is_same_v<Lanes, Index>) {
    for (Index lane = 0; lane < lanes; ++lane) to[lane] = from[lane];
  } else {
    std::memcpy(to, from, Lanes::value * sizeof(T));
  }
}

/// `steps` times `planes` runs of lanes from one layout to the other.
template <class From, class T>
void copy_runs(Index lanes, Index steps, Index planes, const LanePlanes<From>& from,
               const LanePlanes<T>& to) {
  with_fixed_lanes(lanes, [=](auto fixed) {
    const From* source = from.at;
    T* target = to.at;
    for (Index t = 0; t < steps; ++t, source += from.step, target += to.step) {
      for (Index c = 0; c < planes; ++c) {
        copy_run(source + c * from.plane, fixed, target + c * to.plane);
      }
    }
  });
}

/// packed[(t components + c) W + lane] = rows(map.row(s, begin + t), c heads + h) for t < steps.
/// Padding lanes stay as they are: what they hold reaches no other lane.
template <class T>
void pack(const LaneGroup& group, const RowMap& map, linalg::MatrixView<const T> rows,
          Index components, Index begin, Index steps, Index W, T* packed) {
  for_runs(group, [&](Index lane, Index sequence, Index head, Index lanes) {
    const T* from = rows.data + map.row(sequence, begin) * rows.stride + head;
    copy_runs<const T, T>(lanes, steps, components, {from, rows.stride, group.heads},
                          {packed + lane, components * W, W});
  });
}

/// The way back, without the padding.
template <class T>
void unpack(const LaneGroup& group, const RowMap& map, const T* packed, Index components,
            Index begin, Index steps, Index W, linalg::MatrixView<T> rows) {
  for_runs(group, [&](Index lane, Index sequence, Index head, Index lanes) {
    T* to = rows.data + map.row(sequence, begin) * rows.stride + head;
    copy_runs<const T, T>(lanes, steps, components, {packed + lane, components * W, W},
                          {to, rows.stride, group.heads});
  });
}

/// A group's planes where they lie, from step `begin`: all its lanes in one sequence, side by side.
template <class T>
LanePlanes<T> planes_in_place(const LaneGroup& group, const RowMap& map, linalg::MatrixView<T> rows,
                              Index begin) {
  const Index row = map.row(group.first / group.heads, begin);
  return {rows.data + row * rows.stride + group.first % group.heads, rows.stride, group.heads};
}

}  // namespace lior::nn
