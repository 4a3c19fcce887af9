// SPDX-License-Identifier: Apache-2.0
// Any bytes as an HDF5 file of columns, as lior geodesic --starts reads it; what was read is
// written and read again. libhdf5's own crashes are hdf5_field's subject as well.
#include "lior/io/hdf5.h"

#include "fuzz.h"

namespace {

using namespace lior;

std::string written(const io::Table& table) {
  std::vector<io::Hdf5Column> columns;
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    io::Hdf5Column column{.name = table.columns[c], .numbers = {}};
    for (std::size_t i = c; i < table.numbers.size(); i += table.columns.size()) {
      column.numbers.push_back(table.numbers[i]);
    }
    columns.push_back(std::move(column));
  }
  return io::hdf5_table(columns);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::MemoryFile input(fuzz::text_of(data, size));
  fuzz::expect_value_or_error([&] {
    const io::Table table = io::read_hdf5_table(input.path());
    const fuzz::MemoryFile again(written(table));
    const io::Table same = io::read_hdf5_table(again.path());
    if (same.columns != table.columns || same.numbers != table.numbers) {
      fuzz::fail("a table is another one once written", "");
    }
  });
  return 0;
}
