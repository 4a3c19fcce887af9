// SPDX-License-Identifier: Apache-2.0
// Opening a safetensors file: from bytes that may be anything to arrays that can be trusted.
#include <algorithm>
#include <cstring>

#include "io/safetensors_format.h"
#include "io/safetensors_header.h"

namespace lior::io {
namespace {

/// The header's text, after the checks of its length.
std::string_view header_text(std::span<const std::byte> file, const std::string& path) {
  LIOR_CHECK(file.size() >= kLengthBytes,
             "{}: {} bytes long; a safetensors file starts with 8 bytes that hold its header's "
             "length",
             shown_path(path), file.size());
  std::uint64_t length = 0;
  std::memcpy(&length, file.data(), kLengthBytes);
  LIOR_CHECK(length <= kLargestHeader, "{}: header of {} bytes; at most {} are allowed",
             shown_path(path), length, kLargestHeader);
  LIOR_CHECK(length <= file.size() - kLengthBytes,
             "{}: header of {} bytes in a file that holds {} after its first 8; the file is cut "
             "short or is not safetensors",
             shown_path(path), length, file.size() - kLengthBytes);
  return {reinterpret_cast<const char*>(file.data()) + kLengthBytes,
          static_cast<std::size_t>(length)};
}

}  // namespace

SafeTensors SafeTensors::open(const std::string& path) {
  SafeTensors file(path);
  const auto whole = file.file_.bytes();
  const auto text = header_text(whole, path);
  const auto data = whole.subspan(kLengthBytes + text.size());

  Header header = parse_header(text, path);
  file.metadata_ = std::move(header.metadata);
  std::ranges::sort(header.tensors, {}, [](const HeaderTensor& tensor) {
    return std::tie(tensor.begin, tensor.end, tensor.name);
  });
  Index end = 0;
  for (HeaderTensor& tensor : header.tensors) {
    LIOR_CHECK(tensor.begin == end,
               "{}: tensor {} starts at byte {} of the data; it must start at {}, where the one "
               "before it ends",
               shown_path(path), in_quotes(tensor.name), tensor.begin, end);
    end = tensor.end;
    LIOR_CHECK(std::cmp_less_equal(end, data.size()),
               "{}: tensor {} ends at byte {} of the data; the file holds {} (is it cut short?)",
               shown_path(path), in_quotes(tensor.name), end, data.size());
    const auto bytes = data.subspan(static_cast<std::size_t>(tensor.begin),
                                    static_cast<std::size_t>(tensor.end - tensor.begin));
    file.names_.push_back(tensor.name);
    file.tensors_[std::move(tensor.name)] = {tensor.dtype, std::move(tensor.shape), bytes};
  }
  LIOR_CHECK(std::cmp_equal(end, data.size()),
             "{}: {} bytes of data, {} of them in tensors; the last must end where the file does",
             shown_path(path), data.size(), end);
  return file;
}

const TensorInfo& SafeTensors::info(std::string_view name) const {
  const auto found = tensors_.find(name);
  LIOR_CHECK(found != tensors_.end(), "{}: no tensor {} among its {}", shown_path(path_),
             in_quotes(name), tensors_.size());
  return found->second;
}

}  // namespace lior::io
