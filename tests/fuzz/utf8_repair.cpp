// SPDX-License-Identifier: Apache-2.0
// Any bytes through the repair: what comes out is UTF-8, and UTF-8 comes out as it went in. The
// same for what messages show.
#include "lior/io/utf8.h"

#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lior;
  const std::string_view input = fuzz::text_of(data, size);
  io::Utf8Repair repair;
  std::string text;
  for (const char byte : input) text += repair.push(byte);
  if (!io::is_utf8(text)) fuzz::fail("the repair wrote what is no UTF-8", text);
  if (io::is_utf8(input) && text != input) fuzz::fail("the repair changed what is UTF-8", text);

  const std::string message = shown(input, 100);
  if (!io::is_utf8(message)) fuzz::fail("a message is no UTF-8", message);
  fuzz::check_message(message);
  return 0;
}
