// SPDX-License-Identifier: Apache-2.0
// Sequences that ranks share, one rank after another.
#include "lior/nn/core.h"

#include <algorithm>

#include "nn/copy_rows.h"

namespace lior::nn {
using linalg::MatrixView;

template <class T>
void Core<T>::forward_shared(const CoreCall<T>& call, MatrixView<T> state, View<T, 2> y) const {
  if (state_size() == 0) return forward(call, state, y);
  const Stretch& stretch = call.sequences.stretch;
  const Arena::Scope scope(call.arena);
  const auto carried = call.arena.template take<T, 2>({call.sequences.batch, state_size()});
  if (call.arena.planning()) {
    forward(call, carried, y);
    return stretch.share_last(MatrixView<T>(carried), call.arena);
  }
  if (state.data == nullptr) {
    initial_state(call.values, carried);
  } else {
    copy_rows<T>(state, carried);
  }
  for (Index place = 0; place < stretch.count; ++place) {
    if (place == stretch.place) forward(call, carried, y);
    if (place + 1 < stretch.count) stretch.hand_on(place, place + 1, carried.span());
  }
  if (state.data == nullptr) return;
  stretch.share_last(MatrixView<T>(carried), call.arena);
  copy_rows<T>(View<const T, 2>(carried), state);
}

template <class T>
void Core<T>::backward_shared(const CoreCall<T>& call, View<const T, 2> y, View<T, 2> dy,
                              MatrixView<T> d_columns, std::span<T> d_values) const {
  if (state_size() == 0) return backward(call, y, dy, d_columns, d_values, {});
  const Stretch& stretch = call.sequences.stretch;
  const Arena::Scope scope(call.arena);
  const auto carried = call.arena.template take<T, 2>({call.sequences.batch, state_size()});
  if (call.arena.planning()) return backward(call, y, dy, d_columns, d_values, carried);
  std::fill(carried.begin(), carried.end(), T(0));  // nothing reads the last state
  for (Index place = stretch.count; place-- > 0;) {
    if (place == stretch.place) backward(call, y, dy, d_columns, d_values, carried);
    if (place > 0) stretch.hand_on(place, place - 1, carried.span());
  }
  if (stretch.place == 0) initial_state_backward(call.values, carried, d_values);
}

#define LIOR_INSTANTIATE(T)                                                                   \
  template void Core<T>::forward_shared(const CoreCall<T>&, MatrixView<T>, View<T, 2>) const; \
  template void Core<T>::backward_shared(const CoreCall<T>&, View<const T, 2>, View<T, 2>,    \
                                         MatrixView<T>, std::span<T>) const
LIOR_INSTANTIATE(float);
LIOR_INSTANTIATE(double);
#undef LIOR_INSTANTIATE

}  // namespace lior::nn
