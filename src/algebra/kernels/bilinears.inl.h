// SPDX-License-Identifier: Apache-2.0
// Bilinears of one spinor after another, the lanes over the outputs of a point: complex numbers are
// pairs of reals throughout. Compiled once per level.
#if defined(LIOR_ALGEBRA_KERNELS_BILINEARS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIOR_ALGEBRA_KERNELS_BILINEARS_INL_H
#undef LIOR_ALGEBRA_KERNELS_BILINEARS_INL_H
#else
#define LIOR_ALGEBRA_KERNELS_BILINEARS_INL_H
#endif

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include "algebra/bilinears_kernel.h"

HWY_BEFORE_NAMESPACE();
namespace lior::algebra::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// out = sum_j map[j] psi_j, `width` numbers.
template <class D, class T>
HWY_INLINE void map_spinor(D lanes, const T* HWY_RESTRICT map, const T* HWY_RESTRICT psi,
                           Index size, Index width, T* HWY_RESTRICT out) {
  for (Index c = 0; c < width; c += static_cast<Index>(hn::Lanes(lanes))) {
    auto sum = hn::Mul(hn::LoadU(lanes, map + c), hn::Set(lanes, psi[0]));
    for (Index j = 1; j < size; ++j) {
      sum = hn::MulAdd(hn::LoadU(lanes, map + j * width + c), hn::Set(lanes, psi[j]), sum);
    }
    hn::StoreU(sum, lanes, out + c);
  }
}

/// Columns c.. of row m of K1 and K2 from u' = u/2 and v, [size, width] each:
/// P = sum_i u'[i][m] v[i][c] and its transpose. `u_row` and `v_row` are their vectors at column c.
template <class D, class T, class Rows>
HWY_INLINE void product_row(D lanes, const T* HWY_RESTRICT u, const T* HWY_RESTRICT v,
                            const Rows& u_row, const Rows& v_row, Index size, Index width,
                            Index column, bool stream, T* k1, T* k2) {
  auto p = hn::Mul(hn::Set(lanes, u[column]), v_row(0));
  auto transposed = hn::Mul(hn::Set(lanes, v[column]), u_row(0));
#pragma GCC unroll 4
  for (Index i = 1; i < size; ++i) {
    p = hn::MulAdd(hn::Set(lanes, u[i * width + column]), v_row(i), p);
    transposed = hn::MulAdd(hn::Set(lanes, v[i * width + column]), u_row(i), transposed);
  }
  if (stream) {
    hn::Stream(hn::Sub(p, transposed), lanes, k1);
    hn::Stream(hn::Add(p, transposed), lanes, k2);
  } else {
    hn::StoreU(hn::Sub(p, transposed), lanes, k1);
    hn::StoreU(hn::Add(p, transposed), lanes, k2);
  }
}

/// A row of u or v that waits in memory, and one that fits four registers.
template <class D>
struct RowsInMemory {
  D lanes;
  const hn::TFromD<D>* first;
  Index width;
  HWY_INLINE hn::Vec<D> operator()(Index i) const { return hn::LoadU(lanes, first + i * width); }
};
/// out_i = sum_j map[i][j] psi_j of four components, which also wait in `copy`.
template <class D>
struct FourRows {
  using T = hn::TFromD<D>;
  hn::Vec<D> row[4];
  HWY_INLINE FourRows(D lanes, const T* HWY_RESTRICT map, const hn::Vec<D> (&psi)[4], Index width,
                      T* HWY_RESTRICT copy) {
#pragma GCC unroll 4
    for (Index i = 0; i < 4; ++i, map += 4 * width) {
      row[i] = hn::Mul(hn::LoadU(lanes, map), psi[0]);
#pragma GCC unroll 4
      for (Index j = 1; j < 4; ++j) {
        row[i] = hn::MulAdd(hn::LoadU(lanes, map + j * width), psi[j], row[i]);
      }
      hn::StoreU(row[i], lanes, copy + i * width);
    }
  }
  HWY_INLINE hn::Vec<D> operator()(Index i) const { return row[i]; }
};

