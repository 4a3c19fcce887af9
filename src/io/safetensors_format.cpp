#include "io/safetensors_format.h"

#include <nlohmann/json.hpp>

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

std::string in_quotes(std::string_view text) {
  constexpr std::size_t kLongest = 80;
  const bool cut = text.size() > kLongest;
  using nlohmann::json;
  return json(text.substr(0, kLongest)).dump(-1, ' ', true, json::error_handler_t::replace) +
         (cut ? "..." : "");
}

}  // namespace lior::io
