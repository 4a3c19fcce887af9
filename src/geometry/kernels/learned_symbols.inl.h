// SPDX-License-Identifier: Apache-2.0
// Christoffel symbols of the learned metric, a point a lane. Compiled once per level.
#if defined(LIOR_GEOMETRY_KERNELS_LEARNED_SYMBOLS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIOR_GEOMETRY_KERNELS_LEARNED_SYMBOLS_INL_H
#undef LIOR_GEOMETRY_KERNELS_LEARNED_SYMBOLS_INL_H
#else
#define LIOR_GEOMETRY_KERNELS_LEARNED_SYMBOLS_INL_H
#endif

#include <hwy/cache_control.h>

#include "geometry/kernels/learned_layers.inl.h"
#include "geometry/kernels/learned_solve.inl.h"
#include "simd/for_lanes.inl.h"

HWY_BEFORE_NAMESPACE();
namespace lior::geometry::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using simd::HWY_NAMESPACE::for_parts;
using simd::HWY_NAMESPACE::load_part;
using simd::HWY_NAMESPACE::store_part;

/// Copies a row of a block; past the caches where `stream` says so and `to` is on a line's
/// boundary.
template <class T>
HWY_INLINE void copy_row(const T* HWY_RESTRICT from, Index count, bool stream, T* HWY_RESTRICT to) {
  const hn::ScalableTag<T> wide;
  const Index step = static_cast<Index>(hn::Lanes(wide));
  Index i = 0;
  if (stream && reinterpret_cast<std::uintptr_t>(to) % kAlignment == 0) {
    for (; i + step <= count; i += step) hn::Stream(hn::Load(wide, from + i), wide, to + i);
  }
  // Two vectors at a time, or g++ makes of the loop a `rep movsq`, slow to start.
  for (; i + 2 * step <= count; i += 2 * step) {
    const auto low = hn::Load(wide, from + i), high = hn::Load(wide, from + i + step);
    hn::StoreU(low, wide, to + i);
    hn::StoreU(high, wide, to + i + step);
  }
  for (; i < count; i += step)
    store_part(hn::Load(wide, from + i), wide, to + i, HWY_MIN(step, count - i));
}

/// dg[p][m] = scale[p] sum_a out[p][a] jacobian[a][m].
template <class D, class T, class V>
HWY_INLINE void for_slopes(D tag, const LearnedPlan<T>& plan, const V* HWY_RESTRICT scale,
                           const V* HWY_RESTRICT jacobian, V* HWY_RESTRICT dg) {
  const Index d = plan.d, width = plan.width, pairs = d * (d + 1) / 2;
  // Of the pairs from p on, the directions from m on.
  const auto slopes = [&](auto rows, auto columns, Index p, Index m) {
    constexpr int kRows = decltype(rows)::value, kColumns = decltype(columns)::value;
    const T* weight = plan.out + p * width;
    V sum[kRows][kColumns];
#pragma GCC unroll 2
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
      for (int k = 0; k < kColumns; ++k) sum[r][k] = hn::Zero(tag);
    }
    for (Index a = 0; a < width; ++a) {
#pragma GCC unroll 2
      for (int r = 0; r < kRows; ++r) {
        const V w = hn::Set(tag, weight[r * width + a]);
#pragma GCC unroll 8
        for (int k = 0; k < kColumns; ++k) {
          sum[r][k] = hn::MulAdd(w, jacobian[a * d + m + k], sum[r][k]);
        }
      }
    }
#pragma GCC unroll 2
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
      for (int k = 0; k < kColumns; ++k) {
        dg[(p + r) * d + m + k] = hn::Mul(scale[p + r], sum[r][k]);
      }
    }
  };
  const auto directions = [&](auto rows, Index p) {
    Index m = 0;
    for (; m + 8 <= d; m += 8) slopes(rows, std::integral_constant<int, 8>{}, p, m);
    for (; m + 4 <= d; m += 4) slopes(rows, std::integral_constant<int, 4>{}, p, m);
    for (; m < d; ++m) slopes(rows, std::integral_constant<int, 1>{}, p, m);
  };
  // 16 sums where there are 32 registers: a load serves two multiply-adds.
  constexpr int kRows = HWY_TARGET <= HWY_AVX3 ? 2 : 1;
  Index p = 0;
  for (; p + kRows <= pairs; p += kRows) directions(std::integral_constant<int, kRows>{}, p);
  for (; p < pairs; ++p) directions(std::integral_constant<int, 1>{}, p);
}

