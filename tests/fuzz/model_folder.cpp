// SPDX-License-Identifier: Apache-2.0
// Any two files as a run's folder. The input is the text of config.json, a NUL byte, and the bytes
// of model.safetensors.
#include <filesystem>
#include <fstream>

#include "fuzz.h"
#include "lior/train/checkpoint.h"

namespace {

void write(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lior;
  static const std::filesystem::path folder = [] {
    std::string pattern = "/dev/shm/lior_fuzz_XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) fuzz::fail("mkdtemp", pattern);
    return pattern;
  }();
  const std::string_view input = fuzz::text_of(data, size);
  const auto end = std::min(input.find('\0'), input.size());
  write(folder / "config.json", input.substr(0, end));
  write(folder / "model.safetensors", input.substr(std::min(end + 1, input.size())));
  fuzz::expect_value_or_error([&] { train::load_model(folder); });
  return 0;
}
