// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <vector>

#include "lior/nn/tiled_attention.h"

namespace lior::nn::reference {

using linalg::MatrixView;

namespace {

/// out_i = sum_j softmax(s_i)_j v_j, for score(row of i, row of j, head, i - j).
template <class T, class Score>
void attend(const TiledAttentionShape& shape, MatrixView<const T> v, MatrixView<T> out,
            Score&& score) {
  const Index N = shape.length, F = shape.value_width;
  std::vector<double> weight(static_cast<std::size_t>(N));
  for (Index b = 0; b < shape.batch; ++b) {
    for (Index head = 0; head < shape.heads; ++head) {
      for (Index i = 0; i < N; ++i) {
        const Index first = shape.window == 0 ? 0 : std::max<Index>(0, i - shape.window + 1);
        double largest = -INFINITY, sum = 0;
        for (Index j = first; j <= i; ++j) {
          weight[j] = score(b * N + i, b * N + j, head, i - j);
          largest = std::max(largest, weight[j]);
        }
        for (Index j = first; j <= i; ++j) sum += weight[j] = std::exp(weight[j] - largest);
        for (Index f = head * F; f < (head + 1) * F; ++f) {
          double mean = 0;
          for (Index j = first; j <= i; ++j) mean += weight[j] * v(b * N + j, f);
          out(b * N + i, f) = static_cast<T>(mean / sum);
        }
      }
    }
  }
}

}  // namespace

template <class T>
SpinorProducts<T> spinor_products(const T* query, const T* key) {
  SpinorProducts<T> product{};
  for (int k = 0; k < 8; ++k) {
    const T a = query[k], b = query[8 + k], c = key[k], d = key[8 + k];
    product.tensor += a * c + b * d;       // Re conj(a + Ib) (c + Id)
    product.wedge += a * d - b * c;        // Im conj(a + Ib) (c + Id)
    product.contraction += a * c - b * d;  // Re (a + Ib) (c + Id)
  }
  return product;
}

template <class T>
void dot_attention_forward(const TiledAttentionShape& shape, MatrixView<const T> q,
                           MatrixView<const T> k, MatrixView<const T> v, View<const T, 1> slopes,
                           MatrixView<T> out) {
  const Index E = shape.key_width;
  attend(shape, v, out, [&](Index row, Index key_row, Index head, Index distance) {
    double product = 0;
    for (Index e = head * E; e < (head + 1) * E; ++e) product += q(row, e) * k(key_row, e);
    const double slope = slopes.empty() ? 0 : slopes(head);
    return product / std::sqrt(static_cast<double>(E)) - slope * static_cast<double>(distance);
  });
}

template <class T>
void spinor_attention_forward(const TiledAttentionShape& shape, MatrixView<const T> z,
                              MatrixView<const T> v, View<const T, 2> mix, MatrixView<T> out) {
  attend(shape, v, out, [&](Index row, Index key_row, Index head, Index) {
    const auto [p, w, c] =
        spinor_products(&z(row, head * kSpinorWidth), &z(key_row, head * kSpinorWidth));
    return (mix(head, 0) * p + mix(head, 1) * w + mix(head, 2) * (p * p + w * w) / 8 +
            mix(head, 3) * c) /
           std::sqrt(8.0);
  });
}

#define LIOR_INSTANTIATE(T)                                                                       \
  template SpinorProducts<T> spinor_products(const T*, const T*);                                 \
  template void dot_attention_forward(const TiledAttentionShape&, MatrixView<const T>,            \
                                      MatrixView<const T>, MatrixView<const T>, View<const T, 1>, \
                                      MatrixView<T>);                                             \
  template void spinor_attention_forward(const TiledAttentionShape&, MatrixView<const T>,         \
                                         MatrixView<const T>, View<const T, 2>, MatrixView<T>)
LIOR_INSTANTIATE(float);
LIOR_INSTANTIATE(double);
#undef LIOR_INSTANTIATE

}  // namespace lior::nn::reference
