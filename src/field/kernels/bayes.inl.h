// Bayes' weights: the sums of its normaliser, and the posterior. Lanes over numbers. Compiled once
// per level.
#if defined(LIOR_FIELD_KERNELS_BAYES_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIOR_FIELD_KERNELS_BAYES_INL_H
#undef LIOR_FIELD_KERNELS_BAYES_INL_H
#else
#define LIOR_FIELD_KERNELS_BAYES_INL_H
#endif

#include "field/sweep.h"
#include "simd/for_lanes.inl.h"

HWY_BEFORE_NAMESPACE();
namespace lior::field::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using simd::HWY_NAMESPACE::for_lanes;

/// Numbers that go through one loop after another while they are in the first cache. An
/// exponential is one chain of dependent operations: in a loop of its own many are in flight.
inline constexpr Index kBlock = 256;

/// (2^f - 1) / f on [-1/2, 1/2], by Chebyshev interpolation in 40 digits, of f^0 on: 2^f to 5.1e-9
/// and to 8.5e-18.
template <class T>
struct PowerOfTwo;
template <>
struct PowerOfTwo<float> {
  static constexpr int kMantissa = 23, kBias = 127;
  static constexpr float kSeries[] = {0.693147188026f,   0.240226507606f,   0.0555035711422f,
                                      0.00961808255728f, 0.00133908633647f, 0.000154531629451f};
};
template <>
struct PowerOfTwo<double> {
  static constexpr int kMantissa = 52, kBias = 1023;
  static constexpr double kSeries[] = {
      0.69314718055994530942,     0.2402265069591009822,    0.055504108664821594339,
      0.0096181291076068885273,   0.001333355814641693531,  0.00015403530441736050155,
      0.000015252733829836118394, 1.3215442587921689653e-6, 1.0178062445845773521e-7,
      7.0725859492692236999e-9,   4.4549605981865183938e-10};
};

/// 2^y where y <= 0: to 2 eps; 0 where that is no normal number. NaN stays.
template <class D, class V>
HWY_INLINE V power_of_two(D d, V y) {
  using T = hn::TFromD<D>;
  using Constants = PowerOfTwo<T>;
  constexpr auto& c = Constants::kSeries;
  // Adding it rounds y to an integer n, and leaves n + bias in the last bits.
  constexpr T kRound = T(1.5) * T(std::int64_t{1} << Constants::kMantissa) + T(Constants::kBias);
  const V rounding = hn::Set(d, kRound);
  y = hn::Max(hn::Set(d, T(-Constants::kBias)), y);
  const V rounded = hn::Add(y, rounding);
  const V f = hn::Sub(y, hn::Sub(rounded, rounding));
  const V f2 = hn::Mul(f, f);
  constexpr int kTerms = static_cast<int>(std::size(c));
  V sum = hn::Zero(d);
  // Two terms at a time: half the chain of Horner's rule.
  if constexpr (kTerms % 2 == 1) sum = hn::Set(d, c[kTerms - 1]);
#pragma GCC unroll 8
  for (int i = kTerms / 2 * 2 - 2; i >= 0; i -= 2) {
    const V pair = hn::MulAdd(hn::Set(d, c[i + 1]), f, hn::Set(d, c[i]));
    sum = i + 2 == kTerms ? pair : hn::MulAdd(sum, f2, pair);
  }
  const hn::RebindToSigned<D> integer;
  const V power =
      hn::BitCast(d, hn::ShiftLeft<Constants::kMantissa>(hn::BitCast(integer, rounded)));
  return hn::Mul(power, hn::MulAdd(f, sum, hn::Set(d, T(1))));
}

/// |t - e|^2 rate.
template <class D, class V>
HWY_INLINE V bayes_exponent(D d, V re, V im, const hn::TFromD<D>* evidence, V rate) {
  V e_re, e_im;
  hn::LoadInterleaved2(d, evidence, e_re, e_im);
  const V u = hn::Sub(re, e_re), v = hn::Sub(im, e_im);
  return hn::Mul(rate, hn::MulAdd(u, u, hn::Mul(v, v)));
}

/// `count` numbers of t into planes.
template <class T>
void unpack(const T* t, Planes<T> out, Index count) noexcept {
  for_lanes<T>(count, [=](auto d, Index k) {
    hn::Vec<decltype(d)> re, im;
    hn::LoadInterleaved2(d, t + 2 * k, re, im);
    hn::StoreU(re, d, out.re + k);
    hn::StoreU(im, d, out.im + k);
  });
}

