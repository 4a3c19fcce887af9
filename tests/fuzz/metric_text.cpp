// SPDX-License-Identifier: Apache-2.0
// Any text as the name of a metric: "sphere:n=2,r=1".
#include "fuzz.h"
#include "lior/geometry/metrics.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lior;
  const std::string text(fuzz::text_of(data, size));
  fuzz::expect_value_or_error([&] {
    const auto metric = geometry::metric_from_text<double>(text);
    if (metric.dimension() < 1) fuzz::fail("a metric of no dimension", text);
  });
  return 0;
}
