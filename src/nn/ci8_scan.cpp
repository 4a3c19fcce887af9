#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nn/kernels/ci8_scan.inl.h"
#include <hwy/foreach_target.h>
#include "nn/kernels/ci8_scan.inl.h"

#if HWY_ONCE
#include "lior/core/buffer.h"
#include "lior/core/denormals.h"
#include "lior/core/parallel.h"
#include "lior/core/profile.h"
#include "lior/simd/dispatch.h"

namespace lior::nn {
namespace {

using algebra::Transition;

// A worker's packed chunk lives on its stack and in its first-level cache.
constexpr Index kChunkBytes = 24 * 1024;
template <class T>
constexpr Index kMaxLanes = 64 / sizeof(T);

template <class T>
void check_scan(const ScanShape& shape, linalg::MatrixView<const T> projection,
                View<const T, 3> initial, View<const T, 2> angles) {
  const MixerConfig& mixer = shape.mixer;
  const Index B = shape.batch, N = shape.length, H = mixer.heads;
  LIOR_CHECK(B >= 0 && N >= 0, "the scan of {} sequences of {} steps cannot be; both must be >= 0",
             B, N);
  LIOR_CHECK(H >= 1, "heads = {}; it must be >= 1", H);
  LIOR_CHECK(mixer.factors >= 1 && mixer.factors <= kMaxFactors, "factors = {}; it must be 1 to {}",
             mixer.factors, kMaxFactors);
  LIOR_CHECK(mixer.complex_state || (!mixer.phase && !mixer.rotation),
             "phase and rotation turn complex states; set complex_state");
  LIOR_CHECK(projection.rows == B * N && projection.cols == shape.width(),
             "projection is {} x {}; expected {} x {}", projection.rows, projection.cols, B * N,
             shape.width());
  check_shape(initial, {B, shape.state_width(), H}, "initial");
  if (mixer.rotation) check_shape(angles, {8, H}, "angles");
}

template <class T>
using ForwardKernel = void (*)(const ScanForwardChunk<T>&) noexcept;
template <class T>
using BackwardKernel = void (*)(const ScanBackwardChunk<T>&) noexcept;

template <Transition kTransition, class T>
ForwardKernel<T> forward_kernel_of(bool complex_state) {
  return complex_state ? LIOR_SIMD_TABLE(scan_forward_chunk<kTransition, true, T>).chosen()
                       : LIOR_SIMD_TABLE(scan_forward_chunk<kTransition, false, T>).chosen();
}

template <Transition kTransition, class T>
BackwardKernel<T> backward_kernel_of(bool complex_state) {
  return complex_state ? LIOR_SIMD_TABLE(scan_backward_chunk<kTransition, true, T>).chosen()
                       : LIOR_SIMD_TABLE(scan_backward_chunk<kTransition, false, T>).chosen();
}

template <class T>
ForwardKernel<T> forward_kernel(const MixerConfig& mixer) {
  switch (mixer.transition) {
    case Transition::right: return forward_kernel_of<Transition::right, T>(mixer.complex_state);
    case Transition::left: return forward_kernel_of<Transition::left, T>(mixer.complex_state);
    case Transition::two_sided: break;
  }
  return forward_kernel_of<Transition::two_sided, T>(mixer.complex_state);
}

template <class T>
BackwardKernel<T> backward_kernel(const MixerConfig& mixer) {
  switch (mixer.transition) {
    case Transition::right: return backward_kernel_of<Transition::right, T>(mixer.complex_state);
    case Transition::left: return backward_kernel_of<Transition::left, T>(mixer.complex_state);
    case Transition::two_sided: break;
  }
  return backward_kernel_of<Transition::two_sided, T>(mixer.complex_state);
}

/// One row a sequence: [B, C, H] as a matrix.
template <class T>
linalg::MatrixView<T> sequence_rows(View<T, 3> view) {
  return {view.data(), view.extent(0), view.extent(1) * view.extent(2),
          view.extent(1) * view.extent(2)};
}

/// One row a token: [B, N, C, H] as a matrix.
template <class T>
linalg::MatrixView<T> token_rows(View<T, 4> view) {
  const Index width = view.extent(2) * view.extent(3);
  return {view.data(), view.extent(0) * view.extent(1), width, width};
}

/// A group's planes where they lie: all its lanes in one sequence, side by side.
template <class T>
LanePlanes<T> planes_in_place(const LaneGroup& group, linalg::MatrixView<T> rows, Index begin) {
  const Index row = group.first / group.heads * group.length + begin;
  return {rows.data + row * rows.stride + group.first % group.heads, rows.stride, group.heads};
}

/// theta of a group's lanes as cosines and sines [8, W].
template <class T>
struct Angles {
  alignas(kAlignment) T cosines[8 * kMaxLanes<T>];
  alignas(kAlignment) T sines[8 * kMaxLanes<T>];

