// Opening a safetensors file: from bytes that may be anything to arrays that can be trusted.
#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

#include "io/safetensors_format.h"
#include "lior/io/utf8.h"

namespace lior::io {
namespace {

using nlohmann::json;

/// The header's text, after the checks of its length.
std::string_view header_text(std::span<const std::byte> file, const std::string& path) {
  LIOR_CHECK(file.size() >= kLengthBytes,
             "{}: {} bytes long; a safetensors file starts with 8 bytes that hold its header's "
             "length",
             path, file.size());
  std::uint64_t length = 0;
  std::memcpy(&length, file.data(), kLengthBytes);
  LIOR_CHECK(length <= kLargestHeader, "{}: header of {} bytes; at most {} are allowed", path,
             length, kLargestHeader);
  LIOR_CHECK(length <= file.size() - kLengthBytes,
             "{}: header of {} bytes in a file that holds {} after its first 8; the file is cut "
             "short or is not safetensors",
             path, length, file.size() - kLengthBytes);
  return {reinterpret_cast<const char*>(file.data()) + kLengthBytes,
          static_cast<std::size_t>(length)};
}

/// The header as an object in which no object has a name twice.
json parse_header(std::string_view text, const std::string& path) {
  LIOR_CHECK(is_utf8(text), "{}: header is not UTF-8; it must be a JSON object in UTF-8", path);
  LIOR_CHECK(text.starts_with('{'), "{}: header does not start with '{{'; it must be a JSON object",
             path);
  constexpr int kDeepest = 3;  // {name: {"shape": [...]}}; a bound also on what a bad file costs
  std::vector<std::set<std::string, std::less<>>> seen;
  const auto inspect = [&](int depth, json::parse_event_t event, json& parsed) {
    using Event = json::parse_event_t;
    if (event == Event::object_start || event == Event::array_start) {
      LIOR_CHECK(depth < kDeepest, "{}: header nests deeper than {} levels; tensors need no more",
                 path, kDeepest);
    }
    if (event == Event::object_start) seen.emplace_back();
    if (event == Event::object_end) seen.pop_back();
    if (event == Event::key) {
      const auto& key = parsed.get_ref<const std::string&>();
      LIOR_CHECK(seen.back().insert(key).second, "{}: {} is in the header twice; names are unique",
                 path, in_quotes(key));
    }
    return true;
  };
  try {
    return json::parse(text, inspect);
  } catch (const json::parse_error& error) {
    throw Error(fmt::format("{}: header is not JSON (at its byte {}); it must be a JSON object",
                            path, error.byte));
  } catch (const json::out_of_range&) {  // a number such as 1e999
    throw Error(
        fmt::format("{}: header holds a number out of range; sizes are whole numbers", path));
  }
}

std::map<std::string, std::string> parse_metadata(const json& object, const std::string& path) {
  LIOR_CHECK(object.is_object(), "{}: __metadata__ is {}; it must be an object of strings", path,
             object.type_name());
  std::map<std::string, std::string> metadata;
  for (const auto& [key, value] : object.items()) {
    LIOR_CHECK(value.is_string(), "{}: metadata {} is {}; it must be a string", path,
               in_quotes(key), value.type_name());
    metadata[key] = value.get<std::string>();
  }
  return metadata;
}

/// An array of whole numbers that an Index holds.
std::vector<Index> parse_sizes(const json& tensor, const char* key, const std::string& where) {
  const auto list = tensor.find(key);
  LIOR_CHECK(list != tensor.end() && list->is_array(),
             "{} has no array \"{}\"; it must be one of whole numbers", where, key);
  std::vector<Index> sizes;
  for (const json& size : *list) {
    LIOR_CHECK(size.is_number_unsigned() && std::in_range<Index>(size.get<std::uint64_t>()),
               "{}: \"{}\" holds {}; it must hold whole numbers from 0 to 2^63 - 1", where, key,
               size.is_number() ? size.dump() : size.type_name());
    sizes.push_back(size.get<Index>());
  }
  return sizes;
}

DType parse_dtype(const json& tensor, const std::string& where) {
  const auto text = tensor.find("dtype");
  LIOR_CHECK(text != tensor.end() && text->is_string(), "{} has no string \"dtype\"", where);
  const auto& wanted = text->get_ref<const std::string&>();
  const auto row = std::ranges::find(kDTypes, wanted, &DTypeRow::name);
  LIOR_CHECK(row != kDTypes.end(),
             "{} has dtype {}; it must be one of BOOL, U8 to I64, F16, BF16, "
             "F32, F64, C64",
             where, in_quotes(wanted));
  return row->dtype;
}

struct Range {
  Index begin, end;
  std::string name;
  friend auto operator<=>(const Range&, const Range&) = default;
};

/// One entry of the header: what it is, and the range it claims. The range's size is checked, its
/// place in the file is not yet.
Range parse_tensor(const std::string& name, const json& tensor, const std::string& path,
                   TensorInfo& info) {
  const std::string where = fmt::format("{}: tensor {}", path, in_quotes(name));
  LIOR_CHECK(tensor.is_object(), "{} is {}; it must be an object", where, tensor.type_name());
  info.dtype = parse_dtype(tensor, where);
  info.shape = parse_sizes(tensor, "shape", where);
  const auto offsets = parse_sizes(tensor, "data_offsets", where);
  LIOR_CHECK(offsets.size() == 2 && offsets[0] <= offsets[1],
             "{} has data_offsets {}; they must be [begin, end]", where, to_string(offsets));
  const Index needed = tensor_bytes(info.dtype, info.shape);
  LIOR_CHECK(needed >= 0, "{} has shape {}, which overflows; no file holds that", where,
             to_string(info.shape));
  LIOR_CHECK(needed == offsets[1] - offsets[0],
             "{} has {} bytes in its range {}; {} of shape {} needs {}", where,
             offsets[1] - offsets[0], to_string(offsets), io::name(info.dtype),
             to_string(info.shape), needed);
  return {offsets[0], offsets[1], name};
}

}  // namespace

SafeTensors SafeTensors::open(const std::string& path) {
  SafeTensors file(path);
  const auto bytes = file.file_.bytes();
  const auto text = header_text(bytes, path);
  const auto data = bytes.subspan(kLengthBytes + text.size());

  std::vector<Range> ranges;
  const json header = parse_header(text, path);
  for (const auto& [name, value] : header.items()) {
    if (name == kMetadataName) {
      file.metadata_ = parse_metadata(value, path);
    } else {
      ranges.push_back(parse_tensor(name, value, path, file.tensors_[name]));
    }
  }

  std::ranges::sort(ranges);
  Index end = 0;
  for (const Range& range : ranges) {
    LIOR_CHECK(range.begin == end,
               "{}: tensor {} starts at byte {} of the data; it must start at {}, where the one "
               "before it ends",
               path, in_quotes(range.name), range.begin, end);
    end = range.end;
    LIOR_CHECK(std::cmp_less_equal(end, data.size()),
               "{}: tensor {} ends at byte {} of the data; the file holds {} (is it cut short?)",
               path, in_quotes(range.name), end, data.size());
    file.tensors_[range.name].bytes = data.subspan(
        static_cast<std::size_t>(range.begin), static_cast<std::size_t>(range.end - range.begin));
    file.names_.push_back(range.name);
  }
  LIOR_CHECK(std::cmp_equal(end, data.size()),
             "{}: {} bytes of data, {} of them in tensors; the last must end where the file does",
             path, data.size(), end);
  return file;
}

const TensorInfo& SafeTensors::info(std::string_view name) const {
  const auto found = tensors_.find(name);
  LIOR_CHECK(found != tensors_.end(), "{}: no tensor {} among its {}", path_, in_quotes(name),
             tensors_.size());
  return found->second;
}

}  // namespace lior::io
