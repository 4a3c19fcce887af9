// SPDX-License-Identifier: Apache-2.0
#pragma once
// JSON's strings, without a JSON library.

#include <string>
#include <string_view>

namespace lior::io {

/// `text` as a JSON string with its quotes: control characters escaped, bytes that are not UTF-8
/// replaced by U+FFFD.
std::string json_string(std::string_view text);

}  // namespace lior::io
