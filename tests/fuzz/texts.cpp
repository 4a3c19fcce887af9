// SPDX-License-Identifier: Apache-2.0
// Any bytes as a file of texts: lines of JSON, or one of the compressed forms, as the first byte
// says. Documents lie in the text, in order.
#include <filesystem>
#include <fstream>

#include "fuzz.h"
#include "lior/train/corpus.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lior;
  if (size == 0) return 0;
  constexpr const char* kNames[] = {".jsonl", ".gz", ".zst", ".xz", ".jsonl.gz"};
  const std::string_view input = fuzz::text_of(data, size);
  const std::string path = "/dev/shm/lior_fuzz_" + std::to_string(::getpid()) +
                           kNames[static_cast<unsigned char>(input[0]) % std::size(kNames)];
  {
    std::ofstream(path, std::ios::binary)
        .write(input.data() + 1, static_cast<std::streamsize>(size - 1));
  }
  fuzz::expect_value_or_error([&] {
    const train::Corpus corpus({.names = path, .separator = "\\n\\n"}, "");
    Index end = 0;
    for (const train::Range& document : corpus.documents()) {
      if (document.begin < end || document.size() <= 0) fuzz::fail("documents overlap", input);
      end = document.end;
    }
    if (end > corpus.text().size()) fuzz::fail("a document ends behind the text", input);
    train::split(corpus, 0.1);
  });
  std::filesystem::remove(path);
  return 0;
}
