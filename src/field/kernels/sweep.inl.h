// SPDX-License-Identifier: Apache-2.0
// Rows of the explicit sweep: into planes with their sources, one stage, and back. Lanes over
// numbers. Compiled once per level.
#if defined(LIOR_FIELD_KERNELS_SWEEP_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIOR_FIELD_KERNELS_SWEEP_INL_H
#undef LIOR_FIELD_KERNELS_SWEEP_INL_H
#else
#define LIOR_FIELD_KERNELS_SWEEP_INL_H
#endif

#include <hwy/cache_control.h>

#include "field/kernels/bayes.inl.h"

HWY_BEFORE_NAMESPACE();
namespace lior::field::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Numbers between which memory is asked for more: what is asked at once is less than the misses
/// that a core can have in flight.
inline constexpr Index kFetched = 64;

/// Fetches `count` complex numbers.
template <class T>
HWY_INLINE void fetch(const T* numbers, Index count) {
  constexpr Index kLine = 64 / sizeof(T);
  for (Index k = 0; k < 2 * count; k += kLine) hwy::Prefetch(numbers + k);
}

/// `count` numbers from planes to `out`; `around` the caches where it is aligned.
template <class T>
HWY_INLINE void pack(Planes<T> in, T* out, Index count, bool around) {
  const auto interleave = [in](Index first, Index numbers, T* to) {
    for_lanes<T>(numbers, [=](auto d, Index k) {
      hn::StoreInterleaved2(hn::LoadU(d, in.re + first + k), hn::LoadU(d, in.im + first + k), d,
                            to + 2 * k);
    });
  };
  const hn::ScalableTag<T> d;
  const Index lanes = static_cast<Index>(hn::Lanes(d));
  if (!around || reinterpret_cast<std::uintptr_t>(out) % (lanes * sizeof(T)) != 0) {
    return interleave(0, count, out);
  }
  alignas(64) T block[2 * kFetched];
  for (Index first = 0; first < count; first += kFetched) {
    const Index numbers = HWY_MIN(kFetched, count - first);
    T* const to = out + 2 * first;
    interleave(first, numbers, block);
    Index k = 0;
    for (; k + lanes <= 2 * numbers; k += lanes) hn::Stream(hn::Load(d, block + k), d, to + k);
    for (; k < 2 * numbers; ++k) to[k] = block[k];
  }
}

