// SPDX-License-Identifier: Apache-2.0
#include "lior/nn/ci8_scan.h"

#include <algorithm>
#include <cmath>

#include "lior/core/profile.h"
#include "lior/nn/readout.h"
#include "lior/nn/scan_composition.h"
#include "nn/arguments.h"
#include "nn/ci8_scan_check.h"
#include "nn/ci8_scan_kernel.h"
#include "nn/ci8_scan_plan.h"
#include "nn/ci8_scan_run.h"
#include "nn/copy_rows.h"

namespace lior::nn {
namespace {

using linalg::MatrixView;

/// The arrays that a chunked run keeps of every chunk.
template <class T>
struct ChunkArrays {
  View<T, 4> maps;         ///< [B C, 9, S, H]
  View<T, 3> first, last;  ///< [B C, S, H]: states, or gradients, at the chunks' two ends
  View<T, 3> angle_sums;   ///< [B C, 8, H]

  ChunkArrays(const ScanShape& shape, Index chunks, std::span<T> workspace) {
    const Index BC = shape.batch * chunks, S = shape.state_width(), H = shape.heads();
    T* at = workspace.data();
    const auto take = [&]<std::size_t Rank>(View<T, Rank>& view, const Shape<Rank>& extents) {
      view = {at, extents};
      at += view.size();
    };
    take(maps, {BC, kMapColumns, S, H});
    take(first, {BC, S, H});
    take(last, {BC, S, H});
    take(angle_sums, {BC, 8, H});
  }
  MatrixView<T> map_rows() const {
    const Index width = maps.size() / maps.extent(0);
    return {maps.data(), maps.extent(0), width, width};
  }
  View<const T, 4> map(Index i) const { return one<4>(maps, i); }
  View<T, 3> first_of(Index i) const { return one<3>(first, i); }
  View<T, 3> last_of(Index i) const { return one<3>(last, i); }

