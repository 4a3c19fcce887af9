#pragma once
// Lanes over (sequence, head) pairs: pair b H + h is lane (b H + h) mod W of group (b H + h) / W.
// Where H is a multiple of the vector's W lanes, a group's numbers already lie side by side in the
// caller's rows, and kernels read them there; else they are packed for a chunk of time.

#include <algorithm>
#include <cstring>

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

/// Which (sequence, head) pairs a group holds; rows of sequence b are b * length + t.
struct LaneGroup {
  Index first = 0;  ///< pair of lane 0
  Index count = 0;  ///< pairs; lanes past them are padding
  Index heads = 0;
  Index length = 0;  ///< rows a sequence
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

/// A run of a few lanes, by moves of fixed size: a call of memmove for each costs more than the
/// run.
template <class T>
void copy_run(const T* from, Index lanes, T* to) {
  for (; lanes >= 8; lanes -= 8, from += 8, to += 8) std::memcpy(to, from, 8 * sizeof(T));
  if (lanes & 4) std::memcpy(to, from, 4 * sizeof(T)), from += 4, to += 4;
  if (lanes & 2) std::memcpy(to, from, 2 * sizeof(T)), from += 2, to += 2;
  if (lanes & 1) *to = *from;
}

/// packed[(t components + c) W + lane] = rows(b length + begin + t, c heads + h) for t < steps.
/// Padding lanes are zero.
template <class T>
void pack(const LaneGroup& group, linalg::MatrixView<const T> rows, Index components, Index begin,
          Index steps, Index W, T* packed) {
  if (group.count < W) std::fill_n(packed, steps * components * W, T(0));
  for_runs(group, [&](Index lane, Index sequence, Index head, Index lanes) {
    for (Index t = 0; t < steps; ++t) {
      const T* row = rows.data + (sequence * group.length + begin + t) * rows.stride + head;
      T* to = packed + t * components * W + lane;
      for (Index c = 0; c < components; ++c) copy_run(row + c * group.heads, lanes, to + c * W);
    }
  });
}

/// The way back, without the padding.
template <class T>
void unpack(const LaneGroup& group, const T* packed, Index components, Index begin, Index steps,
            Index W, linalg::MatrixView<T> rows) {
  for_runs(group, [&](Index lane, Index sequence, Index head, Index lanes) {
    for (Index t = 0; t < steps; ++t) {
      T* row = rows.data + (sequence * group.length + begin + t) * rows.stride + head;
      const T* from = packed + t * components * W + lane;
      for (Index c = 0; c < components; ++c) copy_run(from + c * W, lanes, row + c * group.heads);
    }
  });
}

}  // namespace lior::nn
