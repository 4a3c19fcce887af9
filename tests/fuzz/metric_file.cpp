// SPDX-License-Identifier: Apache-2.0
// Any file as a metric of formulas: its symbols at a point, by its kernel and by its derivatives.
#include "fuzz.h"
#include "lior/geometry/expression_metric.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lior;
  const fuzz::MemoryFile file(fuzz::text_of(data, size));
  fuzz::expect_value_or_error([&] {
    const auto metric =
        geometry::metric_from_expression<double>(geometry::read_metric_file(file.path()));
    const Index d = metric.dimension();
    std::vector<double> x(static_cast<std::size_t>(d), 0.5), gamma(d * d * (d + 1) / 2);
    std::vector<double> g(d * d), dg(d * d * d);
    metric.domain(x.data());
    metric.first(x.data(), g.data(), dg.data());
    metric.symbols(x.data(), 1, gamma.data(), 1, 1);
  });
  return 0;
}
