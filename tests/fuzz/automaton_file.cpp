// SPDX-License-Identifier: Apache-2.0
// Any text as the table of an automaton: which turns hold it, and some steps from its start.
#include "lior/train/automaton_file.h"
#include "fuzz.h"
#include "lior/train/holding.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lior;
  fuzz::expect_value_or_error([&] {
    const auto machine = train::parse_automaton(fuzz::text_of(data, size), "table").automaton;
    train::what_holds(machine);
    std::int32_t state = machine.start;
    for (std::int32_t step = 0; step < 100; ++step) {
      const auto letter = static_cast<std::int32_t>(step % machine.letters);
      const std::int32_t next = machine.after(state, letter);
      if (next != train::Automaton::kNoState) state = next;
    }
  });
  return 0;
}
