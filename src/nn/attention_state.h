// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lior/nn/stretch.h"
#include "lior/nn/tiled_attention.h"

namespace lior::nn {

/// Adds what the halo holds to states of attention; kv [B N, ..] are the keys of all heads, then
/// their values, of the stretch. Collective.
template <class T>
void append_halo(const Halo& halo, TiledAttentionShape heads, linalg::MatrixView<const T> kv,
                 linalg::MatrixView<T> state, Arena& arena) {
  const Arena::Scope scope(arena);
  const linalg::MatrixView<const T> extended(View<const T, 2>(halo.extend<T>(kv, arena)));
  if (arena.planning()) return;
  const Index keys = heads.heads * heads.key_width, each = halo.extended().length;
  heads.batch = 1;
  heads.length = halo.rows();
  for (Index b = 0; b < state.rows; ++b) {
    append_to_attention_state<T>(heads, extended.block(b * each, 0, halo.rows(), keys),
                                 extended.block(b * each, keys, halo.rows(), kv.cols - keys),
                                 state.block(b, 0, 1, state.cols));
  }
}

}  // namespace lior::nn
