// SPDX-License-Identifier: Apache-2.0
#pragma once
// Runs of the recurrence and its adjoint over lanes: what every plan of a scan is made of. A run
// takes its sequences from start to end; RowMap says whether they are whole or chunks of longer
// ones.

#include <optional>

#include "lior/nn/ci8_scan.h"
#include "nn/ci8_scan_kernel.h"

namespace lior::nn {

enum class ScanPass { forward, backward };

/// The data that all runs of one call share. The shape's length is that of whole sequences.
template <class T>
struct ScanCall {
  const ScanShape& shape;
  linalg::MatrixView<const T> projection;
  View<const T, 2> angles;
};

/// Some of a call's steps: B map.chunks sequences of `steps` steps each, map.steps rows apart.
struct ScanStretch {
  RowMap map;
  Index batch = 0;
  Index steps = 0;

  Index sequences() const { return batch * map.chunks; }
  /// Step t of the stretch's sequence s in the whole one.
  Index whole_step(Index s, Index t) const { return map.first + s % map.chunks * map.steps + t; }
};

/// All steps.
inline ScanStretch whole_of(const ScanShape& shape) {
  return {{.pitch = shape.length, .steps = shape.length}, shape.batch, shape.length};
}

/// One row a sequence: [B, C, H] as a matrix.
template <class T>
linalg::MatrixView<T> sequence_rows(View<T, 3> view) {
  const Index width = view.extent(1) * view.extent(2);
  return {view.data(), view.extent(0), width, width};
}

/// One row a token, or a tile: [B, N, C, H] as a matrix.
template <class T>
linalg::MatrixView<T> token_rows(View<T, 4> view) {
  const Index width = view.extent(2) * view.extent(3);
  return {view.data(), view.extent(0) * view.extent(1), width, width};
}

/// The states that the way back begins its tiles from, in one of two forms. Tiles of one step make
/// `every` = 1 in both, so `initial` alone tells them apart:
/// - absent: row i of a sequence's `count` rows is h before step i * every;
/// - present: row i is h after step i (all of a scan's states), and `initial` is h before the
/// first.
template <class T>
struct TileStarts {
  linalg::MatrixView<T> rows{};
  Index count = 0;
  Index every = 0;
  linalg::MatrixView<const T> initial{};

  bool every_state() const { return initial.data != nullptr; }
};

/// h from `initial` (a row a sequence, [S, H]) to `final` (the same, or it; may be absent), shown
/// in `q` (rows of tokens; may be absent) by `readout`. `starts.rows` may be absent.
template <class T>
void run_forward(const ScanCall<T>& call, const ScanStretch& stretch,
                 linalg::MatrixView<const T> initial, linalg::MatrixView<T> final, Readout readout,
                 linalg::MatrixView<T> q, const TileStarts<T>& starts);

/// Whether a backward run writes d_projection, or only carries the gradient to the stretch's
/// starts.
enum class Gradients { all, of_starts };

/// From `d_final` (a row a sequence; absent: zero) to `d_initial`. `d_angles`: a row a sequence,
/// [8, H].
template <class T>
void run_backward(const ScanCall<T>& call, const ScanStretch& stretch,
                  const TileStarts<const T>& starts, Readout readout,
                  linalg::MatrixView<const T> dq, linalg::MatrixView<const T> d_final,
                  Gradients gradients, linalg::MatrixView<T> d_projection,
                  linalg::MatrixView<T> d_initial, linalg::MatrixView<T> d_angles);

/// The maps of the stretch's sequences, a row [9, S, H] each (lior/nn/scan_composition.h); the last
/// of the 9, the offset, only where asked.
template <class T>
void run_maps(const ScanCall<T>& call, const ScanStretch& stretch, bool offsets,
              linalg::MatrixView<T> maps);

/// The fewest steps, whole tiles, over which the gates of every head leave less than eps^2 of a
/// state: those up to the end of the stretch's sequences where `pass` is forward, from their start
/// where it is backward. None where a sequence is too short for that.
template <class T>
std::optional<Index> steps_to_forget(const ScanCall<T>& call, const ScanStretch& stretch,
                                     ScanPass pass);

}  // namespace lior::nn
