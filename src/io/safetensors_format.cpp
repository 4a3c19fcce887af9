// SPDX-License-Identifier: Apache-2.0
#include "io/safetensors_format.h"

namespace lior::io {

std::string_view name(DType dtype) { return kDTypes[static_cast<std::size_t>(dtype)].name; }

Index bytes_per_element(DType dtype) { return kDTypes[static_cast<std::size_t>(dtype)].bytes; }

std::string to_string(std::span<const Index> shape) {
  std::string text = "[";
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    text += (axis == 0 ? "" : ", ") + std::to_string(shape[axis]);
  }
  return text + "]";
}

std::string in_quotes(std::string_view text) { return '"' + shown(text, 80) + '"'; }

std::string in_brackets(std::span<const Index> sizes) { return shown(to_string(sizes)); }

}  // namespace lior::io
