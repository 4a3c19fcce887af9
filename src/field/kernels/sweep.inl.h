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

/// And back.
template <class T>
void pack(Planes<T> in, T* out, Index count) noexcept {
  for_lanes<T>(count, [=](auto d, Index k) {
    hn::StoreInterleaved2(hn::LoadU(d, in.re + k), hn::LoadU(d, in.im + k), d, out + 2 * k);
  });
}

/// S of `count` numbers, and its slope where terms.term is there.
template <class T>
void source_row(const SourceTerms<T>& terms, Planes<T> t, Planes<T> source, Planes<T> slope,
                Index count) noexcept {
  for_lanes<T>(count, [&](auto d, Index k) {
    using V = hn::Vec<decltype(d)>;
    V s_re = hn::Zero(d), s_im = hn::Zero(d);
    if (terms.constant) hn::LoadInterleaved2(d, terms.constant + 2 * k, s_re, s_im);
    if (terms.evidence) {
      const V re = hn::LoadU(d, t.re + k), im = hn::LoadU(d, t.im + k);
      const V x = bayes_exponent(d, re, im, terms.evidence + 2 * k, hn::Set(d, terms.rate));
      const V root = root_of_weight(d, x, hn::Set(d, terms.least));
      const V factor = hn::MulSub(hn::Set(d, terms.scale), root, hn::Set(d, terms.lambda));
      s_re = hn::MulAdd(factor, re, s_re);
      s_im = hn::MulAdd(factor, im, s_im);
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

/// Numbers begin..end of a row, in whole vectors: past `end` the row's padding takes what comes.
template <bool kVaries, bool kSource, bool kSlope, class T>
void stage_row(const StageRow<T>& row, Index begin, Index end) noexcept {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const Index lanes = static_cast<Index>(hn::Lanes(d));
  const V along_x = hn::Set(d, row.along_x), along_y = hn::Set(d, row.along_y);
  const V a = hn::Set(d, row.a), share = hn::Set(d, row.share);
  const Index cell = row.cell;
  const auto load = [d](const T* x) { return hn::LoadU(d, x); };
  for (Index k = begin; k < end; k += lanes) {
    if (row.next[0] != nullptr) {
      for (const T* next : row.next) hwy::Prefetch(next + 2 * (k - begin));
    }
    V c[5];
#pragma GCC unroll 5
    for (int side = 0; side < (kVaries ? 5 : 1); ++side) c[side] = load(row.stencil[side] + k);
    const auto rate = [&](const T* west, const T* here, const T* east, const T* source,
                          const T* slope) {
      V sum;
      if constexpr (kVaries) {
        sum = hn::Mul(c[0], load(here + k));
        sum = hn::MulAdd(c[1], load(west + k), sum);
        sum = hn::MulAdd(c[2], load(east + k), sum);
        sum = hn::MulAdd(c[3], load(here + k - cell), sum);
        sum = hn::MulAdd(c[4], load(here + k + cell), sum);
        if constexpr (kSource) sum = hn::Add(sum, load(source + k));
      } else {
        const V x = hn::Add(load(west + k), load(east + k));
        const V y = hn::Add(load(here + k - cell), load(here + k + cell));
        if constexpr (kSource) {
          sum = hn::MulAdd(c[0], load(here + k), load(source + k));
        } else {
          sum = hn::Mul(c[0], load(here + k));
        }
        sum = hn::MulAdd(along_x, x, sum);
        sum = hn::MulAdd(along_y, y, sum);
      }
      if constexpr (kSlope) sum = hn::MulAdd(share, load(slope + k), sum);
      return sum;
    };
    const V re = rate(row.west.re, row.here.re, row.east.re, row.source.re, row.slope.re);
    const V im = rate(row.west.im, row.here.im, row.east.im, row.source.im, row.slope.im);
    hn::StoreU(hn::MulAdd(a, im, load(row.base.re + k)), d, row.out.re + k);
    hn::StoreU(hn::NegMulAdd(a, re, load(row.base.im + k)), d, row.out.im + k);
  }
}

}  // namespace lior::field::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
