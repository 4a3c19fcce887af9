// SPDX-License-Identifier: Apache-2.0
#include "io/safetensors_header.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "io/safetensors_format.h"
#include "lior/io/utf8.h"

namespace lior::io {
namespace {

using nlohmann::json;

constexpr std::size_t kMostAxes = 64;  // NumPy and PyTorch have no more

DType dtype_from_name(const std::string& wanted, const std::string& where) {
  const auto row = std::ranges::find(kDTypes, wanted, &DTypeRow::name);
  LIOR_CHECK(row != kDTypes.end(),
             "{} has dtype {}; it must be one of BOOL, U8 to I64, F16, BF16, "
             "F32, F64, C64",
             where, in_quotes(wanted));
  return row->dtype;
}

/// Follows the parser from value to value, and keeps no more than where it stands and the tensor
/// that is being read. A tree of the header would take fifty times its bytes.
class HeaderReader : public json::json_sax_t {
 public:
  explicit HeaderReader(const std::string& path) : path_(path) {}
  Header take() { return std::move(header_); }

  bool null() override { return scalar("null"); }
  bool boolean(bool) override { return scalar("boolean"); }
  bool number_integer(std::int64_t value) override { return number(std::to_string(value), -1); }
  bool number_unsigned(std::uint64_t value) override {
    return number(std::to_string(value), std::in_range<Index>(value) ? Index(value) : -1);
  }
  bool number_float(double, const std::string& digits) override { return number(digits, -1); }
  bool binary(json::binary_t&) override { return scalar("binary"); }

  bool string(std::string& value) override {
    if (place_ == Place::metadata) {
      header_.metadata[key_] = value;
      return true;
    }
    if (place_ == Place::tensor && key_ == "dtype") {
      tensor_.dtype = dtype_from_name(value, where());
      has_dtype_ = true;
      return true;
    }
    return scalar("string");
  }

  bool key(std::string& key) override {
    if (place_ == Place::ignored) return true;
    auto& seen = place_ == Place::names ? names_ : keys_;
    LIOR_CHECK(seen.insert(key).second, "{}: {} is in the header twice; names are unique",
               shown_path(path_), in_quotes(key));
    key_ = key;
    return true;
  }

  bool start_object(std::size_t) override {
    switch (place_) {
      case Place::outside: place_ = Place::names; return true;
      case Place::names: break;
      default: return start_ignored("object");
    }
    keys_.clear();
    place_ = key_ == kMetadataName ? Place::metadata : Place::tensor;
    tensor_ = {.name = key_};
    has_dtype_ = has_shape_ = false;
    offsets_.reset();
    return true;
  }

  bool end_object() override {
    if (place_ == Place::ignored) return end_ignored();
    if (place_ == Place::tensor) finish_tensor();
    place_ = place_ == Place::names ? Place::outside : Place::names;
    return true;
  }

  bool start_array(std::size_t) override {
    if (place_ != Place::tensor || (key_ != "shape" && key_ != "data_offsets")) {
      return start_ignored("array");
    }
    if (key_ == "shape") has_shape_ = true;
    if (key_ == "data_offsets") offsets_.emplace();
    place_ = Place::sizes;
    return true;
  }

  bool end_array() override {
    if (place_ == Place::ignored) return end_ignored();
    place_ = Place::tensor;
    return true;
  }

  bool parse_error(std::size_t byte, const std::string&, const json::exception& error) override {
    constexpr int kNumberOutOfRange = 406;
    LIOR_CHECK(error.id != kNumberOutOfRange,
               "{}: header holds a number out of range; sizes are whole numbers",
               shown_path(path_));
    throw Error(fmt::format("{}: header is not JSON (at its byte {}); it must be a JSON object",
                            shown_path(path_), byte));
  }

 private:
  enum class Place {
    outside,   ///< before and after the header's object
    names,     ///< in it: names of tensors, and the metadata's
    metadata,  ///< in the object of metadata
    tensor,    ///< in the object of tensor_
    sizes,     ///< in its array `shape` or `data_offsets`
    ignored,   ///< in a value that the format does not know
  };

  std::string where() const {
    return fmt::format("{}: tensor {}", shown_path(path_), in_quotes(tensor_.name));
  }

