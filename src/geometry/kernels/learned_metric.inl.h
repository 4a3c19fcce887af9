// The learned metric, its Christoffel symbols and geodesic accelerations, a point a lane. Compiled
// once per level.
#if defined(LIOR_GEOMETRY_KERNELS_LEARNED_METRIC_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIOR_GEOMETRY_KERNELS_LEARNED_METRIC_INL_H
#undef LIOR_GEOMETRY_KERNELS_LEARNED_METRIC_INL_H
#else
#define LIOR_GEOMETRY_KERNELS_LEARNED_METRIC_INL_H
#endif

#include "geometry/learned_plan.h"
#include "lior/geometry/learned_metric.h"
#include "simd/for_lanes.inl.h"
#include "simd/math.inl.h"

HWY_BEFORE_NAMESPACE();
namespace lior::geometry::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace math = simd::HWY_NAMESPACE;
using math::for_lanes;

constexpr Index kD = kMostDimensions;

template <class D, class V = hn::Vec<D>>
HWY_INLINE V constant(D d, double value) {
  return hn::Set(d, static_cast<hn::TFromD<D>>(value));
}

/// sum_k weight[k] x[k].
template <class D, class T, class V>
HWY_INLINE V dot(D d, const T* HWY_RESTRICT weight, const V* HWY_RESTRICT x, Index size) {
  V sum = hn::Mul(hn::Set(d, weight[0]), x[0]);
  for (Index k = 1; k < size; ++k) sum = hn::MulAdd(hn::Set(d, weight[k]), x[k], sum);
  return sum;
}

/// The hidden layer z = W x + b: gelu(z) and gelu'(z).
template <class D, class T, class V>
HWY_INLINE void hidden_layer(D d, const T* weight, const T* bias, Index width, Index size,
                             const V* x, V* value, V* slope) {
  for (Index a = 0; a < width; ++a) {
    const V z = hn::Add(dot(d, weight + a * size, x, size), hn::Set(d, bias[a]));
    const auto normal = math::detail::normal(d, z);
    value[a] = hn::Mul(z, normal.probability);
    slope[a] = hn::MulAdd(z, normal.density, normal.probability);
  }
}

/// R and grad ln R (null: not wanted).
template <class D, class T, class V>
HWY_INLINE V resilience(D d, const LearnedPlan<T>& plan, const V* x, V* grad_log) {
  V value[kMostWidth], slope[kMostWidth];
  const Index width = plan.resilience_width;
  hidden_layer(d, plan.resilience_in, plan.resilience_in_bias, width, plan.d, x, value, slope);
  const V z =
      hn::Add(dot(d, plan.resilience_out, value, width), hn::Set(d, plan.resilience_out_bias));
  const V soft = math::softplus(d, z);
  const V least = constant(d, kLeastResilience), most = constant(d, kMostResilience);
  const V r = hn::Min(hn::Max(soft, least), most);
  if (grad_log == nullptr) return r;
  const auto inside = hn::And(hn::Ge(soft, least), hn::Le(soft, most));
  const V factor = hn::IfThenElseZero(inside, hn::Div(math::sigmoid(d, z), r));
  for (Index k = 0; k < width; ++k) {
    slope[k] = hn::Mul(slope[k], hn::Mul(factor, hn::Set(d, plan.resilience_out[k])));
  }
  for (Index m = 0; m < plan.d; ++m) {
    V sum = hn::Zero(d);
    for (Index k = 0; k < width; ++k) {
      sum = hn::MulAdd(slope[k], hn::Set(d, plan.resilience_in[k * plan.d + m]), sum);
    }
    grad_log[m] = sum;
  }
  return r;
}

/// A = L L^T: packed rows l[i (i+1)/2 + j], j <= i, the diagonal inverted. `a` is packed by pairs
/// j <= i of the upper triangle. The lanes where a pivot is not > 0 are added to `failed`.
template <class D, class V>
HWY_INLINE void cholesky(D tag, Index d, const V* HWY_RESTRICT a, V* HWY_RESTRICT l,
                         hn::Mask<D>& failed) {
  Index pair = 0;
  for (Index j = 0; j < d; ++j) {
    const V* row_j = l + j * (j + 1) / 2;
    for (Index i = j; i < d; ++i, ++pair) {
      V* row_i = l + i * (i + 1) / 2;
      V sum = a[pair];
      for (Index k = 0; k < j; ++k) sum = hn::NegMulAdd(row_i[k], row_j[k], sum);
      if (i == j) {
        failed = hn::Or(failed, hn::Not(hn::Gt(sum, hn::Zero(tag))));
        row_i[j] = hn::Div(constant(tag, 1), hn::Sqrt(sum));
      } else {
        row_i[j] = hn::Mul(sum, row_j[j]);
      }
    }
  }
}

