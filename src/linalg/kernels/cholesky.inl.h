// One positive definite d x d system in each lane. Compiled once per level.
#if defined(LIOR_LINALG_KERNELS_CHOLESKY_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIOR_LINALG_KERNELS_CHOLESKY_INL_H
#undef LIOR_LINALG_KERNELS_CHOLESKY_INL_H
#else
#define LIOR_LINALG_KERNELS_CHOLESKY_INL_H
#endif

#include <hwy/highway.h>

#include "lior/linalg/small_matrix.h"
#include "simd/for_lanes.inl.h"

HWY_BEFORE_NAMESPACE();
namespace lior::linalg::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Where element (i, j), j <= i, lies in a lower triangle of d (d + 1) / 2 numbers.
constexpr int packed(int i, int j) { return i * (i + 1) / 2 + j; }

/// A = L L^T in place, but with 1 / L_ii on the diagonal: solves then multiply. Returns the lanes
/// whose pivots were all > 0; the numbers in others mean nothing.
template <int d, class D, class V>
HWY_INLINE auto cholesky_lanes(D tag, V (&a)[d * (d + 1) / 2]) {
  const V one = hn::Set(tag, 1);
  auto positive = hn::Eq(one, one);
#pragma GCC unroll 4
  for (int j = 0; j < d; ++j) {
    V pivot = a[packed(j, j)];
    for (int k = 0; k < j; ++k) pivot = hn::NegMulAdd(a[packed(j, k)], a[packed(j, k)], pivot);
    positive = hn::And(positive, hn::Gt(pivot, hn::Zero(tag)));
    const V inverse = hn::Div(one, hn::Sqrt(pivot));
    a[packed(j, j)] = inverse;
    for (int i = j + 1; i < d; ++i) {
      V sum = a[packed(i, j)];
      for (int k = 0; k < j; ++k) sum = hn::NegMulAdd(a[packed(i, k)], a[packed(j, k)], sum);
      a[packed(i, j)] = hn::Mul(sum, inverse);
    }
  }
  return positive;
}

/// b := A^-1 b from cholesky_lanes's triangle.
template <int d, class V>
HWY_INLINE void cholesky_solve_lanes(const V (&l)[d * (d + 1) / 2], V (&b)[d]) {
#pragma GCC unroll 4
  for (int i = 0; i < d; ++i) {
    for (int k = 0; k < i; ++k) b[i] = hn::NegMulAdd(l[packed(i, k)], b[k], b[i]);
    b[i] = hn::Mul(b[i], l[packed(i, i)]);
  }
#pragma GCC unroll 4
  for (int i = d - 1; i >= 0; --i) {
    for (int k = i + 1; k < d; ++k) b[i] = hn::NegMulAdd(l[packed(k, i)], b[k], b[i]);
    b[i] = hn::Mul(b[i], l[packed(i, i)]);
  }
}

/// Planes `stride` apart. Returns the first point whose matrix is not positive definite, `count` if
/// there is none.
template <class T, int d>
Index solve_planes(const T* a, const T* b, T* x, Index stride, Index count) noexcept {
  Index failed = count;
  namespace vm = simd::HWY_NAMESPACE;
  vm::for_parts<T>(count, [=, &failed](auto tag, Index n, Index lanes) {
    using V = hn::Vec<decltype(tag)>;
    V l[d * (d + 1) / 2], y[d];
    for (int i = 0; i < d; ++i) {
      for (int j = 0; j <= i; ++j)
        l[packed(i, j)] = vm::load_part(tag, a + (i * d + j) * stride + n, lanes);
    }
    for (int i = 0; i < d; ++i) y[i] = vm::load_part(tag, b + i * stride + n, lanes);
    const auto inside = hn::FirstN(tag, static_cast<std::size_t>(lanes));
    const auto bad = hn::AndNot(cholesky_lanes<d>(tag, l), inside);
    if (!hn::AllFalse(tag, bad)) failed = std::min(failed, n + Index(hn::FindFirstTrue(tag, bad)));
    cholesky_solve_lanes<d>(l, y);
    for (int i = 0; i < d; ++i) vm::store_part(y[i], tag, x + i * stride + n, lanes);
  });
  return failed;
}

}  // namespace lior::linalg::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
