// SPDX-License-Identifier: Apache-2.0
// Any bytes as an HDF5 file that holds a field T. libhdf5 itself crashes on hostile files, which
// the reader's header says; this target finds what our own code around it does.
#include "fuzz.h"
#include "lior/io/hdf5.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lior;
  const fuzz::MemoryFile input(fuzz::text_of(data, size));
  const Index shape[] = {2, 3, 1, 1};
  fuzz::expect_value_or_error([&] { io::read_hdf5(input.path(), "T", shape); });
  return 0;
}
