// SPDX-License-Identifier: Apache-2.0
// Any file as a table of numbers, as lior geodesic --starts reads it.
#include "lior/io/csv.h"

#include <algorithm>
#include <cmath>

#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lior;
  const fuzz::MemoryFile file(fuzz::text_of(data, size));
  fuzz::expect_value_or_error([&] {
    const io::Table table = io::read_csv(file.path());
    const auto cells = static_cast<std::size_t>(table.rows()) * table.columns.size();
    if (cells != table.numbers.size()) fuzz::fail("a row is not whole", "");
    if (!std::all_of(table.numbers.begin(), table.numbers.end(),
                     [](double x) { return std::isfinite(x); })) {
      fuzz::fail("a cell is not finite", "");
    }
  });
  return 0;
}
