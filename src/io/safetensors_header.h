// SPDX-License-Identifier: Apache-2.0
#pragma once
// The header of a safetensors file, read from text that may be anything.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "lior/io/safetensors.h"

namespace lior::io {

/// One tensor as the header describes it: its range holds exactly its shape's bytes. Whether the
/// range lies in the file is not yet known.
struct HeaderTensor {
  std::string name;
  DType dtype{};
  std::vector<Index> shape{};
  Index begin = 0, end = 0;
};

struct Header {
  std::map<std::string, std::string> metadata;
  std::vector<HeaderTensor> tensors;  ///< in the header's order
};

/// Time and memory grow with the text's length alone. Throws lior::Error that names `path` and the
/// fault.
Header parse_header(std::string_view text, const std::string& path);

}  // namespace lior::io