  void load(LaneGroup group, View<const T, 2> angles, Index W) {
    alignas(kAlignment) T packed[8 * kMaxLanes<T>];
    group.length = 0;  // every sequence reads row 0
    pack<T>(group, {angles.data(), 1, angles.size(), angles.size()}, 8, 0, 1, W, packed);
    LIOR_SIMD_TABLE(cosines_and_sines<T>).chosen()(packed, 8, cosines, sines);
  }
};

/// What forward reads and writes; backward moves three times as much.
double scan_numbers(const ScanShape& shape) {
  return static_cast<double>(shape.batch * shape.length) *
         static_cast<double>(shape.width() + shape.state_width() * shape.heads());
}

}  // namespace

template <class T>
void ci8_scan_forward(const ScanShape& shape, linalg::MatrixView<const T> projection,
                      View<const T, 3> initial, View<const T, 2> angles, View<T, 4> states) {
  const ProfiledOp op("scan", shape.turn_flops(), sizeof(T) * scan_numbers(shape));
  check_scan(shape, projection, initial, angles);
  const Index B = shape.batch, N = shape.length, H = shape.heads(), S = shape.state_width();
  check_shape(states, {B, N, S, H}, "states");
  if (N == 0) return;

  const Index W = LIOR_SIMD_TABLE(lane_count<T>).chosen()();
  const ForwardKernel<T> kernel = forward_kernel<T>(shape.mixer);
  const linalg::MatrixView<T> state_rows = token_rows(states);
  const Index P = shape.planes();
  const Index chunk_steps = kChunkBytes / (static_cast<Index>(sizeof(T)) * W * (P + S));

  parallel_for((B * H + W - 1) / W, 1, [&](Index begin_group, Index end_group, int) {
    const FlushDenormals flush;
    alignas(kAlignment) T carry[16 * kMaxLanes<T>];
    alignas(kAlignment) T packed[kChunkBytes / sizeof(T)];
    Angles<T> turn;
    for (Index g = begin_group; g < end_group; ++g) {
      const LaneGroup group{g * W, std::min(W, B * H - g * W), H, N};
      pack<T>({group.first, group.count, H, 1}, sequence_rows(initial), S, 0, 1, W, carry);
      if (shape.mixer.rotation) turn.load(group, angles, W);
      const auto run = [&](Index steps, LanePlanes<const T> in, LanePlanes<T> out) {
        kernel({&shape, steps, in, out, turn.cosines, turn.sines, carry});
      };
      if (H % W == 0) {
        run(N, planes_in_place(group, projection, 0), planes_in_place(group, state_rows, 0));
        continue;
      }
      for (Index begin = 0; begin < N; begin += chunk_steps) {
        const Index steps = std::min(chunk_steps, N - begin);
        T* packed_states = packed + steps * P * W;
        pack(group, projection, P, begin, steps, W, packed);
        run(steps, {packed, P * W, W}, {packed_states, S * W, W});
        unpack(group, packed_states, S, begin, steps, W, state_rows);
      }
    }
  });
}

template <class T>
void ci8_scan_backward(const ScanShape& shape, linalg::MatrixView<const T> projection,
                       View<const T, 3> initial, View<const T, 2> angles, View<const T, 4> states,
                       View<const T, 4> d_states, linalg::MatrixView<T> d_projection,
                       View<T, 3> d_initial, View<T, 3> d_angles) {
  const ProfiledOp op("scan", 4 * shape.turn_flops(), 3 * sizeof(T) * scan_numbers(shape));
  check_scan(shape, projection, initial, angles);
  const Index B = shape.batch, N = shape.length, H = shape.heads(), S = shape.state_width();
  check_shape(states, {B, N, S, H}, "states");
  check_shape(d_states, {B, N, S, H}, "d_states");
  check_shape(d_initial, {B, S, H}, "d_initial");
  if (shape.mixer.rotation) check_shape(d_angles, {B, 8, H}, "d_angles");
  LIOR_CHECK(d_projection.rows == B * N && d_projection.cols == shape.width(),
             "d_projection is {} x {}; expected {} x {}", d_projection.rows, d_projection.cols,
             B * N, shape.width());

  const Index W = LIOR_SIMD_TABLE(lane_count<T>).chosen()();
  const BackwardKernel<T> kernel = backward_kernel<T>(shape.mixer);
  const auto state_rows = token_rows(states);
  const auto d_state_rows = token_rows(d_states);
  const Index P = shape.planes();
  const Index chunk_steps = kChunkBytes / (static_cast<Index>(sizeof(T)) * W * (2 * P + 2 * S));

  parallel_for((B * H + W - 1) / W, 1, [&](Index begin_group, Index end_group, int) {
    const FlushDenormals flush;
    alignas(kAlignment) T carry[16 * kMaxLanes<T>];
    alignas(kAlignment) T start[16 * kMaxLanes<T>];
    alignas(kAlignment) T angle_sums[8 * kMaxLanes<T>];
    alignas(kAlignment) T packed[kChunkBytes / sizeof(T)];
    Angles<T> turn;
    for (Index g = begin_group; g < end_group; ++g) {
      const LaneGroup group{g * W, std::min(W, B * H - g * W), H, N};
      const LaneGroup sequence_group{group.first, group.count, H, 1};
      std::fill_n(carry, S * W, T(0));
      std::fill_n(angle_sums, 8 * W, T(0));
      pack<T>(sequence_group, sequence_rows(initial), S, 0, 1, W, start);
      if (shape.mixer.rotation) turn.load(group, angles, W);
      const auto run = [&](Index steps, LanePlanes<const T> in, LanePlanes<const T> previous,
                           LanePlanes<const T> read_out, LanePlanes<T> d_in) {
        kernel({&shape, steps, in, previous, read_out, d_in, turn.cosines, turn.sines, angle_sums,
                carry});
      };
      const LanePlanes<const T> start_planes{start, 0, W};
      if (H % W == 0 && N > 0) {
        run(N - 1, planes_in_place(group, projection, 1), planes_in_place(group, state_rows, 0),
            planes_in_place(group, d_state_rows, 1), planes_in_place(group, d_projection, 1));
        run(1, planes_in_place(group, projection, 0), start_planes,
            planes_in_place(group, d_state_rows, 0), planes_in_place(group, d_projection, 0));
      } else {
        for (Index end = N; end > 0;) {
          const Index begin = std::max<Index>(0, end - chunk_steps), steps = end - begin;
          T* previous = packed + steps * P * W;
          T* read_out = previous + steps * S * W;
          T* d_in = read_out + steps * S * W;
          pack(group, projection, P, begin, steps, W, packed);
          pack(group, d_state_rows, S, begin, steps, W, read_out);
          if (begin > 0) {
            pack(group, state_rows, S, begin - 1, steps, W, previous);
          } else {
            std::copy_n(start, S * W, previous);
            pack(group, state_rows, S, 0, steps - 1, W, previous + S * W);
          }
          run(steps, {packed, P * W, W}, {previous, S * W, W}, {read_out, S * W, W},
              {d_in, P * W, W});
          unpack(group, d_in, P, begin, steps, W, d_projection);
          end = begin;
        }
      }
      unpack(sequence_group, carry, S, 0, 1, W, sequence_rows(d_initial));
      if (shape.mixer.rotation) {
        unpack(sequence_group, angle_sums, 8, 0, 1, W, sequence_rows(d_angles));
      }
    }
  });
}

template void ci8_scan_forward(const ScanShape&, linalg::MatrixView<const float>,
                               View<const float, 3>, View<const float, 2>, View<float, 4>);
template void ci8_scan_forward(const ScanShape&, linalg::MatrixView<const double>,
                               View<const double, 3>, View<const double, 2>, View<double, 4>);
template void ci8_scan_backward(const ScanShape&, linalg::MatrixView<const float>,
                                View<const float, 3>, View<const float, 2>, View<const float, 4>,
                                View<const float, 4>, linalg::MatrixView<float>, View<float, 3>,
                                View<float, 3>);
template void ci8_scan_backward(const ScanShape&, linalg::MatrixView<const double>,
                                View<const double, 3>, View<const double, 2>, View<const double, 4>,
                                View<const double, 4>, linalg::MatrixView<double>, View<double, 3>,
                                View<double, 3>);

}  // namespace lior::nn
#endif
