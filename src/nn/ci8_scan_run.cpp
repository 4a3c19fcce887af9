// SPDX-License-Identifier: Apache-2.0
#include "nn/ci8_scan_run.h"

#include <algorithm>
#include <atomic>
#include <limits>

#include "lior/core/buffer.h"
#include "lior/core/denormals.h"
#include "lior/core/parallel.h"
#include "lior/core/stop.h"
#include "lior/nn/readout.h"
#include "nn/readout_kernel.h"

namespace lior::nn {
namespace {

using linalg::MatrixView;

template <class T>
constexpr Index kMaxLanes = 64 / sizeof(T);
/// Groups that go through time side by side: neighbours share cache lines of the caller's rows.
constexpr Index kTogether = 4;
constexpr Index kMaxPlanes = 8 + 2 + 16;  // of a step with one factor; more factors, fewer steps
constexpr Index kMaxReadout = 80;
constexpr Index kMaxScalars = 1 + 5;

/// `kVectors` full vectors of the widest level.
template <class T, Index kVectors>
struct Vectors {
  alignas(kAlignment) T at[kVectors * kMaxLanes<T>];
};

template <class T>
LaneGroup lane_group(Index g, Index W, const ScanStretch& stretch, Index heads) {
  return {g * W, std::min(W, stretch.sequences() * heads - g * W), heads};
}

/// body(groups): the lane groups of a stretch in bunches of at most kTogether, on all threads.
template <class T, class Body>
void for_bunches(const ScanStretch& stretch, Index heads, Body&& body) {
  const Index W = lane_count<T>();
  parallel_for((stretch.sequences() * heads + W - 1) / W, 1, [&](Index begin, Index end, int) {
    const FlushDenormals flush;
    for (Index first = begin; first < end; first += kTogether) {
      LaneGroup groups[kTogether];
      const Index count = std::min(kTogether, end - first);
      for (Index i = 0; i < count; ++i) {
        groups[i] = lane_group<T>(first + i, W, stretch, heads);
      }
      body(std::span<const LaneGroup>(groups, count));
    }
  });
}

/// A group's planes from step `begin`: where they lie, or a packed copy.
template <class T>
LanePlanes<const T> planes_of(const LaneGroup& group, const RowMap& map, MatrixView<const T> rows,
                              Index planes, Index begin, Index steps, Index W, T* packed) {
  if (group.heads % W == 0) return planes_in_place(group, map, rows, begin);
  pack(group, map, rows, planes, begin, steps, W, packed);
  return {packed, planes * W, W};
}

/// Where a group's results go: in place, or `packed` for put_back.
template <class T>
LanePlanes<T> planes_for(const LaneGroup& group, const RowMap& map, MatrixView<T> rows,
                         Index planes, Index begin, Index W, T* packed) {
  if (group.heads % W == 0) return planes_in_place(group, map, rows, begin);
  return {packed, planes * W, W};
}

template <class T>
void put_back(const LaneGroup& group, const RowMap& map, const T* packed, Index planes, Index begin,
              Index steps, Index W, MatrixView<T> rows) {
  if (group.heads % W != 0) unpack(group, map, packed, planes, begin, steps, W, rows);
}

/// Zeros where `packed` has lanes that no run of the bunch's groups writes: only a stretch's last
/// group is padded.
template <class T, Index kVectors>
void clear_padding(std::span<const LaneGroup> groups, Index W, Vectors<T, kVectors>& packed,
                   Index vectors) {
  if (groups.back().count < W) std::fill_n(packed.at, vectors * W, T(0));
}

/// theta of a group's lanes as cosines and sines.
template <class T>
struct PackedAngles {
  Vectors<T, 8> cosines, sines;