 private:
  template <std::size_t Rank>
  static View<T, Rank> one(View<T, Rank> all, Index i) {
    Shape<Rank> shape = all.shape();
    shape[0] = 1;
    return {all[i].data(), shape};
  }
};

/// Row c of every `chunks` rows: the c-th chunk of each sequence.
template <class T>
MatrixView<T> chunk_rows(View<T, 3> view, Index chunks, Index c) {
  const MatrixView<T> all = sequence_rows(view);
  return {all.data + c * all.stride, all.rows / chunks, all.cols, chunks * all.stride};
}

ScanStretch tail_of(const ScanShape& shape, const ScanChunks& chunks) {
  const Index begin = chunks.blocks * chunks.block_steps(), steps = shape.length - begin;
  return {{.pitch = shape.length, .first = begin, .steps = steps}, shape.batch, steps};
}
/// The steps of a stretch's chunks that tell their ends, or the gradients at their starts.
ScanStretch warm_up_of(ScanStretch stretch, const ScanChunks& chunks, ScanPass pass) {
  if (pass == ScanPass::forward) stretch.map.first += stretch.steps - chunks.warm_up;
  stretch.steps = chunks.warm_up;
  return stretch;
}

template <class T>
MatrixView<const T> read(MatrixView<T> rows) {
  return rows;
}

template <class T>
bool all_finite(View<const T, 3> numbers) {
  const auto span = numbers.span();
  return std::all_of(span.begin(), span.end(), [](T x) { return std::isfinite(x); });
}

/// Bytes that move in a pass that reads or writes the projection `sweeps` times.
template <class T>
double bytes_moved(const ScanShape& shape, double sweeps, Index shown) {
  const auto width = static_cast<double>(shape.width());
  return sizeof(T) * static_cast<double>(shape.batch * shape.length) *
         (sweeps * width + static_cast<double>(shown));
}

/// From `initial` to `final` (rows of sequences; the latter may be absent), by the shape's plan.
template <class T>
void forward(const ScanCall<T>& call, MatrixView<const T> initial, MatrixView<T> final,
             Readout readout, MatrixView<T> q, const TileStarts<T>& starts,
             std::span<T> workspace) {
  const ScanShape& shape = call.shape;
  const ProfiledOp op("scan", shape.turn_flops(), bytes_moved<T>(shape, 1, q.cols));
  const ScanChunks plan = plan_scan(call, ScanPass::forward, static_cast<Index>(workspace.size()));
  const auto in_order = [&] {
    run_forward(call, whole_of(shape), initial, final, readout, q, starts);
  };
  const Index C = plan.chunks;
  if (C < 2) return in_order();
  const ChunkArrays<T> arrays(shape, C, workspace);
  const MatrixView<T> begin = chunk_rows(arrays.first, C, 0),
                      end = chunk_rows(arrays.last, C, C - 1);
  for (Index block = 0; block < plan.blocks; ++block) {
    const ScanStretch chunks = block_of(shape, plan, block);
    copy_rows<T>(block == 0 ? initial : read(end), begin);
    if (plan.warm_up > 0) {
      const MatrixView<T> ends = sequence_rows(arrays.last);
      std::fill_n(ends.data, arrays.last.size(), T(0));
      run_forward(call, warm_up_of(chunks, plan, ScanPass::forward), read(ends), ends,
                  Readout::linear, {}, {});
    } else {
      run_maps(call, chunks, true, arrays.map_rows());
    }
    for (Index b = 0; b < shape.batch; ++b) {
      for (Index i = b * C; i + 1 < (b + 1) * C; ++i) {
        if (plan.warm_up > 0) {
          std::ranges::copy(arrays.last[i].span(), arrays.first[i + 1].data());
        } else {
          scan_map_apply<T>(arrays.map(i), arrays.first_of(i), arrays.first_of(i + 1));
        }
      }
    }
    run_forward(call, chunks, read(sequence_rows(arrays.first)), sequence_rows(arrays.last),
                readout, q, starts);
  }
  // NaN is never forgotten, and a warm-up has not seen what lies before it.
  if (plan.warm_up > 0 && !all_finite<T>(arrays.last)) return in_order();
  run_forward(call, tail_of(shape, plan), read(end), end, readout, q, starts);
  if (final.data != nullptr) copy_rows<T>(end, final);
}

/// From `d_final` (absent: zero) to `d_initial`, which may be it.
template <class T>
void backward(const ScanCall<T>& call, const TileStarts<const T>& starts, Readout readout,
              MatrixView<const T> dq, MatrixView<const T> d_final, MatrixView<T> d_projection,
              View<T, 3> d_initial, View<T, 3> d_angles, std::span<T> workspace) {
  const ScanShape& shape = call.shape;
  const ProfiledOp op("scan", 4 * shape.turn_flops(), bytes_moved<T>(shape, 2, dq.cols));
  const bool rotation = shape.mixer.rotation;
  const MatrixView<T> start_rows = sequence_rows(d_initial);
  const MatrixView<T> angle_rows = rotation ? sequence_rows(d_angles) : MatrixView<T>();
  const ScanChunks plan = plan_scan(call, ScanPass::backward, static_cast<Index>(workspace.size()));
  const auto in_order = [&] {
    run_backward(call, whole_of(shape), starts, readout, dq, d_final, Gradients::all, d_projection,
                 start_rows, angle_rows);
  };
  const Index C = plan.chunks;
  if (C < 2) return in_order();
  const ChunkArrays<T> arrays(shape, C, workspace);
  const MatrixView<T> begin = chunk_rows(arrays.first, C, 0),
                      end = chunk_rows(arrays.last, C, C - 1);
  const MatrixView<T> chunk_angles = sequence_rows(arrays.angle_sums);
  run_backward(call, tail_of(shape, plan), starts, readout, dq, d_final, Gradients::all,
               d_projection, end, angle_rows);
  for (Index block = plan.blocks; block-- > 0;) {
    const ScanStretch chunks = block_of(shape, plan, block);
    const bool warm = plan.warm_up > 0;
    if (!warm) run_maps(call, chunks, false, arrays.map_rows());
    run_backward(call, warm ? warm_up_of(chunks, plan, ScanPass::backward) : chunks, starts,
                 readout, dq, {}, Gradients::of_starts, d_projection, sequence_rows(arrays.first),
                 chunk_angles);
    for (Index b = 0; b < shape.batch; ++b) {
      for (Index i = (b + 1) * C - 1; i > b * C; --i) {
        if (warm) {
          std::ranges::copy(arrays.first[i].span(), arrays.last[i - 1].data());
        } else {
          scan_map_apply_adjoint<T>(arrays.map(i), arrays.last_of(i), arrays.first_of(i),
                                    arrays.last_of(i - 1));
        }
      }
    }
    run_backward(call, chunks, starts, readout, dq, read(sequence_rows(arrays.last)),
                 Gradients::all, d_projection, sequence_rows(arrays.first), chunk_angles);
    if (warm && !all_finite<T>(arrays.first)) return in_order();
    copy_rows<T>(begin, block == 0 ? start_rows : end);
    for (Index i = 0; rotation && i < shape.batch * C; ++i) {
      const T* sums = arrays.angle_sums[i].data();
      T* total = d_angles[i / C].data();
      for (Index k = 0; k < d_angles[i / C].size(); ++k) total[k] += sums[k];
    }
  }
}

template <class T>
void check_gradients(const ScanShape& shape, MatrixView<T> d_projection, View<T, 3> d_angles) {
  check_matrix(d_projection, shape.batch * shape.length, shape.width(), "d_projection");
  if (shape.mixer.rotation) {
    check_shape(d_angles, {shape.batch, 8, shape.heads()}, "d_angles");
  }
}

Index shown(const ScanShape& shape) {
  return readout_width(shape.mixer.readout, shape.mixer.complex_state) * shape.heads();
}

}  // namespace

Index ScanShape::tile_steps() const {
  return std::max<Index>(1, kScanTile / std::max<Index>(1, mixer.factors));
}

template <class T>
void ci8_scan_forward(const ScanShape& shape, MatrixView<const T> projection,
                      View<const T, 3> initial, View<const T, 2> angles, View<T, 4> states,
                      std::span<T> workspace) {
  check_scan(shape, projection, angles);
  const Index B = shape.batch, N = shape.length, H = shape.heads(), S = shape.state_width();
  check_shape(initial, {B, S, H}, "initial");
  check_shape(states, {B, N, S, H}, "states");
  if (N == 0) return;
  forward<T>({shape, projection, angles}, sequence_rows(initial), {}, Readout::linear,
             token_rows(states), {}, workspace);
}

template <class T>
void ci8_scan_backward(const ScanShape& shape, MatrixView<const T> projection,
                       View<const T, 3> initial, View<const T, 2> angles, View<const T, 4> states,
                       View<const T, 4> d_states, MatrixView<T> d_projection, View<T, 3> d_initial,
                       View<T, 3> d_angles, std::span<T> workspace) {
  check_scan(shape, projection, angles);
  const Index B = shape.batch, N = shape.length, H = shape.heads(), S = shape.state_width();
  check_shape(initial, {B, S, H}, "initial");
  check_shape(states, {B, N, S, H}, "states");
  check_shape(d_states, {B, N, S, H}, "d_states");
  check_shape(d_initial, {B, S, H}, "d_initial");
  check_gradients(shape, d_projection, d_angles);
  const TileStarts<const T> starts{
      .rows = token_rows(states), .count = N, .every = 1, .initial = sequence_rows(initial)};
  backward<T>({shape, projection, angles}, starts, Readout::linear, token_rows(d_states), {},
              d_projection, d_initial, d_angles, workspace);
}

template <class T>
void ci8_scan_readout_forward(const ScanShape& shape, MatrixView<const T> projection,
                              View<const T, 2> angles, View<T, 3> state, View<T, 4> starts,
                              MatrixView<T> q, std::span<T> workspace) {
  check_scan(shape, projection, angles);
  const Index B = shape.batch, N = shape.length, H = shape.heads(), S = shape.state_width();
  check_shape(state, {B, S, H}, "state");
  if (starts.data() != nullptr) check_shape(starts, {B, shape.tiles(), S, H}, "starts");
  check_matrix(q, B * N, shown(shape), "q");
  if (N == 0) return;
  const MatrixView<T> state_rows = sequence_rows(state);
  forward<T>({shape, projection, angles}, read(state_rows), state_rows, shape.mixer.readout, q,
             {.rows = token_rows(starts), .count = shape.tiles(), .every = shape.tile_steps()},
             workspace);
}

template <class T>
void ci8_scan_readout_backward(const ScanShape& shape, MatrixView<const T> projection,
                               View<const T, 2> angles, View<const T, 4> starts,
                               MatrixView<const T> dq, MatrixView<T> d_projection,
                               View<T, 3> d_state, View<T, 3> d_angles, std::span<T> workspace) {
  check_scan(shape, projection, angles);
  const Index B = shape.batch, N = shape.length, H = shape.heads(), S = shape.state_width();
  check_shape(starts, {B, shape.tiles(), S, H}, "starts");
  check_shape(d_state, {B, S, H}, "d_state");
  check_matrix(dq, B * N, shown(shape), "dq");
  check_gradients(shape, d_projection, d_angles);
  backward<T>({shape, projection, angles},
              {.rows = token_rows(starts), .count = shape.tiles(), .every = shape.tile_steps()},
              shape.mixer.readout, dq, read(sequence_rows(d_state)), d_projection, d_state,
              d_angles, workspace);
}

#define LIOR_INSTANTIATE(T)                                                                        \
  template void ci8_scan_forward(const ScanShape&, MatrixView<const T>, View<const T, 3>,          \
                                 View<const T, 2>, View<T, 4>, std::span<T>);                      \
  template void ci8_scan_backward(const ScanShape&, MatrixView<const T>, View<const T, 3>,         \
                                  View<const T, 2>, View<const T, 4>, View<const T, 4>,            \
                                  MatrixView<T>, View<T, 3>, View<T, 3>, std::span<T>);            \
  template void ci8_scan_readout_forward(const ScanShape&, MatrixView<const T>, View<const T, 2>,  \
                                         View<T, 3>, View<T, 4>, MatrixView<T>, std::span<T>);     \
  template void ci8_scan_readout_backward(const ScanShape&, MatrixView<const T>, View<const T, 2>, \
                                          View<const T, 4>, MatrixView<const T>, MatrixView<T>,    \
                                          View<T, 3>, View<T, 3>, std::span<T>)
LIOR_INSTANTIATE(float);
LIOR_INSTANTIATE(double);
#undef LIOR_INSTANTIATE

}  // namespace lior::nn
