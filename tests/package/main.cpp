// SPDX-License-Identifier: Apache-2.0
// A user's program on the installed library: its headers, kernels, threads and errors.
#include <lior/lior.h>

#include <cstdio>

int main() {
  // i j = k in every column, by the fast kernel and by the value type.
  constexpr lior::Index kCount = 20000;
  lior::Array<double, 2> i({8, kCount}), j({8, kCount}), product({8, kCount});
  for (lior::Index n = 0; n < kCount; ++n) i(1, n) = j(2, n) = 1;
  lior::algebra::octonion_multiply<double>(i.view(), j.view(), product.view());
  const auto k =
      lior::algebra::Octonion<double>{{0, 1}} * lior::algebra::Octonion<double>{{0, 0, 1}};
  for (lior::Index component = 0; component < 8; ++component) {
    for (lior::Index n = 0; n < kCount; ++n) {
      if (product(component, n) != k.e[component]) return 1;
    }
  }
  try {
    lior::set_threads(0);
    return 1;
  } catch (const lior::Error& error) {
    std::printf("%s\n", error.what());
  }
}
