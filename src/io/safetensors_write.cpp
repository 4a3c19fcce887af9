// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>

#include "io/json_text.h"
#include "io/safetensors_format.h"
#include "lior/io/atomic_file.h"
#include "lior/io/utf8.h"

namespace lior::io {
namespace {

void check_text(std::string_view text, const char* what, const std::string& path) {
  LIOR_CHECK(is_utf8(text), "{}: {} {} is not UTF-8", path, what, in_quotes(text));
}

void check_tensors(std::span<const NamedTensor> tensors, const std::string& path) {
  std::set<std::string_view> names;
  for (const auto& [name, info] : tensors) {
    check_text(name, "tensor name", path);
    LIOR_CHECK(name != kMetadataName, "{}: a tensor cannot be called {}; the format reserves it",
               path, name);
    LIOR_CHECK(names.insert(name).second, "{}: two tensors are called {}; names are unique", path,
               in_quotes(name));
    const Index needed = tensor_bytes(info.dtype, info.shape);
    LIOR_CHECK(needed >= 0 && std::cmp_equal(needed, info.bytes.size()),
               "{}: tensor {} has {} bytes; {} of shape {} needs {}", path, in_quotes(name),
               info.bytes.size(), io::name(info.dtype), to_string(info.shape), needed);
  }
}

/// The header's length and text; the text is padded with spaces to a multiple of 8, so that the
/// data are aligned.
std::string header(std::span<const NamedTensor* const> tensors,
                   const std::map<std::string, std::string>& metadata) {
  std::string text = "{";
  const auto separator = [&] { return text.size() == 1 ? "" : ","; };
  if (!metadata.empty()) {
    std::string pairs;
    for (const auto& [key, value] : metadata) {
      if (!pairs.empty()) pairs += ',';
      pairs += json_string(key) + ":" + json_string(value);
    }
    text += fmt::format("\"{}\":{{{}}}", kMetadataName, pairs);
  }
  std::size_t begin = 0;
  for (const auto* tensor : tensors) {
    const auto& [name, info] = *tensor;
    const std::size_t end = begin + info.bytes.size();
    text += fmt::format(R"({}{}:{{"dtype":"{}","shape":{},"data_offsets":[{},{}]}})", separator(),
                        json_string(name), io::name(info.dtype), to_string(info.shape), begin, end);
    begin = end;
  }
  text += '}';
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const std::uint64_t length = text.size();
  return std::string(reinterpret_cast<const char*>(&length), sizeof length) + text;
}

}  // namespace

void write_safetensors(const std::string& path, std::span<const NamedTensor> tensors,
                       const std::map<std::string, std::string>& metadata,
                       const std::string& like) {
  check_tensors(tensors, path);
  for (const auto& [key, value] : metadata) {
    check_text(key, "metadata key", path);
    check_text(value, "metadata", path);
  }
  std::vector<const NamedTensor*> ordered;
  for (const NamedTensor& tensor : tensors) ordered.push_back(&tensor);
  std::ranges::stable_sort(ordered, std::ranges::greater{}, [](const NamedTensor* tensor) {
    return bytes_per_element(tensor->info.dtype);
  });

  const std::string head = header(ordered, metadata);
  LIOR_CHECK(head.size() - kLengthBytes <= kLargestHeader,
             "{}: names and metadata take {} bytes; the header holds at most {}", path,
             head.size() - kLengthBytes, kLargestHeader);
  AtomicFile file(path, like);
  file.write(head);
  for (const NamedTensor* tensor : ordered) file.write(tensor->info.bytes);
  file.commit();
}

}  // namespace lior::io