/// b := A^-1 b for kColumns right sides at once, b[i kColumns + c].
template <int kColumns, class V>
HWY_INLINE void cholesky_solve(Index d, const V* HWY_RESTRICT l, V* HWY_RESTRICT b) {
  V sum[kColumns];
  for (Index i = 0; i < d; ++i) {
    const V* row = l + i * (i + 1) / 2;
#pragma GCC unroll 4
    for (int c = 0; c < kColumns; ++c) sum[c] = b[i * kColumns + c];
    for (Index k = 0; k < i; ++k) {
      const V entry = row[k];
#pragma GCC unroll 4
      for (int c = 0; c < kColumns; ++c) sum[c] = hn::NegMulAdd(entry, b[k * kColumns + c], sum[c]);
    }
#pragma GCC unroll 4
    for (int c = 0; c < kColumns; ++c) b[i * kColumns + c] = hn::Mul(sum[c], row[i]);
  }
  for (Index i = d - 1; i >= 0; --i) {
#pragma GCC unroll 4
    for (int c = 0; c < kColumns; ++c) sum[c] = b[i * kColumns + c];
    for (Index k = i + 1; k < d; ++k) {
      const V entry = l[k * (k + 1) / 2 + i];
#pragma GCC unroll 4
      for (int c = 0; c < kColumns; ++c) sum[c] = hn::NegMulAdd(entry, b[k * kColumns + c], sum[c]);
    }
    const V inverse = l[i * (i + 1) / 2 + i];
#pragma GCC unroll 4
    for (int c = 0; c < kColumns; ++c) b[i * kColumns + c] = hn::Mul(sum[c], inverse);
  }
}

template <class T>
void learned_values(const LearnedPlan<T>& plan, const T* x, T* g, T* r, Index stride,
                    Index count) noexcept {
  for_lanes<T>(count, [&](auto tag, Index n) {
    using V = hn::Vec<decltype(tag)>;
    const Index d = plan.d;
    V point[kD], value[kMostWidth], slope[kMostWidth];
    for (Index m = 0; m < d; ++m) point[m] = hn::LoadU(tag, x + m * stride + n);
    hidden_layer(tag, plan.in, plan.in_bias, plan.width, d, point, value, slope);
    const V factor = resilience<decltype(tag), T, V>(tag, plan, point, nullptr);
    hn::StoreU(factor, tag, r + n);
    const V scale = plan.lior ? hn::Mul(factor, factor) : constant(tag, 1);
    Index pair = 0;
    for (Index i = 0; i < d; ++i) {
      for (Index j = i; j < d; ++j, ++pair) {
        const V s = hn::Add(dot(tag, plan.out + pair * plan.width, value, plan.width),
                            hn::Set(tag, plan.out_bias[pair]));
        const V entry = hn::MulAdd(constant(tag, kTanhScale), math::tanh(tag, s),
                                   hn::Set(tag, plan.base[pair]));
        const V scaled = hn::Mul(scale, entry);
        hn::StoreU(scaled, tag, g + (i * d + j) * stride + n);
        hn::StoreU(scaled, tag, g + (j * d + i) * stride + n);
      }
    }
  });
}