/// K0 = psi^+ psi, or psi^+ gamma_0 psi where the map of gamma_0 is given.
template <class T>
HWY_INLINE void scalar_bilinear(const ProductPlan<T>& plan, const T* psi, T* k0) {
  for (Index part = 0; part < plan.parts; ++part) {
    T sum = 0;
    if (plan.k0_map == nullptr) {
      for (Index i = 0; part == 0 && i < plan.size; ++i) sum += psi[i] * psi[i];
    } else {
      const T* map = plan.k0_map + part * plan.size * plan.size;
      for (Index i = 0; i < plan.size; ++i) {
        T row = 0;
        for (Index j = 0; j < plan.size; ++j) row += map[i * plan.size + j] * psi[j];
        sum += psi[i] * row;
      }
    }
    k0[part] = sum;
  }
}

/// K by products, full pairs. kLanes divides plan.width.
template <class T, int kLanes>
void bilinear_products(const ProductPlan<T>& plan, const T* psi, T* k0, T* k1, T* k2,
                       Index count) noexcept {
  const hn::CappedTag<T, kLanes> lanes;
  using D = decltype(lanes);
  HWY_ALIGN T u[kMostSpinorReals * kMostRowReals];
  HWY_ALIGN T v[kMostSpinorReals * kMostRowReals];
  const Index size = plan.size, width = plan.width, step = static_cast<Index>(hn::Lanes(lanes));
  for (Index n = 0; n < count; ++n, psi += size, k0 += plan.parts) {
    scalar_bilinear(plan, psi, k0);
    if (size == 4 && width == step) {  // d = 8 in float, the case that matters most
      const hn::Vec<D> spinor[4] = {hn::Set(lanes, psi[0]), hn::Set(lanes, psi[1]),
                                    hn::Set(lanes, psi[2]), hn::Set(lanes, psi[3])};
      const FourRows<D> u_row(lanes, plan.u_map, spinor, width, u);
      const FourRows<D> v_row(lanes, plan.v_map, spinor, width, v);
      for (Index column = 0; column < width; column += plan.parts, k1 += width, k2 += width) {
        product_row(lanes, u, v, u_row, v_row, 4, width, column, plan.stream, k1, k2);
      }
      continue;
    }
    for (Index i = 0; i < size; ++i) {
      map_spinor(lanes, plan.u_map + i * size * width, psi, size, width, u + i * width);
      map_spinor(lanes, plan.v_map + i * size * width, psi, size, width, v + i * width);
    }
    for (Index column = 0; column < width; column += plan.parts, k1 += width, k2 += width) {
      for (Index c = 0; c < width; c += step) {
        const RowsInMemory<D> u_row{lanes, u + c, width}, v_row{lanes, v + c, width};
        product_row(lanes, u, v, u_row, v_row, size, width, column, plan.stream, k1 + c, k2 + c);
      }
    }
  }
  hwy::FlushStream();
}

/// out[p][:] = sum_k in[p][k] matrix[k][:] for kPoints points; rows of `width` numbers, rows of the
/// matrix `stride` apart. The last vector of a row overlaps the one before it.
template <int kPoints, class D, class T>
HWY_INLINE void rows_times_matrix(D lanes, const T* HWY_RESTRICT in, Index size,
                                  const T* HWY_RESTRICT matrix, Index stride, Index width,
                                  T* HWY_RESTRICT out) {
  const Index step = static_cast<Index>(hn::Lanes(lanes));
  for (Index begin = 0; begin < width; begin += step) {
    const Index c = std::min(begin, width - step);
    hn::Vec<D> sum[kPoints];
#pragma GCC unroll 4
    for (int p = 0; p < kPoints; ++p) sum[p] = hn::Zero(lanes);
    for (Index k = 0; k < size; ++k) {
      const auto row = hn::LoadU(lanes, matrix + k * stride + c);
#pragma GCC unroll 4
      for (int p = 0; p < kPoints; ++p) {
        sum[p] = hn::MulAdd(row, hn::Set(lanes, in[p * size + k]), sum[p]);
      }
    }
#pragma GCC unroll 4
    for (int p = 0; p < kPoints; ++p) hn::StoreU(sum[p], lanes, out + p * width + c);
  }
}

