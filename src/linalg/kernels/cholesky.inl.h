// SPDX-License-Identifier: Apache-2.0
// One positive definite d x d system in each lane. Compiled once per level.
#if defined(LIOR_LINALG_KERNELS_CHOLESKY_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIOR_LINALG_KERNELS_CHOLESKY_INL_H
#undef LIOR_LINALG_KERNELS_CHOLESKY_INL_H
#else
#define LIOR_LINALG_KERNELS_CHOLESKY_INL_H
#endif

#include <hwy/highway.h>

#include <type_traits>
#include <utility>

#include "lior/linalg/small_matrix.h"
#include "simd/for_lanes.inl.h"

HWY_BEFORE_NAMESPACE();
namespace lior::linalg::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class Body, std::size_t... i>
HWY_INLINE void each_constant(std::index_sequence<i...>, const Body& body) {
  (body(std::integral_constant<Index, static_cast<Index>(i)>{}), ...);
}

/// body(0), body(1), ... body(count - 1). A count that is a constant of its type hands constants
/// on: the calls are then one straight line of code, whose arrays stay in registers.
template <class Size, class Body>
HWY_INLINE void each(Size count, const Body& body) {
  if constexpr (std::is_integral_v<Size>) {
    for (Index i = 0; i < count; ++i) body(i);
  } else {
    each_constant(std::make_index_sequence<static_cast<std::size_t>(count())>{}, body);
  }
}

/// a - b, a constant where both are.
template <class A, class B>
constexpr auto less(A a, B b) {
  if constexpr (std::is_integral_v<A>) {
    return a - b;
  } else {
    return std::integral_constant<Index, a() - b()>{};
  }
}

/// A = L L^T: packed rows l[i (i+1)/2 + j], j <= i, with 1 / L_ii on the diagonal, so that solves
/// multiply. `a` is packed by its columns' lower parts: pairs (j, i), j <= i, in lexicographic
/// order. Size: an integer, or a constant of a type. Of kGroups vectors of points, which are the
/// last index: each waits for its own roots. Adds to `failed` the lanes where a pivot is not > 0,
/// whose numbers mean nothing.
template <int kGroups, class D, class Size, class V>
HWY_INLINE void cholesky_lanes(D tag, Size d, const V* HWY_RESTRICT a, V* HWY_RESTRICT l,
                               hn::Mask<D>& failed) {
  each(d, [&](auto j) HWY_ATTR {
    const V* row_j = l + j * (j + 1) / 2 * kGroups;
    const V* column_j = a + (j * d - j * (j - 1) / 2) * kGroups;
    each(less(d, j), [&](auto below) HWY_ATTR {
      const Index i = j + below;
      V* row_i = l + i * (i + 1) / 2 * kGroups;
      V sum[kGroups];
#pragma GCC unroll 2
      for (int group = 0; group < kGroups; ++group) sum[group] = column_j[below * kGroups + group];
      each(j, [&](auto k) HWY_ATTR {
#pragma GCC unroll 2
        for (int group = 0; group < kGroups; ++group) {
          sum[group] =
              hn::NegMulAdd(row_i[k * kGroups + group], row_j[k * kGroups + group], sum[group]);
        }
      });
#pragma GCC unroll 2
      for (int group = 0; group < kGroups; ++group) {
        const Index at = j * kGroups + group;
        if (below == 0) {
          failed = hn::Or(failed, hn::Not(hn::Gt(sum[group], hn::Zero(tag))));
          row_i[at] = hn::Div(hn::Set(tag, 1), hn::Sqrt(sum[group]));
        } else {
          row_i[at] = hn::Mul(sum[group], row_j[at]);
        }
      }
    });
  });
}

/// b := A^-1 b from cholesky_lanes, for kColumns right sides at once, b[i kColumns + c], where
/// kGroups vectors of points are the last index of l and b.
template <int kColumns, int kGroups, class Size, class V>
HWY_INLINE void cholesky_solve_lanes(Size d, const V* HWY_RESTRICT l, V* HWY_RESTRICT b) {
  constexpr int kWidth = kColumns * kGroups;
  // b_i := (b_i - sum over k of the factors times b_k) / L_ii
  const auto eliminate = [&](Index i, auto count, const auto& factor_of) HWY_ATTR {
    V sum[kWidth];
#pragma GCC unroll 12
    for (int c = 0; c < kWidth; ++c) sum[c] = b[i * kWidth + c];
    each(count, [&](auto n) HWY_ATTR {
      const auto [factors, k] = factor_of(n);
#pragma GCC unroll 12
      for (int c = 0; c < kWidth; ++c) {
        sum[c] = hn::NegMulAdd(factors[c % kGroups], b[k * kWidth + c], sum[c]);
      }
    });
    const V* inverse = l + (i * (i + 1) / 2 + i) * kGroups;
#pragma GCC unroll 12
    for (int c = 0; c < kWidth; ++c) b[i * kWidth + c] = hn::Mul(sum[c], inverse[c % kGroups]);
  };
  each(d, [&](auto i) HWY_ATTR {
    const V* row = l + i * (i + 1) / 2 * kGroups;
    eliminate(i, i, [&](Index k) { return std::pair(row + k * kGroups, k); });
  });
  each(d, [&](auto n) HWY_ATTR {
    const Index i = d - 1 - n;
    eliminate(i, n, [&](Index m) {
      const Index k = i + 1 + m;
      return std::pair(l + (k * (k + 1) / 2 + i) * kGroups, k);
    });
  });
}

/// A constant of its type up to 8. Straight code of 16 x 16 is a seventh faster than loops, and
/// takes two thirds of the time that all sizes take to compile.
template <int d>
constexpr auto size_of_system() {
  if constexpr (d <= 8) {
    return std::integral_constant<Index, d>{};
  } else {
    return Index{d};
  }
}

/// Planes `stride` apart. Returns the first point whose matrix is not positive definite, `count` if
/// there is none.
template <class T, int d>
Index solve_planes(const T* a, const T* b, T* x, Index stride, Index count) noexcept {
  constexpr auto kSize = size_of_system<d>();
  Index first_failed = count;
  namespace vm = simd::HWY_NAMESPACE;
  vm::for_parts<T>(count, [=, &first_failed](auto tag, Index n, Index lanes) {
    using V = hn::Vec<decltype(tag)>;
    V entries[d * (d + 1) / 2], l[d * (d + 1) / 2], y[d];
    // Each load has two ways: as straight code they take as long to compile as the factor does.
#pragma GCC unroll 1
    for (int j = 0, pair = 0; j < d; ++j) {
#pragma GCC unroll 1
      for (int i = j; i < d; ++i, ++pair) {
        entries[pair] = vm::load_part(tag, a + (i * d + j) * stride + n, lanes);
      }
    }
#pragma GCC unroll 1
    for (int i = 0; i < d; ++i) y[i] = vm::load_part(tag, b + i * stride + n, lanes);
    auto failed = hn::Lt(hn::Zero(tag), hn::Zero(tag));
    cholesky_lanes<1>(tag, kSize, entries, l, failed);
    failed = hn::And(failed, hn::FirstN(tag, static_cast<std::size_t>(lanes)));
    if (!hn::AllFalse(tag, failed)) {
      first_failed = std::min(first_failed, n + Index(hn::FindFirstTrue(tag, failed)));
    }
    cholesky_solve_lanes<1, 1>(kSize, l, y);
#pragma GCC unroll 1
    for (int i = 0; i < d; ++i) vm::store_part(y[i], tag, x + i * stride + n, lanes);
  });
  return first_failed;
}

}  // namespace lior::linalg::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