  /// A number of an array of sizes, or any other; `size` is -1 where it can be none.
  bool number(const std::string& digits, Index size) {
    if (place_ != Place::sizes) return scalar("number");
    LIOR_CHECK(size >= 0, "{}: \"{}\" holds {}; it must hold whole numbers from 0 to 2^63 - 1",
               where(), key_, shown(digits, 40));
    auto& sizes = key_ == "shape" ? tensor_.shape : *offsets_;
    LIOR_CHECK(sizes.size() < kMostAxes, "{}: \"{}\" holds more than {} numbers; no tensor does",
               where(), key_, kMostAxes);
    sizes.push_back(size);
    return true;
  }

  /// Any value but an object or array where the format has none of that type.
  bool scalar(const char* type) {
    refuse_unless_ignorable(type);
    return true;
  }
  bool start_ignored(const char* type) {
    refuse_unless_ignorable(type);
    constexpr int kDeepest = 3;  // {name: {"shape": [...]}}
    LIOR_CHECK(ignored_depth_ + 2 < kDeepest,
               "{}: header nests deeper than {} levels; tensors need no more", shown_path(path_),
               kDeepest);
    ++ignored_depth_;
    place_ = Place::ignored;
    return true;
  }
  bool end_ignored() {
    if (--ignored_depth_ == 0) place_ = Place::tensor;
    return true;
  }

  void refuse_unless_ignorable(const char* type) const {
    switch (place_) {
      case Place::outside:
      case Place::ignored: return;
      case Place::names:
        LIOR_CHECK(key_ != kMetadataName, "{}: {} is {}; it must be an object of strings",
                   shown_path(path_), kMetadataName, type);
        throw Error(fmt::format("{}: tensor {} is {}; it must be an object", shown_path(path_),
                                in_quotes(key_), type));
      case Place::metadata:
        throw Error(fmt::format("{}: metadata {} is {}; it must be a string", shown_path(path_),
                                in_quotes(key_), type));
      case Place::tensor:
        LIOR_CHECK(key_ != "dtype", "{} has no string \"dtype\"", where());
        LIOR_CHECK(key_ != "shape" && key_ != "data_offsets",
                   "{} has no array \"{}\"; it must be one of whole numbers", where(), key_);
        return;
      case Place::sizes:
        throw Error(
            fmt::format("{}: \"{}\" holds {}; it must hold whole numbers from 0 to 2^63 - 1",
                        where(), key_, type));
    }
  }

  void finish_tensor() {
    LIOR_CHECK(has_dtype_, "{} has no string \"dtype\"", where());
    for (const auto& [has, key] :
         {std::pair(has_shape_, "shape"), std::pair(offsets_.has_value(), "data_offsets")}) {
      LIOR_CHECK(has, "{} has no array \"{}\"; it must be one of whole numbers", where(), key);
    }
    const auto& offsets = *offsets_;
    LIOR_CHECK(offsets.size() == 2 && offsets[0] <= offsets[1],
               "{} has data_offsets {}; they must be [begin, end]", where(), in_brackets(offsets));
    const Index needed = tensor_bytes(tensor_.dtype, tensor_.shape);
    LIOR_CHECK(needed >= 0, "{} has shape {}, which overflows; no file holds that", where(),
               in_brackets(tensor_.shape));
    LIOR_CHECK(needed == offsets[1] - offsets[0],
               "{} has {} bytes in its range {}; {} of shape {} needs {}", where(),
               offsets[1] - offsets[0], in_brackets(offsets), io::name(tensor_.dtype),
               in_brackets(tensor_.shape), needed);
    tensor_.begin = offsets[0];
    tensor_.end = offsets[1];
    header_.tensors.push_back(std::move(tensor_));
  }

  const std::string& path_;
  Header header_;
  Place place_ = Place::outside;
  int ignored_depth_ = 0;
  std::string key_;                     // of the value that comes next
  std::set<std::string> names_, keys_;  // seen in the header, and in the object inside it
  HeaderTensor tensor_;
  bool has_dtype_ = false, has_shape_ = false;
  std::optional<std::vector<Index>> offsets_;
};

}  // namespace

Header parse_header(std::string_view text, const std::string& path) {
  LIOR_CHECK(is_utf8(text), "{}: header is not UTF-8; it must be a JSON object in UTF-8",
             shown_path(path));
  LIOR_CHECK(text.starts_with('{'), "{}: header does not start with '{{'; it must be a JSON object",
             shown_path(path));
  HeaderReader reader(path);
  json::sax_parse(text, &reader);
  return reader.take();
}

}  // namespace lior::io
