// SPDX-License-Identifier: Apache-2.0
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nn/kernels/readout.inl.h"
#include <hwy/foreach_target.h>
#include "nn/kernels/readout.inl.h"

#if HWY_ONCE
#include "lior/core/buffer.h"
#include "lior/core/parallel.h"
#include "lior/core/profile.h"
#include "lior/nn/readout.h"
#include "lior/simd/dispatch.h"
#include "nn/arguments.h"
#include "nn/readout_kernel.h"

namespace lior::nn {
namespace {

constexpr Index kRowsPerThread = 64;
constexpr Index kPackedBytes = (16 + 80 + 16) * 64;  // a worker's packed group, on its stack

template <Readout kReadout, class T>
ReadoutForwardKernel<T> forward_kernel_of(bool complex_state) {
  return complex_state ? LIOR_SIMD_TABLE(readout_forward_steps<kReadout, true, T>).chosen()
                       : LIOR_SIMD_TABLE(readout_forward_steps<kReadout, false, T>).chosen();
}

template <Readout kReadout, class T>
ReadoutBackwardKernel<T> backward_kernel_of(bool complex_state) {
  return complex_state ? LIOR_SIMD_TABLE(readout_backward_steps<kReadout, true, T>).chosen()
                       : LIOR_SIMD_TABLE(readout_backward_steps<kReadout, false, T>).chosen();
}

/// Lane groups of the (row, head) pairs of rows [begin, end).
template <class Body>
void for_groups(Index begin, Index end, Index H, Index W, Body&& body) {
  for (Index pair = begin * H; pair < end * H; pair += W) {
    body(LaneGroup{pair, std::min(W, end * H - pair), H});
  }
}

}  // namespace

Index readout_width(Readout readout, bool complex_state) {
  switch (readout) {
    case Readout::linear: return complex_state ? 16 : 8;
    case Readout::quadratic: return complex_state ? 64 : 36;
    case Readout::linear_quadratic: return complex_state ? 80 : 44;
    case Readout::invariants: break;
  }
  return complex_state ? 22 : 15;
}

template <class T>
ReadoutForwardKernel<T> readout_forward_kernel(Readout readout, bool complex_state) {
  switch (readout) {
    case Readout::linear: return forward_kernel_of<Readout::linear, T>(complex_state);
    case Readout::quadratic: return forward_kernel_of<Readout::quadratic, T>(complex_state);
    case Readout::invariants: return forward_kernel_of<Readout::invariants, T>(complex_state);
    case Readout::linear_quadratic: break;
  }
  return forward_kernel_of<Readout::linear_quadratic, T>(complex_state);
}

template <class T>
ReadoutBackwardKernel<T> readout_backward_kernel(Readout readout, bool complex_state) {
  switch (readout) {
    case Readout::linear: return backward_kernel_of<Readout::linear, T>(complex_state);
    case Readout::quadratic: return backward_kernel_of<Readout::quadratic, T>(complex_state);
    case Readout::invariants: return backward_kernel_of<Readout::invariants, T>(complex_state);
    case Readout::linear_quadratic: break;
  }
  return backward_kernel_of<Readout::linear_quadratic, T>(complex_state);
}

template <class T>
void readout_forward(const MixerConfig& mixer, linalg::MatrixView<const T> states,
                     linalg::MatrixView<T> q) {
  const Index H = mixer.heads, S = mixer.state_width(), R = states.rows;
  const Index Q = readout_width(mixer.readout, mixer.complex_state);
  const ProfiledOp op("readout", 2.0 * R * H * Q, 1.0 * sizeof(T) * R * H * (S + Q));
  check_matrix(states, R, S * H, "states");
  check_matrix(q, R, Q * H, "q");
  const Index W = LIOR_SIMD_TABLE(readout_lanes<T>).chosen()();
  const auto kernel = readout_forward_kernel<T>(mixer.readout, mixer.complex_state);

  parallel_for(R, kRowsPerThread, [&](Index begin, Index end, int) {
    if (H % W == 0) {
      for (Index head = 0; head < H; head += W) {
        const LaneGroup group{begin * H + head, W, H};
        kernel(end - begin, planes_in_place(group, {}, states, 0),
               planes_in_place(group, {}, q, 0));
      }
      return;
    }
    alignas(kAlignment) T packed[kPackedBytes / sizeof(T)] = {};
    T* packed_q = packed + S * W;
    for_groups(begin, end, H, W, [&](const LaneGroup& group) {
      pack(group, {}, states, S, 0, 1, W, packed);
      kernel(1, {packed, 0, W}, {packed_q, 0, W});
      unpack(group, {}, packed_q, Q, 0, 1, W, q);
    });
  });
}

template <class T>
void readout_backward(const MixerConfig& mixer, linalg::MatrixView<const T> states,
                      linalg::MatrixView<const T> dq, linalg::MatrixView<T> d_states) {
  const Index H = mixer.heads, S = mixer.state_width(), R = states.rows;
  const Index Q = readout_width(mixer.readout, mixer.complex_state);
  const ProfiledOp op("readout", 4.0 * R * H * Q, 1.0 * sizeof(T) * R * H * (2 * S + Q));
  check_matrix(states, R, S * H, "states");
  check_matrix(dq, R, Q * H, "dq");
  check_matrix(d_states, R, S * H, "d_states");
  const Index W = LIOR_SIMD_TABLE(readout_lanes<T>).chosen()();
  const auto kernel = readout_backward_kernel<T>(mixer.readout, mixer.complex_state);

  parallel_for(R, kRowsPerThread, [&](Index begin, Index end, int) {
    if (H % W == 0) {
      for (Index head = 0; head < H; head += W) {
        const LaneGroup group{begin * H + head, W, H};
        kernel(end - begin, planes_in_place(group, {}, states, 0),
               planes_in_place(group, {}, dq, 0), planes_in_place(group, {}, d_states, 0));
      }
      return;
    }
    alignas(kAlignment) T packed[kPackedBytes / sizeof(T)] = {};
    T* packed_dq = packed + S * W;
    T* packed_d_states = packed_dq + Q * W;
    for_groups(begin, end, H, W, [&](const LaneGroup& group) {
      pack(group, {}, states, S, 0, 1, W, packed);
      pack(group, {}, dq, Q, 0, 1, W, packed_dq);
      kernel(1, {packed, 0, W}, {packed_dq, 0, W}, {packed_d_states, 0, W});
      unpack(group, {}, packed_d_states, S, 0, 1, W, d_states);
    });
  });
}

#define LIOR_INSTANTIATE(T)                                                           \
  template void readout_forward(const MixerConfig&, linalg::MatrixView<const T>,      \
                                linalg::MatrixView<T>);                               \
  template void readout_backward(const MixerConfig&, linalg::MatrixView<const T>,     \
                                 linalg::MatrixView<const T>, linalg::MatrixView<T>); \
  template ReadoutForwardKernel<T> readout_forward_kernel(Readout, bool);             \
  template ReadoutBackwardKernel<T> readout_backward_kernel(Readout, bool)

LIOR_INSTANTIATE(float);
LIOR_INSTANTIATE(double);
#undef LIOR_INSTANTIATE

}  // namespace lior::nn
#endif
