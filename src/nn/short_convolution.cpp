// SPDX-License-Identifier: Apache-2.0
#include "lior/nn/short_convolution.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nn/kernels/short_convolution.inl.h"
#include <hwy/foreach_target.h>
#include "nn/kernels/short_convolution.inl.h"

#if HWY_ONCE
#include <algorithm>

#include "lior/core/parallel.h"
#include "lior/core/profile.h"
#include "lior/simd/dispatch.h"
#include "nn/arguments.h"

namespace lior::nn {
namespace {

using linalg::MatrixView;

constexpr double kTapDeviation = 0.3;
constexpr Index kLineBytes = 64;  // a thread's channels are whole cache lines

/// Rows per sequence, when all shapes fit.
template <class T>
Index check_shapes(Index batch, View<const T, 2> x, View<const T, 2> taps) {
  const Index R = x.extent(0), K = taps.extent(0);
  LIOR_CHECK(batch >= 0 && (batch > 0 ? R % batch == 0 : R == 0),
             "{} rows of x are not those of {} sequences of one length", R, batch);
  LIOR_CHECK(K >= 1 && K <= kMostTaps, "taps has {} rows; expected 1 to {}", K, kMostTaps);
  check_matrix(MatrixView<const T>(taps), K, x.extent(1), "taps");
  return batch > 0 ? R / batch : 0;
}

/// body(first channel, channels) on whole cache lines of T.
template <class T, class Body>
void over_channels(Index channels, Index rows, const Body& body) {
  const Index line = kLineBytes / static_cast<Index>(sizeof(T));
  parallel_for((channels + line - 1) / line, std::max<Index>(1, rows_per_thread(line) / (rows + 1)),
               [&](Index first, Index last, int) {
                 const Index begin = first * line;
                 body(begin, std::min(channels, last * line) - begin);
               });
}

/// before [K-1, D] <- the last K-1 rows of (before, x), oldest first.
template <class T>
void keep_last(MatrixView<const T> x, MatrixView<T> before) {
  for (Index i = 0; i < before.rows; ++i) {
    const Index n = x.rows - before.rows + i;
    const T* row = n >= 0 ? x.data + n * x.stride : before.data + (i + x.rows) * before.stride;
    std::copy_n(row, before.cols, before.data + i * before.stride);
  }
}

}  // namespace

template <class T>
void short_convolution_forward(Index batch, View<const T, 2> x, View<const T, 2> taps,
                               MatrixView<T> before, View<T, 2> out) {
  const Index N = check_shapes(batch, x, taps), K = taps.extent(0), D = x.extent(1);
  const ProfiledOp op("convolution", 2.0 * K * x.size(), 2.0 * sizeof(T) * x.size());
  check_shape(out, x.shape(), "out");
  const bool has_state = before.data != nullptr && K > 1;
  if (has_state) check_matrix(before, batch, (K - 1) * D, "before");
  const auto kernel = LIOR_SIMD_TABLE(convolve_forward<T>).chosen();
  over_channels<T>(D, batch * N, [&](Index begin, Index channels) {
    const auto columns = [&](MatrixView<const T> rows) {
      return rows.block(0, begin, rows.rows, channels);
    };
    for (Index b = 0; b < batch; ++b) {
      const MatrixView<const T> sequence(x.data() + b * N * D, N, D, D);
      const MatrixView<T> past(has_state ? before.data + b * before.stride : nullptr, K - 1, D, D);
      kernel(columns(sequence), columns(taps),
             has_state ? columns(past) : MatrixView<const T>(nullptr, 0, channels, D),
             MatrixView<T>(out.data() + b * N * D, N, D, D).block(0, begin, N, channels));
      if (has_state) keep_last(columns(sequence), past.block(0, begin, K - 1, channels));
    }
  });
}

template <class T>
void short_convolution_backward(Index batch, View<const T, 2> x, View<const T, 2> taps,
                                View<T, 2> dx, View<T, 2> d_taps) {
  const Index N = check_shapes(batch, x, taps), K = taps.extent(0), D = x.extent(1);
  const ProfiledOp op("convolution", 4.0 * K * x.size(), 3.0 * sizeof(T) * x.size());
  check_shape(dx, x.shape(), "dx");
  check_shape(d_taps, taps.shape(), "d_taps");
  const auto kernel = LIOR_SIMD_TABLE(convolve_backward<T>).chosen();
  over_channels<T>(D, batch * N, [&](Index begin, Index channels) {
    for (Index b = 0; b < batch; ++b) {
      kernel(MatrixView<const T>(x.data() + b * N * D, N, D, D).block(0, begin, N, channels),
             MatrixView<const T>(taps).block(0, begin, K, channels),
             MatrixView<T>(dx.data() + b * N * D, N, D, D).block(0, begin, N, channels),
             MatrixView<T>(d_taps).block(0, begin, K, channels));
    }
  });
}

namespace {

/// Random taps from the start tell a token's neighbours apart at once (docs/decisions/024).
template <class T>
class ShortConvolutionLayer final : public Layer<T> {
 public:
  ShortConvolutionLayer(Index taps, Index d_model, const std::string& prefix, Layout& layout)
      : d_model_(d_model), taps_(layout.add(prefix + "weight", {taps, d_model}, true)) {}

