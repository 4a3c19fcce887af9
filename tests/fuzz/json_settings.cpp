// SPDX-License-Identifier: Apache-2.0
// Any text as a run's config.json. What is read is written and read again to the same settings.
#include <filesystem>
#include <fstream>
#include <iterator>

#include "fuzz.h"
#include "lior/train/config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lior;
  static const std::string out = "/dev/shm/lior_fuzz_" + std::to_string(::getpid()) + ".json";
  const auto text = [&] {
    std::ifstream file(out);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  {
    std::ofstream(out).write(reinterpret_cast<const char*>(data),
                             static_cast<std::streamsize>(size));
  }
  fuzz::expect_value_or_error([&] {
    const train::Config config = train::read_config(out);
    train::write_config(config, out);
    const std::string once = text();
    train::write_config(train::read_config(out), out);
    if (text() != once) fuzz::fail("settings change as they go round", once);
  });
  return 0;
}