/// Gamma of g, or of R^2 g by Gamma^k_ij + d_ki f_j + d_kj f_i - g_ij g^kl f_l, f = ln R.
/// The first point where g is not positive definite, or -1.
template <class T>
Index learned_christoffel(const LearnedPlan<T>& plan, const T* x, T* gamma, Index stride,
                          Index count) noexcept {
  constexpr int kColumns = 4;
  Index first_failed = -1;
  for_lanes<T>(count, [&](auto tag, Index n) {
    using V = hn::Vec<decltype(tag)>;
    const Index d = plan.d, width = plan.width, pairs = d * (d + 1) / 2;
    V point[kD], value[kMostWidth], slope[kMostWidth], f[kD];
    V jacobian[kMostWidth * kD], g[kMostPairs], dg[kMostPairs * kD], l[kMostPairs];
    for (Index m = 0; m < d; ++m) point[m] = hn::LoadU(tag, x + m * stride + n);
    hidden_layer(tag, plan.in, plan.in_bias, width, d, point, value, slope);
    for (Index a = 0; a < width; ++a) {
      for (Index m = 0; m < d; ++m) {
        jacobian[a * d + m] = hn::Mul(slope[a], hn::Set(tag, plan.in[a * d + m]));
      }
    }
    for (Index m = 0; m < d; ++m) f[m] = hn::Zero(tag);
    if (plan.lior) resilience(tag, plan, point, f);

    for (Index p = 0; p < pairs; ++p) {
      const T* weight = plan.out + p * width;
      const V t =
          math::tanh(tag, hn::Add(dot(tag, weight, value, width), hn::Set(tag, plan.out_bias[p])));
      g[p] = hn::MulAdd(constant(tag, kTanhScale), t, hn::Set(tag, plan.base[p]));
      const V scale = hn::Mul(constant(tag, kTanhScale), hn::NegMulAdd(t, t, constant(tag, 1)));
      const auto slopes = [&](auto block, Index m) {  // of `block` directions from m on
        constexpr int kBlock = decltype(block)::value;
        V sum[kBlock];
#pragma GCC unroll 8
        for (int k = 0; k < kBlock; ++k) sum[k] = hn::Zero(tag);
        for (Index a = 0; a < width; ++a) {
          const V w = hn::Set(tag, weight[a]);
#pragma GCC unroll 8
          for (int k = 0; k < kBlock; ++k) {
            sum[k] = hn::MulAdd(w, jacobian[a * d + m + k], sum[k]);
          }
        }
#pragma GCC unroll 8
        for (int k = 0; k < kBlock; ++k) dg[p * d + m + k] = hn::Mul(scale, sum[k]);
      };
      Index m = 0;
      for (; m + 8 <= d; m += 8) slopes(std::integral_constant<int, 8>{}, m);
      for (; m < d; ++m) slopes(std::integral_constant<int, 1>{}, m);
    }

    auto failed = hn::Lt(hn::Zero(tag), hn::Zero(tag));
    cholesky(tag, d, g, l, failed);
    if (!hn::AllFalse(tag, failed) && first_failed < 0) {
      first_failed = n + hn::FindFirstTrue(tag, failed);
    }

    const auto pair_of = [&](Index i, Index j) {
      const Index low = std::min(i, j), high = std::max(i, j);
      return low * d - low * (low - 1) / 2 + high - low;
    };
    // Four pairs of lower indices at a time; the last group repeats its last pair.
    Index rows[kColumns], columns[kColumns];
    Index i = 0, j = 0;
    for (Index done = 0; done < pairs; done += kColumns) {
      V b[kD * kColumns];
      for (int c = 0; c < kColumns; ++c) {
        rows[c] = i, columns[c] = j;
        const Index pair = pair_of(i, j);
        for (Index r = 0; r < d; ++r) {
          const V sum = hn::Sub(hn::Add(dg[pair_of(j, r) * d + i], dg[pair_of(i, r) * d + j]),
                                dg[pair * d + r]);
          b[r * kColumns + c] = hn::NegMulAdd(g[pair], f[r], hn::Mul(constant(tag, 0.5), sum));
        }
        if (done + c + 1 < pairs && ++j == d) ++i, j = i;
      }
      cholesky_solve<kColumns>(d, l, b);
      for (int c = 0; c < kColumns; ++c) {
        const Index m = rows[c], k = columns[c];
        b[m * kColumns + c] = hn::Add(b[m * kColumns + c], f[k]);
        b[k * kColumns + c] = hn::Add(b[k * kColumns + c], f[m]);
        for (Index r = 0; r < d; ++r) {
          hn::StoreU(b[r * kColumns + c], tag, gamma + ((r * d + m) * d + k) * stride + n);
          hn::StoreU(b[r * kColumns + c], tag, gamma + ((r * d + k) * d + m) * stride + n);
        }
      }
    }
  });
  return first_failed;
}