/// sqrt(w) of `count` numbers, w = 2^-x, and the sums with these weights. Fetches the evidence that
/// the next row, `ahead` numbers on, will read.
template <class T>
BayesSums keep_roots(Planes<T> t, const T* evidence, Index count, T rate, T* root, Index ahead,
                     bool around) noexcept {
  const hn::ScalableTag<T> wide;
  using V = hn::Vec<decltype(wide)>;
  const auto lanes = static_cast<Index>(hn::Lanes(wide));
  alignas(64) T half[kFetched], size[kFetched], lane[hn::MaxLanes(wide)];
  const T infinite = static_cast<T>(INFINITY);
  around = around && reinterpret_cast<std::uintptr_t>(root) % (lanes * sizeof(T)) == 0;
  BayesSums total;
  for (Index block = 0; block < count; block += kBlock) {
    const Index end = HWY_MIN(block + kBlock, count);
    V most = hn::Set(wide, -infinite), norm = hn::Zero(wide), weighted = hn::Zero(wide);
    for (Index first = block; first < end; first += kFetched) {
      const Index numbers = HWY_MIN(kFetched, end - first);
      fetch(evidence + 2 * (first + ahead), numbers);
      for_lanes<T>(numbers, [&](auto d, Index at) {
        const Index k = first + at;
        const auto re = hn::LoadU(d, t.re + k), im = hn::LoadU(d, t.im + k);
        const auto minus_half = hn::Set(d, T(-0.5) * rate);
        hn::StoreU(bayes_exponent(d, re, im, evidence + 2 * k, minus_half), d, half + at);
        hn::StoreU(hn::MulAdd(re, re, hn::Mul(im, im)), d, size + at);
      });
      Index padded = numbers;
      for (; padded % lanes != 0; ++padded) half[padded] = size[padded] = 0;
      for (Index k = 0; k < padded; k += lanes) {
        const V exponent = hn::Load(wide, half + k), square = hn::Load(wide, size + k);
        const V counted =
            hn::IfThenElse(hn::Eq(square, hn::Zero(wide)), hn::Set(wide, -infinite), exponent);
        most = hn::Max(counted, most);
        const V r = exp2_negative(wide, exponent);
        if (k + lanes > numbers) {
          hn::Store(r, wide, half + k);
          for (Index at = k; at < numbers; ++at) root[first + at] = half[at];
        } else if (around) {
          hn::Stream(r, wide, root + first + k);
        } else {
          hn::StoreU(r, wide, root + first + k);
        }
        norm = hn::Add(square, norm);
        weighted = hn::MulAdd(hn::Mul(r, r), square, weighted);
      }
    }
    BayesSums part{.least = INFINITY};
    const auto each_lane = [&](V v, auto&& take) {
      hn::Store(v, wide, lane);
      for (Index i = 0; i < lanes; ++i) take(static_cast<double>(lane[i]));
    };
    each_lane(most, [&](double exponent) { part.least = std::min(part.least, -2 * exponent); });
    each_lane(norm, [&](double sum) { part.norm += sum; });
    each_lane(weighted, [&](double sum) { part.weighted += sum; });
    total.add(part);
  }
  return total;
}

/// The same of complex numbers.
template <class T>
BayesSums keep_roots_of_numbers(const T* t, const T* evidence, Index count, T rate,
                                T* root) noexcept {
  alignas(64) T re[kBlock], im[kBlock];
  BayesSums total;
  for (Index first = 0; first < count; first += kBlock) {
    const Index numbers = HWY_MIN(kBlock, count - first);
    unpack(t + 2 * first, {re, im}, numbers);
    total.add(keep_roots<T>({re, im}, evidence + 2 * first, numbers, rate, root + first, 0, false));
  }
  return total;
}

/// Each of `cells` values, `stride` apart, `cell` times.
template <class T>
void spread(const T* values, Index stride, Index cells, Index cell, T* out) noexcept {
  for (Index c = 0; c < cells; ++c, values += stride, out += cell) {
    for_lanes<T>(cell, [=](auto d, Index k) { hn::StoreU(hn::Set(d, *values), d, out + k); });
  }
}

/// S of `count` numbers, and its slope where terms.term is there. Fetches what the next row,
/// `ahead` numbers on, will read of the constant and the roots, or the evidence.
template <class T>
void source_row(const SourceTerms<T>& terms, Planes<T> t, Planes<T> source, Planes<T> slope,
                Index count, Index ahead) noexcept {
  alignas(64) T root[kFetched];
  for (Index first = 0; first < count; first += kFetched) {
    const Index numbers = HWY_MIN(kFetched, count - first);
    if (terms.constant) fetch(terms.constant + 2 * (first + ahead), numbers);
    const T* roots = root;
    if (terms.root) {
      roots = terms.root + first;
      fetch(roots + ahead, numbers / 2);
    } else if (terms.evidence) {
      fetch(terms.evidence + 2 * (first + ahead), numbers);
      roots_of_weights({t.re + first, t.im + first}, terms.evidence + 2 * first, terms.rate,
                       terms.least, root, numbers);
    }
    for_lanes<T>(numbers, [&](auto d, Index at) {
      using V = hn::Vec<decltype(d)>;
      const Index k = first + at;
      V s_re = hn::Zero(d), s_im = hn::Zero(d);
      if (terms.constant) hn::LoadInterleaved2(d, terms.constant + 2 * k, s_re, s_im);
      if (terms.evidence) {
        const V factor =
            hn::MulSub(hn::Set(d, terms.scale), hn::LoadU(d, roots + at), hn::Set(d, terms.lambda));
        s_re = hn::MulAdd(factor, hn::LoadU(d, t.re + k), s_re);
        s_im = hn::MulAdd(factor, hn::LoadU(d, t.im + k), s_im);
      }
      if (terms.term) {
        const V lambda = hn::Set(d, terms.lambda_f);
        V now_re, now_im, before_re, before_im;
        hn::LoadInterleaved2(d, terms.term + 2 * k, now_re, now_im);
        hn::LoadInterleaved2(d, terms.term_before + 2 * k, before_re, before_im);
        s_re = hn::NegMulAdd(lambda, now_re, s_re);
        s_im = hn::NegMulAdd(lambda, now_im, s_im);
        hn::StoreU(hn::Mul(lambda, hn::Sub(before_re, now_re)), d, slope.re + k);
        hn::StoreU(hn::Mul(lambda, hn::Sub(before_im, now_im)), d, slope.im + k);
      }
      hn::StoreU(s_re, d, source.re + k);
      hn::StoreU(s_im, d, source.im + k);
    });
  }
}

