// SPDX-License-Identifier: Apache-2.0
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "linalg/kernels/cholesky.inl.h"
#include <hwy/foreach_target.h>
#include "linalg/kernels/cholesky.inl.h"

#if HWY_ONCE
#include <atomic>

#include "lior/core/parallel.h"
#include "lior/simd/dispatch.h"

namespace lior::linalg {
namespace {

template <class T>
using Kernel = Index (*)(const T*, const T*, T*, Index, Index) noexcept;

template <class T>
Kernel<T> kernel_of(Index d) {
  switch (d) {
    case 2: return LIOR_SIMD_TABLE(solve_planes<T, 2>).chosen();
    case 3: return LIOR_SIMD_TABLE(solve_planes<T, 3>).chosen();
    case 4: return LIOR_SIMD_TABLE(solve_planes<T, 4>).chosen();
    case 8: return LIOR_SIMD_TABLE(solve_planes<T, 8>).chosen();
    case 16: return LIOR_SIMD_TABLE(solve_planes<T, 16>).chosen();
    default: throw Error(fmt::format("b has {} rows; kernels exist for 2, 3, 4, 8 and 16", d));
  }
}

/// The kernel's order of roundings is not the scalar one's, so a pivot within rounding of zero may
/// fail there and be positive here.
template <class T>
[[noreturn]] void throw_failure(View<const T, 3> a, Index n) {
  const Index d = a.extent(0);
  std::array<T, kLargestSmallMatrix * kLargestSmallMatrix> storage{};
  const View<T, 2> matrix(storage.data(), {d, d});
  for (Index i = 0; i < d; ++i) {
    for (Index j = 0; j <= i; ++j) matrix(i, j) = a(i, j, n);
  }
  const auto failed = cholesky(matrix);
  throw Error(fmt::format(
      "matrix {} of {} is not positive definite{}", n, a.extent(2),
      failed ? fmt::format(": its pivot {} is {}; all must be > 0", failed->index, failed->value)
             : " to rounding"));
}

}  // namespace

template <class T>
void cholesky_solve_planes(View<const T, 3> a, View<const T, 2> b, View<T, 2> x) {
  const Index d = b.extent(0), count = b.extent(1);
  check_shape(a, {d, d, count}, "a");
  check_shape(x, {d, count}, "x");
  const Kernel<T> kernel = kernel_of<T>(d);
  const Index grain = 65536 / (d * d * d) + 1;  // some 20 us of one thread
  std::atomic<Index> first_failure = count;
  parallel_for(count, grain, [&](Index begin, Index end, int) {
    const Index failed =
        begin + kernel(a.data() + begin, b.data() + begin, x.data() + begin, count, end - begin);
    if (failed == end) return;
    Index first = first_failure.load();
    while (failed < first && !first_failure.compare_exchange_weak(first, failed)) {
    }
  });
  if (first_failure != count) throw_failure(a, first_failure.load());
}

template void cholesky_solve_planes(View<const float, 3>, View<const float, 2>, View<float, 2>);
template void cholesky_solve_planes(View<const double, 3>, View<const double, 2>, View<double, 2>);

}  // namespace lior::linalg
#endif
