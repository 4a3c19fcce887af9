// SPDX-License-Identifier: Apache-2.0
// Any text as the expression of a group.
#include "lior/train/group.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lior;
  fuzz::expect_value_or_error([&] {
    const auto group = train::parse_group(fuzz::text_of(data, size)).group;
    train::is_solvable(group);
  });
  return 0;
}
