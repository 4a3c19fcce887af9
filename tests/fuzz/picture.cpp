// SPDX-License-Identifier: Apache-2.0
// Any bytes as a PNG, as lior image --sky reads it.
#include "fuzz.h"
#include "lior/io/png.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lior;
  const fuzz::MemoryFile input(fuzz::text_of(data, size));
  fuzz::expect_value_or_error([&] {
    const auto picture = io::read_png(input.path());
    if (picture.size() == 0) fuzz::fail("a picture without a pixel", "");
  });
  return 0;
}
