// SPDX-License-Identifier: Apache-2.0
// Any bytes as the lines that a resumed run finds: it appends, and what it appended is whole.
#include "lior/io/json_lines.h"

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "fuzz.h"
#include "lior/train/metrics.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lior;
  static const std::string path = "/dev/shm/lior_fuzz_" + std::to_string(::getpid()) + ".jsonl";
  const std::string input(fuzz::text_of(data, size));
  const auto begin = [&] {
    std::FILE* const file = std::fopen(path.c_str(), "w");
    std::fwrite(input.data(), 1, input.size(), file);
    std::fclose(file);
  };
  const auto last_line = [&] {
    std::ifstream file(path, std::ios::binary);
    std::string text(std::istreambuf_iterator<char>(file), {});
    if (text.empty() || text.back() != '\n') fuzz::fail("the last line is torn", text);
    text.pop_back();
    return text.substr(text.rfind('\n') + 1);
  };

  begin();
  fuzz::expect_value_or_error([&] {
    io::JsonLines(path).append({{"text", input}, {"step", Index{7}}});
    if (nlohmann::json::parse(last_line())["step"] != 7) fuzz::fail("not what was written", input);
  });
  begin();
  fuzz::expect_value_or_error([&] {
    train::Metrics metrics(path, 20);
    metrics.write({.step = 21});
    if (nlohmann::json::parse(last_line())["step"] != 21) fuzz::fail("not what was written", input);
  });
  return 0;
}
