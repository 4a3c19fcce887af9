// SPDX-License-Identifier: Apache-2.0
// Any bytes as a safetensors file: it loads, and its arrays lie inside it, or it is an error.
#include "lior/io/safetensors.h"

#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lior;
  const fuzz::MemoryFile input(fuzz::text_of(data, size));
  fuzz::expect_value_or_error([&] {
    const auto file = io::SafeTensors::open(input.path());
    for (const std::string& name : file.names()) {
      fuzz::expect_value_or_error([&] { file.read<double>(name); });
      fuzz::expect_value_or_error([&] { file.read<std::int8_t>(name); });
      fuzz::expect_value_or_error([&] { file.read<std::complex<double>>(name); });
    }
  });
  return 0;
}
