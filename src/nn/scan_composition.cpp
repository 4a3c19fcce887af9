// SPDX-License-Identifier: Apache-2.0
#include "lior/nn/scan_composition.h"

#include "nn/ci8_scan_check.h"
#include "nn/ci8_scan_run.h"

namespace lior::nn {
namespace {

/// One head's numbers of a map or a state, out of planes.
template <class T>
struct HeadMap {
  T at[kMapColumns][16];
};

template <class T>
HeadMap<T> load_head(View<const T, 4> map, Index b, Index head) {
  HeadMap<T> loaded;
  for (Index j = 0; j < kMapColumns; ++j) {
    for (Index i = 0; i < map.extent(2); ++i) loaded.at[j][i] = map(b, j, i, head);
  }
  return loaded;
}

/// y += M x.
template <class T>
void add_product(const HeadMap<T>& map, Index S, const T (&x)[16], T (&y)[16]) {
  for (Index j = 0; j < 8; ++j) {
    const T* column = map.at[j];
    for (Index i = 0; i < 8; ++i) y[i] += column[i] * x[j];
    if (S == 8) continue;
    for (Index i = 0; i < 8; ++i) {
      y[i] -= column[8 + i] * x[8 + j];
      y[8 + i] += column[i] * x[8 + j] + column[8 + i] * x[j];
    }
  }
}

/// y += M^dagger x.
template <class T>
void add_adjoint_product(const HeadMap<T>& map, Index S, const T (&x)[16], T (&y)[16]) {
  for (Index j = 0; j < 8; ++j) {
    const T* column = map.at[j];
    for (Index i = 0; i < 8; ++i) y[j] += column[i] * x[i];
    if (S == 8) continue;
    for (Index i = 0; i < 8; ++i) {
      y[j] += column[8 + i] * x[8 + i];
      y[8 + j] += column[i] * x[8 + i] - column[8 + i] * x[i];
    }
  }
}

template <class T>
void check_map(View<T, 4> map, const char* name) {
  LIOR_CHECK(map.extent(1) == kMapColumns && (map.extent(2) == 8 || map.extent(2) == 16),
             "{} has shape {}; a scan's map is [B, 9, 8 or 16, H]", name, to_string(map.shape()));
}

}  // namespace

template <class T>
void scan_map_identity(View<T, 4> map) {
  check_map(map, "map");
  std::fill(map.begin(), map.end(), T(0));
  for (Index b = 0; b < map.extent(0); ++b) {
    for (Index j = 0; j < 8; ++j) {
      for (Index head = 0; head < map.extent(3); ++head) map(b, j, j, head) = 1;
    }
  }
}

template <class T>
void scan_map_compose(View<const T, 4> earlier, View<const T, 4> later, View<T, 4> out) {
  check_map(earlier, "earlier");
  check_shape(later, earlier.shape(), "later");
  check_shape(out, earlier.shape(), "out");
  const Index S = earlier.extent(2);
  for (Index b = 0; b < earlier.extent(0); ++b) {
    for (Index head = 0; head < earlier.extent(3); ++head) {
      const HeadMap<T> first = load_head(earlier, b, head), second = load_head(later, b, head);
      for (Index j = 0; j < kMapColumns; ++j) {
        T column[16] = {};
        if (j == 8) std::copy_n(second.at[8], S, column);
        add_product(second, S, first.at[j], column);
        for (Index i = 0; i < S; ++i) out(b, j, i, head) = column[i];
      }
    }
  }
}

template <class T>
void scan_map_apply(View<const T, 4> map, View<const T, 3> state, View<T, 3> out) {
  check_map(map, "map");
  const Index B = map.extent(0), S = map.extent(2), H = map.extent(3);
  check_shape(state, {B, S, H}, "state");
  check_shape(out, {B, S, H}, "out");
  for (Index b = 0; b < B; ++b) {
    for (Index head = 0; head < H; ++head) {
      const HeadMap<T> loaded = load_head(map, b, head);
      T x[16], y[16];
      for (Index i = 0; i < S; ++i) x[i] = state(b, i, head), y[i] = loaded.at[8][i];
      add_product(loaded, S, x, y);
      for (Index i = 0; i < S; ++i) out(b, i, head) = y[i];
    }
  }
}

template <class T>
void scan_map_apply_adjoint(View<const T, 4> map, View<const T, 3> gradient,
                            View<const T, 3> offset, View<T, 3> out) {
  check_map(map, "map");
  const Index B = map.extent(0), S = map.extent(2), H = map.extent(3);
  check_shape(gradient, {B, S, H}, "gradient");
  check_shape(offset, {B, S, H}, "offset");
  check_shape(out, {B, S, H}, "out");
  for (Index b = 0; b < B; ++b) {
    for (Index head = 0; head < H; ++head) {
      const HeadMap<T> loaded = load_head(map, b, head);
      T x[16], y[16];
      for (Index i = 0; i < S; ++i) x[i] = gradient(b, i, head), y[i] = offset(b, i, head);
      add_adjoint_product(loaded, S, x, y);
      for (Index i = 0; i < S; ++i) out(b, i, head) = y[i];
    }
  }
}

template <class T>
void ci8_scan_map(const ScanShape& shape, linalg::MatrixView<const T> projection,
                  View<const T, 2> angles, View<T, 4> map) {
  check_scan(shape, projection, angles);
  check_shape(map, {shape.batch, kMapColumns, shape.state_width(), shape.heads()}, "map");
  const Index width = kMapColumns * shape.state_width() * shape.heads();
  run_maps<T>({shape, projection, angles}, whole_of(shape), true,
              {map.data(), shape.batch, width, width});
}

template <class T>
void ci8_scan_start_gradient(const ScanShape& shape, linalg::MatrixView<const T> projection,
                             View<const T, 2> angles, View<const T, 4> starts,
                             linalg::MatrixView<const T> dq, View<T, 3> d_initial,
                             View<T, 3> d_angles) {
  check_scan(shape, projection, angles);
  const Index B = shape.batch, S = shape.state_width(), H = shape.heads();
  check_shape(starts, {B, shape.tiles(), S, H}, "starts");
  check_shape(d_initial, {B, S, H}, "d_initial");
  linalg::MatrixView<T> angle_rows;
  if (shape.mixer.rotation) {
    check_shape(d_angles, {B, 8, H}, "d_angles");
    angle_rows = sequence_rows(d_angles);
  }
  run_backward<T>({shape, projection, angles}, whole_of(shape),
                  {.rows = token_rows(starts), .count = shape.tiles(), .every = shape.tile_steps()},
                  shape.mixer.readout, dq, {}, Gradients::of_starts, {}, sequence_rows(d_initial),
                  angle_rows);
}

#define LIOR_INSTANTIATE(T)                                                                   \
  template void scan_map_identity(View<T, 4>);                                                \
  template void scan_map_compose(View<const T, 4>, View<const T, 4>, View<T, 4>);             \
  template void scan_map_apply(View<const T, 4>, View<const T, 3>, View<T, 3>);               \
  template void scan_map_apply_adjoint(View<const T, 4>, View<const T, 3>, View<const T, 3>,  \
                                       View<T, 3>);                                           \
  template void ci8_scan_map(const ScanShape&, linalg::MatrixView<const T>, View<const T, 2>, \
                             View<T, 4>);                                                     \
  template void ci8_scan_start_gradient(const ScanShape&, linalg::MatrixView<const T>,        \
                                        View<const T, 2>, View<const T, 4>,                   \
                                        linalg::MatrixView<const T>, View<T, 3>, View<T, 3>)
LIOR_INSTANTIATE(float);
LIOR_INSTANTIATE(double);
#undef LIOR_INSTANTIATE

}  // namespace lior::nn