/// sqrt(w) of one block, relative to `least`; at most 1, which only entries T = 0 would pass.
template <class T>
HWY_INLINE void roots_of_weights(Planes<T> t, const T* evidence, T rate, T least, T* root,
                                 Index count) {
  for_lanes<T>(count, [=](auto d, Index k) {
    const auto re = hn::LoadU(d, t.re + k), im = hn::LoadU(d, t.im + k);
    const auto x = bayes_exponent(d, re, im, evidence + 2 * k, hn::Set(d, rate));
    const auto half = hn::Mul(hn::Set(d, T(0.5)), hn::Sub(hn::Set(d, least), x));
    hn::StoreU(hn::Min(hn::Zero(d), half), d, root + k);
  });
  for_lanes<T>(count, [=](auto d, Index k) {
    hn::StoreU(power_of_two(d, hn::LoadU(d, root + k)), d, root + k);
  });
}

/// The sums of one block, relative to its own least; in T.
template <class T>
HWY_INLINE BayesSums block_sums(Planes<T> t, const T* evidence, Index count, T rate) {
  const hn::ScalableTag<T> wide;
  using V = hn::Vec<decltype(wide)>;
  const Index lanes = static_cast<Index>(hn::Lanes(wide));
  alignas(64) T exponent[kBlock], size[kBlock], lane[hn::MaxLanes(wide)];
  const T infinite = static_cast<T>(INFINITY);
  const auto add_lanes = [&](V sum) {
    hn::Store(sum, wide, lane);
    double total = 0;
    for (Index i = 0; i < lanes; ++i) total += lane[i];
    return total;
  };
  for_lanes<T>(count, [&](auto d, Index k) {
    const auto re = hn::LoadU(d, t.re + k), im = hn::LoadU(d, t.im + k);
    const auto norm = hn::MulAdd(re, re, hn::Mul(im, im));
    const auto x = bayes_exponent(d, re, im, evidence + 2 * k, hn::Set(d, rate));
    hn::StoreU(hn::IfThenElse(hn::Eq(norm, hn::Zero(d)), hn::Set(d, infinite), x), d, exponent + k);
    hn::StoreU(norm, d, size + k);
  });
  Index end = count;
  for (; end % lanes != 0; ++end) exponent[end] = infinite, size[end] = 0;

  V least_of = hn::Set(wide, infinite), norm = hn::Zero(wide), weighted = hn::Zero(wide);
  for (Index k = 0; k < end; k += lanes) {
    least_of = hn::Min(hn::Load(wide, exponent + k), least_of);
    norm = hn::Add(norm, hn::Load(wide, size + k));
  }
  hn::Store(least_of, wide, lane);
  T least = lane[0];
  for (Index i = 1; i < lanes; ++i) least = HWY_MIN(lane[i], least);
  if (least != infinite) {
    for (Index k = 0; k < end; k += lanes) {
      const V w = power_of_two(wide, hn::Sub(hn::Set(wide, least), hn::Load(wide, exponent + k)));
      weighted = hn::MulAdd(w, hn::Load(wide, size + k), weighted);
    }
  }
  return {static_cast<double>(least), add_lanes(norm), add_lanes(weighted)};
}

/// The sums of `count` numbers: of blocks, in double.
template <class T>
BayesSums bayes_sums(Planes<T> t, const T* evidence, Index count, T rate) noexcept {
  BayesSums total;
  for (Index first = 0; first < count; first += kBlock) {
    total.merge(block_sums({t.re + first, t.im + first}, evidence + 2 * first,
                           HWY_MIN(kBlock, count - first), rate));
  }
  return total;
}

/// The same of complex numbers.
template <class T>
BayesSums bayes_sums_of_numbers(const T* t, const T* evidence, Index count, T rate) noexcept {
  alignas(64) T re[kBlock], im[kBlock];
  BayesSums total;
  for (Index first = 0; first < count; first += kBlock) {
    const Index numbers = HWY_MIN(kBlock, count - first);
    unpack(t + 2 * first, {re, im}, numbers);
    total.merge(block_sums({re, im}, evidence + 2 * first, numbers, rate));
  }
  return total;
}

/// out = scale sqrt(w) t, w relative to `least`. out may be t.
template <class T>
void scale_by_weight(const T* t, const T* evidence, T* out, Index count, T rate, T least,
                     T scale) noexcept {
  alignas(64) T re[kBlock], im[kBlock], root[kBlock];
  for (Index first = 0; first < count; first += kBlock) {
    const Index numbers = HWY_MIN(kBlock, count - first);
    unpack(t + 2 * first, {re, im}, numbers);
    roots_of_weights({re, im}, evidence + 2 * first, rate, least, root, numbers);
    for_lanes<T>(numbers, [&](auto d, Index k) {
      const auto factor = hn::Mul(hn::Set(d, scale), hn::LoadU(d, root + k));
      hn::StoreInterleaved2(hn::Mul(factor, hn::LoadU(d, re + k)),
                            hn::Mul(factor, hn::LoadU(d, im + k)), d, out + 2 * (first + k));
    });
  }
}

}  // namespace lior::field::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