  LaneAngles<T> load(const ScanCall<T>& call, const LaneGroup& group, Index W) {
    if (!call.shape.mixer.rotation) return {};
    Vectors<T, 8> packed{};
    const View<const T, 2> angles = call.angles;
    const MatrixView<const T> row(angles.data(), 1, angles.size(), angles.size());
    pack(group, RowMap{.pitch = 0}, row, 8, 0, 1, W, packed.at);  // one row for every sequence
    cosines_and_sines_kernel<T>()(packed.at, 8, cosines.at, sines.at);
    return {cosines.at, sines.at};
  }
};

/// The states before step `begin`, [S, W].
template <class T>
void load_starts(const TileStarts<const T>& starts, const ScanStretch& stretch,
                 const LaneGroup& group, Index S, Index begin, Index W, T* carry) {
  for_runs(group, [&](Index lane, Index s, Index head, Index count) {
    const Index b = s / stretch.map.chunks, step = stretch.whole_step(s, begin);
    const auto row_of = [&](MatrixView<const T> rows, Index row) {
      return rows.data + row * rows.stride + head;
    };
    const auto row_before = [&] {
      if (!starts.every_state()) return row_of(starts.rows, b * starts.count + step / starts.every);
      return step == 0 ? row_of(starts.initial, b)
                       : row_of(starts.rows, b * starts.count + step - 1);
    };
    const T* row = row_before();
    with_fixed_lanes(count, [&](auto lanes) {
      for (Index c = 0; c < S; ++c) copy_run(row + c * group.heads, lanes, carry + c * W + lane);
    });
  });
}

/// Rows of the starts of a stretch's tiles.
template <class T>
RowMap start_rows(const TileStarts<T>& starts, const ScanStretch& stretch) {
  const RowMap& map = stretch.map;
  return {starts.count, map.first / starts.every, map.chunks, map.steps / starts.every};
}

}  // namespace

template <class T>
void run_forward(const ScanCall<T>& call, const ScanStretch& stretch, MatrixView<const T> initial,
                 MatrixView<T> final, Readout readout, MatrixView<T> q,
                 const TileStarts<T>& starts) {
  const ScanShape& shape = call.shape;
  const Index W = lane_count<T>(), P = shape.planes(), S = shape.state_width(), H = shape.heads();
  const Index Q = readout_width(readout, shape.mixer.complex_state);
  const Index tile_steps = shape.tile_steps(), N = stretch.steps;
  const ScanScalarsKernel<T> make_scalars = scan_scalars_kernel<T>();
  const ScanForwardKernel<T> kernel = scan_forward_kernel<T>(shape.mixer);
  const ReadoutForwardKernel<T> show =
      readout_forward_kernel<T>(readout, shape.mixer.complex_state);
  const RowMap& map = stretch.map;
  const bool shown = q.data != nullptr;

  for_bunches<T>(stretch, H, [&](std::span<const LaneGroup> groups) {
    Vectors<T, 16> carry[kTogether];
    PackedAngles<T> angles[kTogether];
    LaneAngles<T> theta[kTogether];
    Vectors<T, kMaxPlanes * kScanTile> packed;
    Vectors<T, kMaxScalars * kScanTile> scalars;
    Vectors<T, 16 * kScanTile> states;
    Vectors<T, kMaxReadout * kScanTile> packed_q;
    const Index most_steps = std::min(tile_steps, N);
    clear_padding(groups, W, packed, most_steps * P);
    for (std::size_t g = 0; g < groups.size(); ++g) {
      if (groups[g].count < W) std::fill_n(carry[g].at, S * W, T(0));
      pack(groups[g], {}, initial, S, 0, 1, W, carry[g].at);
      theta[g] = angles[g].load(call, groups[g], W);
    }
    for (Index begin = 0; begin < N; begin += tile_steps) {
      check_stop();
      const Index steps = std::min(tile_steps, N - begin);
      for (std::size_t g = 0; g < groups.size(); ++g) {
        const LaneGroup& group = groups[g];
        if (starts.rows.data != nullptr) {
          unpack(group, start_rows(starts, stretch), carry[g].at, S, begin / tile_steps, 1, W,
                 starts.rows);
        }
        const auto in = planes_of(group, map, call.projection, P, begin, steps, W, packed.at);
        const LanePlanes<T> out = shown ? planes_for(group, map, q, Q, begin, W, packed_q.at)
                                        : LanePlanes<T>{packed_q.at, Q * W, W};
        const bool direct = readout == Readout::linear;
        const LanePlanes<T> h = direct ? out : LanePlanes<T>{states.at, S * W, W};
        make_scalars({&shape, steps, in, scalars.at});
        kernel({&shape, steps, in, scalars.at, theta[g], h, carry[g].at});
        if (!direct) show(steps, {h.at, h.step, h.plane}, out);
        if (shown) put_back(group, map, packed_q.at, Q, begin, steps, W, q);
      }
    }
    if (final.data == nullptr) return;
    for (std::size_t g = 0; g < groups.size(); ++g) {
      unpack(groups[g], {}, carry[g].at, S, 0, 1, W, final);
    }
  });
}

template <class T>
void run_backward(const ScanCall<T>& call, const ScanStretch& stretch,
                  const TileStarts<const T>& starts, Readout readout, MatrixView<const T> dq,
                  MatrixView<const T> d_final, Gradients gradients, MatrixView<T> d_projection,
                  MatrixView<T> d_initial, MatrixView<T> d_angles) {
  const ScanShape& shape = call.shape;
  const MixerConfig& mixer = shape.mixer;
  const Index W = lane_count<T>(), P = shape.planes(), S = shape.state_width(), H = shape.heads();
  const Index Q = readout_width(readout, mixer.complex_state);
  const Index tile_steps = shape.tile_steps(), N = stretch.steps;
  const ScanScalarsKernel<T> make_scalars = scan_scalars_kernel<T>();
  const ScanForwardKernel<T> forward = scan_forward_kernel<T>(mixer);
  const ScanBackwardKernel<T> backward = scan_backward_kernel<T>(mixer);
  const ReadoutBackwardKernel<T> show_backward =
      readout_backward_kernel<T>(readout, mixer.complex_state);
  const RowMap& map = stretch.map;
  const bool all = gradients == Gradients::all;

  for_bunches<T>(stretch, H, [&](std::span<const LaneGroup> groups) {
    Vectors<T, 16> carry[kTogether];
    Vectors<T, 8> angle_sums[kTogether];
    PackedAngles<T> angles[kTogether];
    LaneAngles<T> theta[kTogether];
    Vectors<T, 16> start;
    Vectors<T, kMaxPlanes * kScanTile> packed, d_packed;
    Vectors<T, kMaxScalars * kScanTile> scalars;
    Vectors<T, 16 * kScanTile> states, inside, d_states;
    Vectors<T, kMaxReadout * kScanTile> packed_dq;
    const Index most_steps = std::min(tile_steps, N);
    clear_padding(groups, W, start, S);
    clear_padding(groups, W, packed, most_steps * P);
    clear_padding(groups, W, packed_dq, most_steps * Q);
    for (std::size_t g = 0; g < groups.size(); ++g) {
      std::fill_n(carry[g].at, S * W, T(0));
      std::fill_n(angle_sums[g].at, 8 * W, T(0));
      if (d_final.data != nullptr) pack(groups[g], {}, d_final, S, 0, 1, W, carry[g].at);
      theta[g] = angles[g].load(call, groups[g], W);
    }
    for (Index tile = (N + tile_steps - 1) / tile_steps; tile-- > 0;) {
      check_stop();
      const Index begin = tile * tile_steps, steps = std::min(tile_steps, N - begin);
      for (std::size_t g = 0; g < groups.size(); ++g) {
        const LaneGroup& group = groups[g];
        load_starts(starts, stretch, group, S, begin, W, start.at);
        const auto in = planes_of(group, map, call.projection, P, begin, steps, W, packed.at);
        const LanePlanes<T> h{states.at, S * W, W};
        make_scalars({&shape, steps, in, scalars.at});
        forward({&shape, steps, in, scalars.at, theta[g], h, start.at, inside.at});

        LanePlanes<const T> r = planes_of(group, map, dq, Q, begin, steps, W, packed_dq.at);
        if (readout != Readout::linear) {
          show_backward(steps, {h.at, h.step, h.plane}, r, {d_states.at, S * W, W});
          r = {d_states.at, S * W, W};
        }
        const LanePlanes<T> out =
            all ? planes_for(group, map, d_projection, P, begin, W, d_packed.at)
                : LanePlanes<T>{d_packed.at, P * W, W};
        backward({&shape, steps, in, scalars.at, theta[g], r, inside.at, out, angle_sums[g].at,
                  carry[g].at});
        if (all) put_back(group, map, d_packed.at, P, begin, steps, W, d_projection);
      }
    }
    for (std::size_t g = 0; g < groups.size(); ++g) {
      unpack(groups[g], {}, carry[g].at, S, 0, 1, W, d_initial);
      if (mixer.rotation) unpack(groups[g], {}, angle_sums[g].at, 8, 0, 1, W, d_angles);
    }
  });
}

template <class T>
void run_maps(const ScanCall<T>& call, const ScanStretch& stretch, bool offsets,
              MatrixView<T> maps) {
  const ScanShape& shape = call.shape;
  const MixerConfig& mixer = shape.mixer;
  const Index W = lane_count<T>(), P = shape.planes(), S = shape.state_width(), H = shape.heads();
  const Index tile_steps = shape.tile_steps(), N = stretch.steps;
  const ScanScalarsKernel<T> make_scalars = scan_scalars_kernel<T>();
  const ScanForwardKernel<T> forward = scan_forward_kernel<T>(mixer);
  const ScanMapKernels<T> map_kernels = scan_map_kernels<T>(mixer);

  for_bunches<T>(stretch, H, [&](std::span<const LaneGroup> groups) {
    Vectors<T, 9 * 16> map[kTogether];  // [9, S, W]; without rotation the last one holds b alone
    Vectors<T, 8 * 8> columns[kTogether];
    Vectors<T, 8> companion[kTogether];
    Vectors<T, 2> scale[kTogether];
    PackedAngles<T> angles[kTogether];
    LaneAngles<T> theta[kTogether];
    Vectors<T, kMaxPlanes * kScanTile> packed;
    Vectors<T, kMaxScalars * kScanTile> scalars;
    Vectors<T, 8 * kScanTile> units;
    Vectors<T, 16> unused;
    clear_padding(groups, W, packed, std::min(tile_steps, N) * P);
    const auto tile_of = [&](std::size_t g, Index steps, LanePlanes<const T> in) {
      return ScanMapTile<T>{&shape,        steps,           in,         scalars.at, units.at,
                            columns[g].at, companion[g].at, scale[g].at};
    };
    for (std::size_t g = 0; g < groups.size(); ++g) {
      std::fill_n(map[g].at, 9 * S * W, T(0));
      for (Index j = 0; j < 8; ++j) std::fill_n(map[g].at + (j * S + j) * W, W, T(1));
      map_kernels.start(tile_of(g, 0, {}));
      theta[g] = angles[g].load(call, groups[g], W);
    }
    for (Index begin = 0; begin < N; begin += tile_steps) {
      check_stop();
      const Index steps = std::min(tile_steps, N - begin);
      for (std::size_t g = 0; g < groups.size(); ++g) {
        const auto in =
            planes_of(groups[g], stretch.map, call.projection, P, begin, steps, W, packed.at);
        const auto run_column = [&](Index column, bool homogeneous) {
          T* carry = map[g].at + column * S * W;
          forward({&shape,
                   steps,
                   in,
                   scalars.at,
                   theta[g],
                   {unused.at, 0, W},
                   carry,
                   nullptr,
                   homogeneous});
        };
        make_scalars({&shape, steps, in, scalars.at});
        if (offsets && mixer.gates) run_column(8, false);  // without gates there is no c
        if (mixer.rotation) {
          for (Index j = 0; j < 8; ++j) run_column(j, true);
        } else {
          map_kernels.turns(tile_of(g, steps, in));
          map_kernels.columns(tile_of(g, steps, in));
        }
      }
    }
    for (std::size_t g = 0; g < groups.size(); ++g) {
      if (!mixer.rotation) map_kernels.finish(tile_of(g, 0, {}), map[g].at);
      unpack(groups[g], {}, map[g].at, (offsets ? 9 : 8) * S, 0, 1, W, maps);
    }
  });
}

template <class T>
std::optional<Index> steps_to_forget(const ScanCall<T>& call, const ScanStretch& stretch,
                                     ScanPass pass) {
  const ScanShape& shape = call.shape;
  if (!shape.mixer.gates) return {};
  constexpr T kEps = std::numeric_limits<T>::epsilon();
  const Index W = lane_count<T>(), H = shape.heads(), N = stretch.steps, tile = shape.tile_steps();
  const MatrixView<const T> z =
      call.projection.block(0, shape.z_plane() * H, call.projection.rows, H);
  const GateProduct<T> multiply_gates = gate_product_kernel<T>();
  std::atomic<Index> longest = 0;  // a maximum: the same whichever thread comes first
  for_bunches<T>(stretch, H, [&](std::span<const LaneGroup> groups) {
    Vectors<T, kScanTile> packed;
    clear_padding(groups, W, packed, std::min(tile, N));
    for (const LaneGroup& group : groups) {
      Vectors<T, 1> product;
      std::fill_n(product.at, W, T(1));
      const auto remembered = [&] {  // NaN is
        return std::any_of(product.at, product.at + group.count,
                           [](T left) { return !(left < kEps * kEps); });
      };
      Index seen = 0;
      while (seen < N && remembered()) {
        const Index steps = std::min(tile, N - seen);
        const Index begin = pass == ScanPass::forward ? N - seen - steps : seen;
        multiply_gates(planes_of(group, stretch.map, z, 1, begin, steps, W, packed.at), steps,
                       product.at);
        seen += steps;
      }
      if (remembered()) seen = N + 1;
      for (Index most = longest; most < seen && !longest.compare_exchange_weak(most, seen);) {
      }
    }
  });
  return longest > N ? std::optional<Index>() : longest.load();
}

#define LIOR_INSTANTIATE(T)                                                                      \
  template void run_forward(const ScanCall<T>&, const ScanStretch&, MatrixView<const T>,         \
                            MatrixView<T>, Readout, MatrixView<T>, const TileStarts<T>&);        \
  template void run_backward(const ScanCall<T>&, const ScanStretch&, const TileStarts<const T>&, \
                             Readout, MatrixView<const T>, MatrixView<const T>, Gradients,       \
                             MatrixView<T>, MatrixView<T>, MatrixView<T>);                       \
  template void run_maps(const ScanCall<T>&, const ScanStretch&, bool, MatrixView<T>);           \
  template std::optional<Index> steps_to_forget(const ScanCall<T>&, const ScanStretch&, ScanPass)
LIOR_INSTANTIATE(float);
LIOR_INSTANTIATE(double);
#undef LIOR_INSTANTIATE

}  // namespace lior::nn