/// Numbers begin..end of a row, in whole vectors: past `end` the row's padding takes what comes.
template <bool kVaries, bool kSource, bool kSlope, class T>
void stage_row(const StageRow<T>& given, Index begin, Index end) noexcept {
  const StageRow<T> row = given;  // a copy, which no store can change: pointers stay in registers
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const Index lanes = static_cast<Index>(hn::Lanes(d));
  const V along_x = hn::Set(d, row.along_x), along_y = hn::Set(d, row.along_y);
  const V a = hn::Set(d, row.a), share = hn::Set(d, row.share);
  const Index south = -row.cell, north = row.cell;
  const auto load = [d](const T* x) { return hn::LoadU(d, x); };
  for (Index first = begin; first < end; first += kFetched) {
    const Index last = HWY_MIN(first + kFetched, end);
    if (row.next != nullptr) fetch(row.next + 2 * (first - begin), last - first);
    for (Index k = first; k < last; k += lanes) {
      V c[5];
#pragma GCC unroll 5
      for (int side = 0; side < (kVaries ? 5 : 1); ++side) c[side] = load(row.stencil[side] + k);
      const auto rate = [&](Index at) {
        V sum;
        if constexpr (kVaries) {
          sum = hn::Mul(c[0], load(row.here + at));
          sum = hn::MulAdd(c[1], load(row.west + at), sum);
          sum = hn::MulAdd(c[2], load(row.east + at), sum);
          sum = hn::MulAdd(c[3], load(row.here + at + south), sum);
          sum = hn::MulAdd(c[4], load(row.here + at + north), sum);
          if constexpr (kSource) sum = hn::Add(sum, load(row.source + at));
        } else {
          const V x = hn::Add(load(row.west + at), load(row.east + at));
          const V y = hn::Add(load(row.here + at + south), load(row.here + at + north));
          if constexpr (kSource) {
            sum = hn::MulAdd(c[0], load(row.here + at), load(row.source + at));
          } else {
            sum = hn::Mul(c[0], load(row.here + at));
          }
          sum = hn::MulAdd(along_x, x, sum);
          sum = hn::MulAdd(along_y, y, sum);
        }
        if constexpr (kSlope) sum = hn::MulAdd(share, load(row.slope + at), sum);
        return sum;
      };
      const Index i = k + row.imaginary;
      const V re = rate(k), im = rate(i);
      hn::StoreU(hn::MulAdd(a, im, load(row.base + k)), d, row.out + k);
      hn::StoreU(hn::NegMulAdd(a, re, load(row.base + i)), d, row.out + i);
    }
    if (row.result != nullptr) {
      pack({row.out + first, row.out + row.imaginary + first}, row.result + 2 * (first - begin),
           last - first, row.around);
    }
  }
}

}  // namespace lior::field::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