  void initialize(Initializer<T>& initializer) const override {
    initializer.fill_normal(taps_, kTapDeviation);
  }

  Index state_size() const override { return (taps_.shape[0] - 1) * d_model_; }

  bool can_be_shared() const override { return true; }

  void forward(const LayerCall<T>& call, MatrixView<T> state, View<T, 2> out) const override {
    if (call.sequences.stretch.is_shared()) return forward_shared(call, state, out);
    if (call.arena.planning() || out.empty()) return;
    call.sequences.for_each_call([&](Index first, Index row, const Sequences& sequences) {
      const auto before =
          state.data == nullptr ? state : state.block(first, 0, sequences.batch, state.cols);
      short_convolution_forward<T>(sequences.batch, rows_of(call.x, row, sequences),
                                   taps_.in(call.values), before, rows_of(out, row, sequences));
    });
  }

  void backward(const LayerCall<T>& call, View<T, 2> dx, std::span<T> d_values) const override {
    if (call.sequences.stretch.is_shared()) return backward_shared(call, dx, d_values);
    if (call.arena.planning()) return;
    call.sequences.for_each_call([&](Index, Index row, const Sequences& sequences) {
      short_convolution_backward<T>(sequences.batch, rows_of(call.x, row, sequences),
                                    taps_.in(call.values), rows_of(dx, row, sequences),
                                    taps_.in(d_values));
    });
  }

 private:
  template <class U>
  static View<U, 2> rows_of(View<U, 2> of, Index row, const Sequences& sequences) {
    return {of.data() + row * of.extent(1), {sequences.rows(), of.extent(1)}};
  }
  Halo halo(const LayerCall<T>& call) const { return {call.sequences, taps_.shape[0] - 1}; }

  /// A stretch with its halo begins where the sequences do, or has all that its own rows see: it
  /// takes the state before the first token either way.
  void forward_shared(const LayerCall<T>& call, MatrixView<T> state, View<T, 2> out) const {
    if (out.empty()) return;
    Arena& arena = call.arena;
    const Arena::Scope scope(arena);
    const Halo halo = this->halo(call);
    const auto x = halo.extend<T>(call.x, arena);
    const auto extended_out = arena.take<T, 2>(x.shape());
    if (!arena.planning()) {
      short_convolution_forward<T>(call.sequences.batch, x, taps_.in(call.values), state,
                                   extended_out);
      halo.take_own<T>(View<const T, 2>(extended_out), out);
    }
    call.sequences.stretch.share_last(state, arena);
  }

  void backward_shared(const LayerCall<T>& call, View<T, 2> dx, std::span<T> d_values) const {
    Arena& arena = call.arena;
    const Arena::Scope scope(arena);
    const Halo halo = this->halo(call);
    const auto x = halo.extend<T>(call.x, arena);
    const auto extended_dx = halo.pad<T>(View<const T, 2>(dx), arena);
    if (!arena.planning()) {
      short_convolution_backward<T>(call.sequences.batch, x, taps_.in(call.values), extended_dx,
                                    taps_.in(d_values));
      halo.take_own<T>(View<const T, 2>(extended_dx), dx);
    }
    halo.give_back<T>(View<const T, 2>(extended_dx), dx, arena);
  }

  Index d_model_;
  Slot taps_;
};

}  // namespace

template <class T>
std::unique_ptr<Layer<T>> short_convolution_layer(Index taps, Index d_model,
                                                  const std::string& prefix, Layout& layout) {
  return std::make_unique<ShortConvolutionLayer<T>>(taps, d_model, prefix, layout);
}

#define LIOR_INSTANTIATE(T)                                                                       \
  template void short_convolution_forward(Index, View<const T, 2>, View<const T, 2>,              \
                                          MatrixView<T>, View<T, 2>);                             \
  template void short_convolution_backward(Index, View<const T, 2>, View<const T, 2>, View<T, 2>, \
                                           View<T, 2>);                                           \
  template std::unique_ptr<Layer<T>> short_convolution_layer(Index, Index, const std::string&,    \
                                                             Layout&)
LIOR_INSTANTIATE(float);
LIOR_INSTANTIATE(double);
#undef LIOR_INSTANTIATE

}  // namespace lior::nn
#endif