template <int kPoints, class T>
HWY_INLINE void rows_times_matrix(const T* in, Index size, const T* matrix, Index stride,
                                  Index width, T* out) {
  const hn::ScalableTag<T> wide;
  const hn::CappedTag<T, 1> one;
  if (width >= static_cast<Index>(hn::Lanes(wide))) {
    rows_times_matrix<kPoints>(wide, in, size, matrix, stride, width, out);
  } else {
    rows_times_matrix<kPoints>(one, in, size, matrix, stride, width, out);
  }
}

/// Copies `count` numbers past the caches; `to` on a vector's boundary.
template <class T>
HWY_INLINE void stream_copy(const T* HWY_RESTRICT from, Index count, T* HWY_RESTRICT to) {
  const hn::ScalableTag<T> wide;
  const Index step = static_cast<Index>(hn::Lanes(wide));
  Index i = 0;
  for (; i + step <= count; i += step) hn::Stream(hn::LoadU(wide, from + i), wide, to + i);
  for (; i < count; ++i) to[i] = from[i];
}

/// kPoints points of K by squares.
template <int kPoints, class T>
HWY_INLINE void square_points(const SquarePlan<T>& plan, const T* psi, T* const (&out)[3]) {
  HWY_ALIGN T squares[kPoints * kMostSquares];
  for (int p = 0; p < kPoints; ++p) {
    spinor_squares(psi + p * plan.spinor * plan.parts, plan.spinor, plan.parts,
                   squares + p * plan.squares);
  }
  const Index stride = plan.widths[0] + plan.widths[1] + plan.widths[2];
  const T* map = plan.map;
  for (int k = 0; k < 3; map += plan.widths[k], ++k) {
    rows_times_matrix<kPoints>(squares, plan.squares, map, stride, plan.widths[k], out[k]);
  }
}

/// K by squares. Where it streams, blocks of points wait in the L1 cache and leave it as whole
/// lines, whatever the width of a row; `block` is a multiple of 16 then.
template <class T>
void bilinear_squares(const SquarePlan<T>& plan, const T* psi, T* k0, T* k1, T* k2, Index count,
                      Index block) noexcept {
  constexpr int kPoints = 4;
  HWY_ALIGN T buffer[kBlockNumbers];
  T* const outputs[3] = {k0, k1, k2};
  for (Index begin = 0; begin < count; begin += block) {
    const Index size = std::min(block, count - begin);
    T* first[3];
    T* next = buffer;
    for (int k = 0; k < 3; next += block * plan.widths[k], ++k) {
      first[k] = plan.stream ? next : outputs[k] + begin * plan.widths[k];
    }
    for (Index n = 0; n < size;) {
      T* const out[3] = {first[0] + n * plan.widths[0], first[1] + n * plan.widths[1],
                         first[2] + n * plan.widths[2]};
      const T* spinor = psi + (begin + n) * plan.spinor * plan.parts;
      if (n + kPoints <= size) {
        square_points<kPoints>(plan, spinor, out), n += kPoints;
      } else {
        square_points<1>(plan, spinor, out), n += 1;
      }
    }
    for (int k = 0; plan.stream && k < 3; ++k) {
      stream_copy(first[k], size * plan.widths[k], outputs[k] + begin * plan.widths[k]);
    }
  }
  hwy::FlushStream();
}

}  // namespace lior::algebra::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
