// SPDX-License-Identifier: Apache-2.0
// Exponentials of vectors of float or double, any level, any number of lanes. NaN gives NaN.
//
// Largest errors 1.6 units in the last place, 1.2 with FMA (checks simd.math.*).
#if defined(LIOR_SIMD_EXP_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIOR_SIMD_EXP_INL_H
#undef LIOR_SIMD_EXP_INL_H
#else
#define LIOR_SIMD_EXP_INL_H
#endif

#include <hwy/highway.h>

#include <cstdint>
#include <iterator>

HWY_BEFORE_NAMESPACE();
namespace lior::simd::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

namespace detail {

inline constexpr double kLog2E = 1.4426950408889634;

// kSeries: (2^f - 1) / f on [-1/2, 1/2], of f^0 on; minimax in float, Chebyshev interpolation in
// double. kLn2High n is exact for every n that occurs.
template <class T>
struct ExpTable;
template <>
struct ExpTable<float> {  // 2^f to 2.0e-9
  static constexpr int kMantissa = 23, kBias = 127;
  static constexpr float kLn2High = 0.693145751953125f, kLn2Low = 1.42860682031e-6f;
  static constexpr float kLeast = -87.3365f, kLow = -104.5f, kHigh = 89.0f;
  static constexpr float kSeries[] = {0.693147202855f,   0.240226479136f,   0.0555033247104f,
                                      0.00961843735763f, 0.00133988744526f, 0.000153533620008f};
};
template <>
struct ExpTable<double> {  // 8.5e-18
  static constexpr int kMantissa = 52, kBias = 1023;
  static constexpr double kLn2High = 0x1.62e42feep-1, kLn2Low = 1.9082149292705877e-10;
  static constexpr double kLeast = -708.3964, kLow = -746.0, kHigh = 710.0;
  static constexpr double kSeries[] = {
      0.69314718055994530942,     0.2402265069591009822,    0.055504108664821594339,
      0.0096181291076068885273,   0.001333355814641693531,  0.00015403530441736050155,
      0.000015252733829836118394, 1.3215442587921689653e-6, 1.0178062445845773521e-7,
      7.0725859492692236999e-9,   4.4549605981865183938e-10};
};

/// Adding it rounds a number to an integer n, and leaves n + `offset` in the last bits.
template <class T>
constexpr T rounding(int offset) {
  return T(1.5) * T(std::int64_t{1} << ExpTable<T>::kMantissa) + T(offset);
}

/// 2^f, |f| <= 1/2. Two terms at a time: half the chain of Horner's rule.
template <class D, class V>
HWY_INLINE V power_of_fraction(D d, V f) {
  constexpr auto& c = ExpTable<hn::TFromD<D>>::kSeries;
  constexpr int kTerms = static_cast<int>(std::size(c));
  const V f2 = hn::Mul(f, f);
  V sum = hn::Set(d, c[kTerms - 1]);
  int i = kTerms - 3;
  if constexpr (kTerms % 2 == 0) {
    sum = hn::MulAdd(sum, f, hn::Set(d, c[kTerms - 2]));
    --i;
  }
#pragma GCC unroll 8
  for (; i >= 0; i -= 2) {
    sum = hn::MulAdd(sum, f2, hn::MulAdd(hn::Set(d, c[i + 1]), f, hn::Set(d, c[i])));
  }
  return hn::MulAdd(f, sum, hn::Set(d, 1));
}

/// 2^f of f = x / ln 2 - n.
template <class D, class V>
HWY_INLINE V power_of_remainder(D d, V x, V n) {
  using Table = ExpTable<hn::TFromD<D>>;
  const V high = hn::NegMulAdd(n, hn::Set(d, Table::kLn2High), x);
  const V r = hn::NegMulAdd(n, hn::Set(d, Table::kLn2Low), high);
  return power_of_fraction(d, hn::Mul(r, hn::Set(d, static_cast<hn::TFromD<D>>(kLog2E))));
}

/// The numbers whose exponent is the last bits of x.
template <class D, class V>
HWY_INLINE V exponent_of_bits(D d, V x) {
  const hn::RebindToUnsigned<D> integer;
  using Table = ExpTable<hn::TFromD<D>>;
  return hn::BitCast(d, hn::ShiftLeft<Table::kMantissa>(hn::BitCast(integer, x)));
}

}  // namespace detail

/// 2^y, y <= 0; y < -126 (double: -1022), where that is no normal number, gives 0. A rate that
/// holds the 1/ln 2 makes this the cheapest exponential; without it x eps / 2 is lost.
template <class D, class V>
HWY_INLINE V exp2_negative(D d, V y) {
  using T = hn::TFromD<D>;
  using Table = detail::ExpTable<T>;
  const V magic = hn::Set(d, detail::rounding<T>(Table::kBias));
  const V rounded = hn::Add(y, magic);
  const V f = hn::Sub(y, hn::Sub(rounded, magic));
  const V value = hn::Mul(detail::exponent_of_bits(d, rounded), detail::power_of_fraction(d, f));
  return hn::IfThenZeroElse(hn::Lt(y, hn::Set(d, T(1 - Table::kBias))), value);
}

/// e^x, x <= 0 (or too little above it to matter: no overflow is looked for); x < -87.3365 (double:
/// -708.3964), where that is no normal number, gives 0.
template <class D, class V>
HWY_INLINE V exp_negative(D d, V x) {
  using T = hn::TFromD<D>;
  using Table = detail::ExpTable<T>;
  const V magic = hn::Set(d, detail::rounding<T>(Table::kBias));
  const V rounded = hn::MulAdd(x, hn::Set(d, T(detail::kLog2E)), magic);
  const V power = detail::power_of_remainder(d, x, hn::Sub(rounded, magic));
  const V value = hn::Mul(detail::exponent_of_bits(d, rounded), power);
  return hn::IfThenZeroElse(hn::Lt(x, hn::Set(d, Table::kLeast)), value);
}

/// e^x for every x, with results below the normal numbers and Inf: 1.4 times the cost.
template <class D, class V>
HWY_INLINE V exp(D d, V x) {
  using T = hn::TFromD<D>;
  using Table = detail::ExpTable<T>;
  const hn::RebindToUnsigned<D> integer;
  const V y = hn::Min(hn::Max(x, hn::Set(d, Table::kLow)), hn::Set(d, Table::kHigh));
  const V magic = hn::Set(d, detail::rounding<T>(2 * Table::kBias));
  const V rounded = hn::MulAdd(y, hn::Set(d, T(detail::kLog2E)), magic);
  const V power = detail::power_of_remainder(d, y, hn::Sub(rounded, magic));
  // 2^n in two halves, each of them normal.
  const auto bits = hn::BitCast(integer, rounded), half = hn::ShiftRight<1>(bits);
  const V low = detail::exponent_of_bits(d, hn::BitCast(d, half));
  const V high = detail::exponent_of_bits(d, hn::BitCast(d, hn::Sub(bits, half)));
  return hn::IfThenElse(hn::Eq(x, x), hn::Mul(hn::Mul(power, low), high), x);
}

}  // namespace lior::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