/// Gamma of g, or of R^2 g by Gamma^k_ij + d_ki f_j + d_kj f_i - g_ij g^kl f_l, f = ln R, at the
/// lanes' points: `symbols` holds it for the pairs i <= j, [pairs, d, .] with rows `stride` apart.
/// The lanes where g is not positive definite.
template <class D, class T>
HWY_INLINE hn::Mask<D> christoffel_pairs(D tag, const LearnedPlan<T>& plan,
                                         const hn::Vec<D>* HWY_RESTRICT point,
                                         T* HWY_RESTRICT symbols, Index stride) {
  using V = hn::Vec<D>;
  const Index d = plan.d, width = plan.width, pairs = d * (d + 1) / 2;
  V value[kMostWidth], slope[kMostWidth], f[kD];
  V jacobian[kMostWidth * kD], h[kMostPairs], g[kMostPairs], dg[kMostPairs * kD], l[kMostPairs];
  hidden_layer(tag, plan.in, plan.in_bias, width, d, point, value, slope);
  for (Index a = 0; a < width; ++a) {
    for (Index m = 0; m < d; ++m) {
      jacobian[a * d + m] = hn::Mul(slope[a], hn::Set(tag, plan.in[a * d + m]));
    }
  }
  for (Index m = 0; m < d; ++m) f[m] = hn::Zero(tag);
  if (plan.lior) resilience(tag, plan, point, f);

  for_dots(tag, plan.out, pairs, width, value,
           [&](Index p, V sum) { h[p] = hn::Add(sum, hn::Set(tag, plan.out_bias[p])); });
  // A loop of its own: many quotients in flight. h becomes half the slope of g's entry along its h.
  for (Index p = 0; p < pairs; ++p) {
    const V t = entry_tanh(tag, h[p]);
    g[p] = hn::MulAdd(constant(tag, kTanhScale), t, hn::Set(tag, plan.base[p]));
    const V half = constant(tag, kTanhScale / 2);
    h[p] = hn::NegMulAdd(hn::Mul(half, t), t, half);
  }
  for_slopes(tag, plan, h, jacobian, dg);

  auto failed = hn::Lt(hn::Zero(tag), hn::Zero(tag));
  cholesky<1>(tag, d, g, l, failed);

  const V* slopes_of[kD][kD];  // the slopes of g_ij
  for (Index i = 0, pair = 0; i < d; ++i) {
    for (Index j = i; j < d; ++j) slopes_of[i][j] = slopes_of[j][i] = dg + d * pair++;
  }
  // Some pairs of lower indices at a time; the last group repeats its last pair.
  Index i = 0, j = 0, done = 0;
  const auto solve_columns = [&](auto block) {
    constexpr int kColumns = decltype(block)::value;
    Index rows[kColumns], columns[kColumns];
    V b[kD * kColumns];
    for (int c = 0; c < kColumns; ++c) {
      rows[c] = i, columns[c] = j;
      const V *both = slopes_of[i][j], *const *of_i = slopes_of[i], *const *of_j = slopes_of[j];
      const V entry = g[(both - dg) / d];
      for (Index r = 0; r < d; ++r) {
        const V sum = hn::Sub(hn::Add(of_j[r][i], of_i[r][j]), both[r]);
        b[r * kColumns + c] = hn::NegMulAdd(entry, f[r], sum);
      }
      if (done + c + 1 < pairs && ++j == d) ++i, j = i;
    }
    cholesky_solve<kColumns, 1>(d, l, b);
    const Index count = std::min<Index>(kColumns, pairs - done);
    for (Index c = 0; c < count; ++c) {
      const Index m = rows[c], k = columns[c];
      b[m * kColumns + c] = hn::Add(b[m * kColumns + c], f[k]);
      b[k * kColumns + c] = hn::Add(b[k * kColumns + c], f[m]);
      T* to = symbols + (done + c) * d * stride;
      for (Index r = 0; r < d; ++r) hn::StoreU(b[r * kColumns + c], tag, to + r * stride);
    }
    done += kColumns;
  };
  if constexpr (HWY_TARGET <= HWY_AVX3) {  // 32 registers
    while (pairs - done > 6) solve_columns(std::integral_constant<int, 12>{});
  }
  while (done < pairs) solve_columns(std::integral_constant<int, 6>{});
  return failed;
}

/// Gamma of all points; the first point where g is not positive definite, or -1.
///
/// The symbols of eight lines of points (four where d^3 is large: a block stays in the second
/// cache) are made in a block of memory and leave it row by row. Planes of Gamma are often a power
/// of two apart, so that stores of a vector into each of d^3 planes in turn would meet in the same
/// few lines of the caches, and take as long as all else.
template <class T>
Index learned_christoffel(const LearnedPlan<T>& plan, const T* x, T* gamma, Index stride,
                          Index count, bool stream) noexcept {
  constexpr Index kNumbers = kMostPairs * kD * 4 * kLinePoints<T>;
  HWY_ALIGN T symbols[kNumbers];
  const Index d = plan.d, block = (d <= 8 ? 8 : 4) * kLinePoints<T>;
  Index first_failed = -1;
  for (Index begin = 0; begin < count; begin += block) {
    const Index size = std::min(block, count - begin);
    for_parts<T>(size, [&](auto tag, Index n, Index lanes) {
      hn::Vec<decltype(tag)> point[kD];
      for (Index m = 0; m < d; ++m) point[m] = load_part(tag, x + m * stride + begin + n, lanes);
      const auto inside = hn::FirstN(tag, static_cast<std::size_t>(lanes));
      const auto failed = hn::And(inside, christoffel_pairs(tag, plan, point, symbols + n, block));
      if (!hn::AllFalse(tag, failed) && first_failed < 0) {
        first_failed = begin + n + hn::FindFirstTrue(tag, failed);
      }
    });
    const T* from = symbols;
    for (Index i = 0; i < d; ++i) {
      for (Index j = i; j < d; ++j) {
        for (Index r = 0; r < d; ++r, from += block) {
          copy_row(from, size, stream, gamma + ((r * d + i) * d + j) * stride + begin);
          if (i == j) continue;
          copy_row(from, size, stream, gamma + ((r * d + j) * d + i) * stride + begin);
        }
      }
    }
  }
  if (stream) hwy::FlushStream();
  return first_failed;
}

}  // namespace lior::geometry::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
