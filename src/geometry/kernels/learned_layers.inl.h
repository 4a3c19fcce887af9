// SPDX-License-Identifier: Apache-2.0
// The learned metric's two small networks, a point a lane. Compiled once per level.
#if defined(LIOR_GEOMETRY_KERNELS_LEARNED_LAYERS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIOR_GEOMETRY_KERNELS_LEARNED_LAYERS_INL_H
#undef LIOR_GEOMETRY_KERNELS_LEARNED_LAYERS_INL_H
#else
#define LIOR_GEOMETRY_KERNELS_LEARNED_LAYERS_INL_H
#endif

#include "geometry/learned_metric_kernel.h"
#include "lior/geometry/learned_metric.h"
#include "simd/math.inl.h"

HWY_BEFORE_NAMESPACE();
namespace lior::geometry::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace math = simd::HWY_NAMESPACE;

template <class D, class V = hn::Vec<D>>
HWY_INLINE V constant(D d, double value) {
  return hn::Set(d, static_cast<hn::TFromD<D>>(value));
}

/// done(row, sum_k weight[row][k] x[k]) for the rows of weight: [rows, size], as many chains of
/// multiply-adds at once as hide their latency.
template <class D, class T, class V, class Done>
HWY_INLINE void for_dots(D d, const T* HWY_RESTRICT weight, Index rows, Index size,
                         const V* HWY_RESTRICT x, const Done& done) {
  const auto block_from = [&](auto block, Index row) {
    constexpr int kBlock = decltype(block)::value;
    const T* HWY_RESTRICT first = weight + row * size;
    V sum[kBlock];
#pragma GCC unroll 16
    for (int r = 0; r < kBlock; ++r) sum[r] = hn::Zero(d);
    for (Index k = 0; k < size; ++k) {
      const V x_k = x[k];
#pragma GCC unroll 16
      for (int r = 0; r < kBlock; ++r) {
        sum[r] = hn::MulAdd(hn::Set(d, first[r * size + k]), x_k, sum[r]);
      }
    }
#pragma GCC unroll 16
    for (int r = 0; r < kBlock; ++r) done(row + r, sum[r]);
  };
  Index row = 0;
  for (; row + 8 <= rows; row += 8) block_from(std::integral_constant<int, 8>{}, row);
  for (; row + 4 <= rows; row += 4) block_from(std::integral_constant<int, 4>{}, row);
  for (; row < rows; ++row) block_from(std::integral_constant<int, 1>{}, row);
}

/// sum[m] += sum_k weight[k][m] x[k], weight: [rows, size].
template <class D, class T, class V>
HWY_INLINE void add_transposed(D d, const T* HWY_RESTRICT weight, Index rows, Index size,
                               const V* HWY_RESTRICT x, V* HWY_RESTRICT sum) {
  const auto columns_from = [&](auto block, Index m) {
    constexpr int kBlock = decltype(block)::value;
    V part[kBlock];
#pragma GCC unroll 8
    for (int c = 0; c < kBlock; ++c) part[c] = sum[m + c];
    for (Index k = 0; k < rows; ++k) {
      const V x_k = x[k];
#pragma GCC unroll 8
      for (int c = 0; c < kBlock; ++c) {
        part[c] = hn::MulAdd(hn::Set(d, weight[k * size + m + c]), x_k, part[c]);
      }
    }
#pragma GCC unroll 8
    for (int c = 0; c < kBlock; ++c) sum[m + c] = part[c];
  };
  Index m = 0;
  for (; m + 8 <= size; m += 8) columns_from(std::integral_constant<int, 8>{}, m);
  for (; m < size; ++m) columns_from(std::integral_constant<int, 1>{}, m);
}

/// c[0] + c[1] x + ..., the even and the odd terms by two chains half as long as Horner's.
template <class D, class V, std::size_t N>
HWY_INLINE V two_chains(D d, V x, const hn::TFromD<D> (&c)[N]) {
  static_assert(N % 2 == 0);
  const V square = hn::Mul(x, x);
  V even = hn::Set(d, c[N - 2]), odd = hn::Set(d, c[N - 1]);
#pragma GCC unroll 8
  for (std::size_t i = N - 2; i > 0; i -= 2) {
    even = hn::MulAdd(even, square, hn::Set(d, c[i - 2]));
    odd = hn::MulAdd(odd, square, hn::Set(d, c[i - 1]));
  }
  return hn::MulAdd(odd, x, even);
}

/// e^(-z^2/2).
template <class D, class V>
HWY_INLINE V gauss_of(D d, V z) {
  if constexpr (sizeof(hn::TFromD<D>) == 8) {
    return math::exp_negative(d, hn::Mul(hn::Mul(z, z), hn::Set(d, -0.5)));
  } else {
    return math::exp2_negative(d,
                               hn::Mul(hn::Mul(z, z), hn::Set(d, -0.7213475204f)));  // 1/(2 ln 2)
  }
}

