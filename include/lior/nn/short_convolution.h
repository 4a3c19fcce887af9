// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A convolution over the last few tokens, one filter a channel, added to what it reads.

#include <memory>
#include <string>

#include "lior/nn/layer.h"

namespace lior::nn {

/// Longest filter, in tokens.
inline constexpr Index kMostTaps = 16;

/// out_n = x_n + sum_{k < K} taps_k * x_{n-k} within each of `batch` sequences, channel by channel.
///
/// x, out [B N, D], distinct: row b N + n is token n of sequence b. taps [K, D], 1 <= K <= 16; tap
/// 0 is the token's own. `before` [B, (K-1) D]: the K-1 rows before each sequence, the oldest
/// first; afterwards those before the next token. With data null, zeros, and nothing is kept. 2 B N
/// K D operations; threads over channels: bit-equal across thread counts. Throws lior::Error when
/// shapes do not fit.
template <class T>
void short_convolution_forward(Index batch, View<const T, 2> x, View<const T, 2> taps,
                               linalg::MatrixView<T> before, View<T, 2> out);

/// From zeros before each sequence. dx [B N, D]: the gradient of out in, of x out; d_taps [K, D]
/// summed into. 4 B N K D operations. Threads and errors as forward.
template <class T>
void short_convolution_backward(Index batch, View<const T, 2> x, View<const T, 2> taps,
                                View<T, 2> dx, View<T, 2> d_taps);

/// The convolution as a layer, its taps [K, D] named `prefix` + "weight".
template <class T>
std::unique_ptr<Layer<T>> short_convolution_layer(Index taps, Index d_model,
                                                  const std::string& prefix, Layout& layout);

namespace reference {
template <class T>
void short_convolution_forward(Index batch, View<const T, 2> x, View<const T, 2> taps,
                               View<T, 2> out);
template <class T>
void short_convolution_backward(Index batch, View<const T, 2> x, View<const T, 2> taps,
                                View<T, 2> dx, View<T, 2> d_taps);
}  // namespace reference

}  // namespace lior::nn
