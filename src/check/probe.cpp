// SPDX-License-Identifier: Apache-2.0
#include "lior/check/probe.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "check/probe.cpp"
#include <hwy/foreach_target.h>
#include "check/kernels/probe.inl.h"

#if HWY_ONCE
#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>

#include "lior/core/buffer.h"
#include "lior/core/parallel.h"
#include "lior/core/timer.h"
#include "lior/linalg/gemm.h"
#include "lior/simd/dispatch.h"

namespace lior::check {
namespace {

constexpr int kRuns = 5;
constexpr double kRunSeconds = 4e-3;
constexpr double kMegabyte = 1 << 20;
constexpr double kLargestFootprint = 256 * kMegabyte, kSmallestFootprint = 65536;

/// The shortest of `runs` runs.
template <class Work>
double best_seconds(int runs, const Work& work) {
  double best = INFINITY;
  for (int run = 0; run < runs; ++run) {
    const Timer timer;
    work();
    best = std::min(best, timer.seconds());
  }
  return best;
}

/// The most work a second that all threads do together; work(worker, repeats) returns what it did.
/// Repeats are chosen on one thread: on a busy machine a barrier alone takes milliseconds.
template <class Work>
double best_rate(const Work& work) {
  Index repeats = 1;
  while (best_seconds(2, [&] { work(0, repeats); }) < kRunSeconds) repeats *= 2;
  const int workers = threads();
  std::vector<double> done(workers);
  const double seconds = best_seconds(kRuns, [&] {
    parallel_for(workers, 1,
                 [&](Index, Index, int worker) { done[worker] = work(worker, repeats); });
  });
  return std::accumulate(done.begin(), done.end(), 0.0) / seconds;
}

/// One result a worker, a cache line apart.
template <class T>
class Sinks {
 public:
  Sinks() : values_(threads() * kStride) {}
  T* operator[](int worker) { return values_.data() + worker * kStride; }

 private:
  static constexpr Index kStride = kAlignment / sizeof(T);
  Buffer<T> values_;
};

template <class T>
double multiply_add_rate() {
  constexpr Index kSteps = 4096;
  const auto kernel = LIOR_SIMD_TABLE(multiply_adds<T>).chosen();
  Sinks<T> sinks;
  return best_rate(
      [&](int worker, Index repeats) { return kernel(kSteps * repeats, sinks[worker]); });
}

double bf16_rate() {
  if (!linalg::bf16_is_native()) return 0;
  constexpr Index kSize = 1024;
  Array<BFloat16, 2> a({kSize, kSize}), b({kSize, kSize});
  Array<float, 2> c({kSize, kSize});
  std::fill_n(a.data(), a.size(), to_bfloat16(1.5f));
  std::fill_n(b.data(), b.size(), to_bfloat16(0.5f));
  const double seconds = best_seconds(kRuns + 1, [&] {  // the first makes the primitive
    linalg::gemm_bf16(linalg::Transpose::no, linalg::Transpose::no, a.view(), b.view(), 0,
                      linalg::MatrixView<float>(c.view()));
  });
  return 2.0 * kSize * kSize * kSize / seconds;
}

/// The block that bandwidth is measured on; it grows to the largest footprint asked for, and stays,
/// because fresh pages would be timed otherwise.
class Memory {
 public:
  double bandwidth(Traffic traffic, double footprint) {
    footprint = std::clamp(footprint, kSmallestFootprint * threads(), kLargestFootprint);
    // A whole number of the longest loop body (4 vectors of 16) a worker and an array.
    const Index unit = 64 * threads() * 3;
    const Index count = static_cast<Index>(footprint / sizeof(float)) / unit * unit;
    if (block_.size() < count) block_ = Buffer<float>(count);
    switch (traffic) {
      case Traffic::read: return read(count);
      case Traffic::write:
        return std::max(write(count, LIOR_SIMD_TABLE(write_streaming).chosen()),
                        write(count, LIOR_SIMD_TABLE(write_cached).chosen()));
      case Traffic::triad: break;
    }
    return triad(count / 3);
  }

 private:
  /// body(begin, size, worker) again and again on each worker's part of `count` elements.
  template <class Body>
  double rate(Index count, double bytes_per_element, const Body& body) {
    const Index part = count / threads();
    return best_rate([&](int worker, Index repeats) {
      for (Index i = 0; i < repeats; ++i) body(worker * part, part, worker);
      return bytes_per_element * static_cast<double>(part) * static_cast<double>(repeats);
    });
  }

  double read(Index count) {
    const auto kernel = LIOR_SIMD_TABLE(read_all).chosen();
    Sinks<float> sinks;
    return rate(count, sizeof(float), [&](Index begin, Index size, int worker) {
      kernel(block_.data() + begin, size, sinks[worker]);
    });
  }

  template <class Kernel>
  double write(Index count, Kernel kernel) {
    return rate(count, sizeof(float),
                [&](Index begin, Index size, int) { kernel(block_.data() + begin, size); });
  }

  double triad(Index count) {
    const auto kernel = LIOR_SIMD_TABLE(triad).chosen();
    float* const x = block_.data();
    return rate(count, 3 * sizeof(float), [&](Index begin, Index size, int) {
      kernel(x + begin, x + count + begin, x + 2 * count + begin, size);
    });
  }

  Buffer<float> block_;
};

}  // namespace

Limits machine_limits() {
  const auto memory = std::make_shared<Memory>();
  return {
      .rate =
          [](Arithmetic arithmetic) {
            switch (arithmetic) {
              case Arithmetic::fma_f32: return multiply_add_rate<float>();
              case Arithmetic::fma_f64: return multiply_add_rate<double>();
              case Arithmetic::fma_bf16: break;
            }
            return bf16_rate();
          },
      .bandwidth = [memory](Traffic traffic,
                            double footprint) { return memory->bandwidth(traffic, footprint); }};
}

Probe take_probe(const Limits& limits) {
  Probe probe{.threads = threads(),
              .fma_f32 = limits.rate(Arithmetic::fma_f32),
              .fma_f64 = limits.rate(Arithmetic::fma_f64)};
  if (const double bf16 = limits.rate(Arithmetic::fma_bf16); bf16 > 0) probe.fma_bf16 = bf16;
  for (const double footprint :
       {2 * kSmallestFootprint * threads(), 8 * kMegabyte, kLargestFootprint}) {
    probe.bandwidth.push_back({.footprint = footprint,
                               .read = limits.bandwidth(Traffic::read, footprint),
                               .write = limits.bandwidth(Traffic::write, footprint),
                               .triad = limits.bandwidth(Traffic::triad, footprint)});
  }
  return probe;
}

}  // namespace lior::check
#endif
