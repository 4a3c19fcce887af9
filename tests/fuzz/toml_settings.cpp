// SPDX-License-Identifier: Apache-2.0
// Any text as a TOML file of settings, for lior train.
#include "fuzz.h"
#include "lior/train/config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lior;
  const fuzz::MemoryFile input(fuzz::text_of(data, size));
  fuzz::expect_value_or_error([&] {
    auto list = settings::read_file(input.path());
    for (const settings::Setting& setting : list) {
      fuzz::expect_value_or_error([&] {
        train::Config config;
        settings::assign(train::fields(config), setting);
      });
    }
    list.push_back({"data", std::string("builtin:a5"), "--data"});
    train::new_config(list);
  });
  return 0;
}