/// a = -g^-1 [(d_v g) v - grad (v^T g v) / 2]; for R^2 g also - 2 (f.v) v + (v^T g v) g^-1 f.
template <class T>
void learned_accelerations(const LearnedPlan<T>& plan, const T* x, const T* v, T* out, Index stride,
                           Index count) noexcept {
  for_lanes<T>(count, [&](auto tag, Index n) {
    using V = hn::Vec<decltype(tag)>;
    const Index d = plan.d, width = plan.width, pairs = d * (d + 1) / 2;
    V point[kD], velocity[kD], f[kD], value[kMostWidth], slope[kMostWidth], along[kMostWidth];
    V g[kMostPairs], l[kMostPairs], weight[kMostPairs], b[kD];
    for (Index m = 0; m < d; ++m) {
      point[m] = hn::LoadU(tag, x + m * stride + n);
      velocity[m] = hn::LoadU(tag, v + m * stride + n);
      f[m] = b[m] = hn::Zero(tag);
    }
    hidden_layer(tag, plan.in, plan.in_bias, width, d, point, value, slope);
    for (Index a = 0; a < width; ++a) {
      along[a] = hn::Mul(slope[a], dot(tag, plan.in + a * d, velocity, d));
    }
    if (plan.lior) resilience(tag, plan, point, f);

    // g, -(d_v g) v in b, v^T g v, and the weights with which grad (v^T g v) / 2 sums grad h.
    V square = hn::Zero(tag);
    Index i = 0, j = 0;
    const auto pairs_from = [&](auto block, Index p) {
      constexpr int kBlock = decltype(block)::value;
      V sum[kBlock], sum_along[kBlock];
#pragma GCC unroll 4
      for (int k = 0; k < kBlock; ++k) sum[k] = sum_along[k] = hn::Zero(tag);
      for (Index a = 0; a < width; ++a) {
        const V value_a = value[a], along_a = along[a];
#pragma GCC unroll 4
        for (int k = 0; k < kBlock; ++k) {
          const V w = hn::Set(tag, plan.out[(p + k) * width + a]);
          sum[k] = hn::MulAdd(w, value_a, sum[k]);
          sum_along[k] = hn::MulAdd(w, along_a, sum_along[k]);
        }
      }
      for (int k = 0; k < kBlock; ++k, ++p) {
        const V t = math::tanh(tag, hn::Add(sum[k], hn::Set(tag, plan.out_bias[p])));
        const V scale = hn::Mul(constant(tag, kTanhScale), hn::NegMulAdd(t, t, constant(tag, 1)));
        g[p] = hn::MulAdd(constant(tag, kTanhScale), t, hn::Set(tag, plan.base[p]));
        const V slope_along = hn::Mul(scale, sum_along[k]);
        b[i] = hn::NegMulAdd(slope_along, velocity[j], b[i]);
        V both = hn::Mul(velocity[i], velocity[j]);
        if (i != j) {
          b[j] = hn::NegMulAdd(slope_along, velocity[i], b[j]);
          both = hn::Add(both, both);
        }
        square = hn::MulAdd(g[p], both, square);
        weight[p] = hn::Mul(hn::Mul(constant(tag, 0.5), scale), both);
        if (++j == d) ++i, j = i;
      }
    };
    Index p = 0;
    for (; p + 4 <= pairs; p += 4) pairs_from(std::integral_constant<int, 4>{}, p);
    for (; p < pairs; ++p) pairs_from(std::integral_constant<int, 1>{}, p);

    const auto back_from = [&](auto block, Index a) {
      constexpr int kBlock = decltype(block)::value;
      V sum[kBlock];
#pragma GCC unroll 4
      for (int k = 0; k < kBlock; ++k) sum[k] = hn::Zero(tag);
      for (Index q = 0; q < pairs; ++q) {
        const V weight_q = weight[q];
#pragma GCC unroll 4
        for (int k = 0; k < kBlock; ++k) {
          sum[k] = hn::MulAdd(hn::Set(tag, plan.out_t[(a + k) * pairs + q]), weight_q, sum[k]);
        }
      }
      for (int k = 0; k < kBlock; ++k) along[a + k] = hn::Mul(slope[a + k], sum[k]);
    };
    Index a = 0;
    for (; a + 4 <= width; a += 4) back_from(std::integral_constant<int, 4>{}, a);
    for (; a < width; ++a) back_from(std::integral_constant<int, 1>{}, a);

    V f_along = hn::Zero(tag);
    for (Index m = 0; m < d; ++m) {
      for (Index c = 0; c < width; ++c) {
        b[m] = hn::MulAdd(along[c], hn::Set(tag, plan.in[c * d + m]), b[m]);
      }
      b[m] = hn::MulAdd(square, f[m], b[m]);
      f_along = hn::MulAdd(f[m], velocity[m], f_along);
    }
    auto failed = hn::Lt(hn::Zero(tag), hn::Zero(tag));
    cholesky(tag, d, g, l, failed);
    cholesky_solve<1>(d, l, b);
    const V twice = hn::Add(f_along, f_along);
    for (Index m = 0; m < d; ++m) {
      hn::StoreU(hn::NegMulAdd(twice, velocity[m], b[m]), tag, out + m * stride + n);
    }
  });
}

}  // namespace lior::geometry::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
