// SPDX-License-Identifier: Apache-2.0
// Any text as a tokenizer.json. What is read is written and read again to the same text, and any
// bytes come back from its tokens.
#include "fuzz.h"
#include "lior/train/byte_pairs.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lior;
  const std::string_view input = fuzz::text_of(data, size);
  fuzz::expect_value_or_error([&] {
    const train::BytePairs pairs = train::parse_tokenizer_json(input, "input");
    const auto tokenizer = train::byte_pair_tokenizer(pairs);
    std::string back;
    for (const std::int32_t token : train::encode(*tokenizer, input)) {
      back += tokenizer->bytes(token);
    }
    if (back != input) fuzz::fail("bytes do not come back", input);
    const std::string once = train::to_tokenizer_json(pairs);
    if (train::to_tokenizer_json(train::parse_tokenizer_json(once, "once")) != once) {
      fuzz::fail("a tokenizer changes as it goes round", once);
    }
  });
  return 0;
}
