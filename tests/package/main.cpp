// SPDX-License-Identifier: Apache-2.0
// A user's program on the installed library: its headers, kernels, threads and errors, and the
// libraries that it is linked with.
#include <lior/lior.h>

#include <cstdio>

namespace {

/// Whether transforms, products, compressed files, HDF5, TOML and Unicode are linked.
bool libraries_work() {
  std::complex<double> numbers[2] = {1, 1};
  lior::linalg::Fft<double>({.length = 2, .distance = 2}).forward(numbers);
  const float two = 2;
  float four = 0;
  using lior::linalg::Transpose;
  lior::linalg::gemm<float>(Transpose::no, Transpose::no, 1, {&two, 1, 1}, {&two, 1, 1}, 0,
                            {&four, 1, 1});
  bool refused = false;
  try {
    lior::io::read_decoded("no/such/file.gz", [](auto) { return true; });
  } catch (const lior::Error&) {
    refused = true;
  }
  return numbers[0] == 2.0 && four == 4 && refused && !lior::io::hdf5_library().empty() &&
         lior::geometry::metric_from_text<double>("kerr_newman").dimension() == 4 &&
         lior::train::byte_tokenizer() != nullptr;
}

}  // namespace

int main() {
  if (!libraries_work()) return 1;
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