/// gelu(z) = z Phi(z) in `value`, which holds z, and gelu'(z) = Phi(z) + z phi(z) in `slope`, which
/// holds e^(-z^2/2). In float Phi(-|z|) = e^(-z^2/2) r p(r), r = 1/(|z| + 3), p fitted to 1.2e-7
/// relative: absolute errors below 7e-8 (1 + |z|) and 2e-7. math::gelu also keeps the relative
/// accuracy of its small tail.
template <class D, class V>
HWY_INLINE void gelu_with_slope(D d, V& value, V& slope) {
  const V z = value, gauss = slope;
  V probability, density;
  if constexpr (sizeof(hn::TFromD<D>) == 8) {
    const auto normal = math::detail::normal(d, z, gauss);
    probability = normal.probability, density = normal.density;
  } else {
    constexpr float kP[] = {0.7290837697f,     0.5093320126f,    0.2300137192f,    0.04726149152f,
                            -0.01042982836f,   -0.006960349357f, 0.0009284508132f, 0.001011533477f,
                            -0.0001250312685f, -0.0001158576273f};
    const V one = hn::Set(d, 1.0f), r = hn::Div(one, hn::Add(hn::Abs(z), hn::Set(d, 3.0f)));
    const V u = hn::MulSub(hn::Set(d, 6.0f), r, one);
    const V tail = hn::Mul(gauss, hn::Mul(r, two_chains(d, u, kP)));
    probability = hn::IfThenElse(hn::Lt(z, hn::Zero(d)), tail, hn::Sub(one, tail));
    density = hn::Mul(gauss, hn::Set(d, 0.3989422804f));
  }
  value = hn::Mul(z, probability);
  slope = hn::MulAdd(z, density, probability);
}

/// The hidden layer z = W x + b: gelu(z) and gelu'(z).
template <class D, class T, class V>
HWY_NOINLINE void hidden_layer(D d, const T* weight, const T* bias, Index width, Index size,
                               const V* x, V* value, V* slope) {
  for_dots(d, weight, width, size, x,
           [&](Index a, V sum) { value[a] = hn::Add(sum, hn::Set(d, bias[a])); });
  // Two loops: a window of operations that wait holds more of the shorter chains.
  for (Index a = 0; a < width; ++a) slope[a] = gauss_of(d, value[a]);
  for (Index a = 0; a < width; ++a) gelu_with_slope(d, value[a], slope[a]);
}

/// tanh for the metric's entries, which hold a tenth of it. In float x P(x^2) / Q(x^2), fitted to
/// 2.1e-8 relative on [-9, 9], where it ends at 1: 6 units in the last place, and no exponential.
template <class D, class V>
HWY_INLINE V entry_tanh(D d, V x) {
  if constexpr (sizeof(hn::TFromD<D>) == 8) {
    return math::tanh(d, x);
  } else {
    constexpr float kP[] = {0.99999998f, 0.1338106023f, 0.003495628016f, 2.060968999749e-5f,
                            1.335540489509e-8f};
    constexpr float kQ[] = {1, 0.4671437589f, 0.02587713701f, 0.0003285697984f, 7.776883854894e-7f};
    const V end = hn::Set(d, 9.0f);
    const V y = hn::Min(hn::Max(x, hn::Neg(end)), end), square = hn::Mul(y, y);
    const V value = hn::Div(hn::Mul(y, math::detail::polynomial(d, square, kP)),
                            math::detail::polynomial(d, square, kQ));
    return hn::IfThenElse(hn::Eq(x, x), value, x);
  }
}

/// R and grad ln R (null: not wanted).
template <class D, class T, class V>
HWY_NOINLINE V resilience(D d, const LearnedPlan<T>& plan, const V* x, V* grad_log) {
  V value[kMostWidth], slope[kMostWidth];
  const Index width = plan.resilience_width;
  hidden_layer(d, plan.resilience_in, plan.resilience_in_bias, width, plan.d, x, value, slope);
  V z = hn::Set(d, plan.resilience_out_bias);
  for (Index k = 0; k < width; ++k) z = hn::MulAdd(hn::Set(d, plan.resilience_out[k]), value[k], z);
  const V soft = math::softplus(d, z);
  const V least = constant(d, kLeastResilience), most = constant(d, kMostResilience);
  const V r = hn::Min(hn::Max(soft, least), most);
  if (grad_log == nullptr) return r;
  const auto inside = hn::And(hn::Ge(soft, least), hn::Le(soft, most));
  const V factor = hn::IfThenElseZero(inside, hn::Div(math::sigmoid(d, z), r));
  for (Index k = 0; k < width; ++k) {
    slope[k] = hn::Mul(slope[k], hn::Mul(factor, hn::Set(d, plan.resilience_out[k])));
  }
  for (Index m = 0; m < plan.d; ++m) grad_log[m] = hn::Zero(d);
  add_transposed(d, plan.resilience_in, width, plan.d, slope, grad_log);
  return r;
}

}  // namespace lior::geometry::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
