// SPDX-License-Identifier: Apache-2.0
#include "io/json_text.h"

#include <fmt/core.h>

#include "lior/io/utf8.h"

namespace lior::io {

std::string json_string(std::string_view text) {
  std::string quoted = "\"";
  while (!text.empty()) {
    const std::size_t length = utf8_character(text);
    const char first = text[0];
    if (length == 0) {
      quoted += "\\ufffd";
    } else if (first == '"' || first == '\\') {
      quoted += {'\\', first};
    } else if (length == 1 && (first < 0x20 || first == 0x7f)) {
      quoted += fmt::format("\\u{:04x}", static_cast<unsigned>(first));
    } else {
      quoted += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return quoted + '"';
}

}  // namespace lior::io
