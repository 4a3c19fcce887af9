// SPDX-License-Identifier: Apache-2.0
#include "lior/io/json_field.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "lior/core/error.h"
#include "lior/core/text.h"

namespace lior::io {
namespace {

using nlohmann::json;

/// Reads one object, and keeps what lies under one of its keys alone.
class FieldReader : public nlohmann::json_sax<json> {
 public:
  explicit FieldReader(std::string_view field) : field_(field) {}

  bool is_object = false, has_field = false;
  std::optional<std::string> text;
  std::string fault;

  bool null() override { return other(); }
  bool boolean(bool) override { return other(); }
  bool number_integer(number_integer_t) override { return other(); }
  bool number_unsigned(number_unsigned_t) override { return other(); }
  bool number_float(number_float_t, const string_t&) override { return other(); }
  bool binary(binary_t&) override { return other(); }
  bool string(string_t& value) override {
    other();
    if (is_here()) text = std::move(value);
    return true;
  }
  bool start_object(std::size_t) override {
    if (depth_ == 0) is_object = true;
    other();
    ++depth_;
    return true;
  }
  bool start_array(std::size_t) override {
    other();
    ++depth_;
    return true;
  }
  bool end_object() override {
    --depth_;
    return true;
  }
  bool end_array() override {
    --depth_;
    return true;
  }
  bool key(string_t& name) override {
    if (depth_ == 1) is_wanted_ = name == field_;
    return true;
  }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    fault = fmt::format("no JSON from its character {} on", position);
    return false;
  }

 private:
  bool is_here() const { return depth_ == 1 && is_object && is_wanted_; }
  /// Something else than text.
  bool other() {
    if (is_here()) {
      has_field = true;
      text.reset();
    }
    return true;
  }

  std::string_view field_;
  std::size_t depth_ = 0;
  bool is_wanted_ = false;
};

}  // namespace

std::string json_text_field(std::string_view line, std::string_view field) {
  FieldReader reader(field);
  json::sax_parse(line, &reader);
  if (!reader.fault.empty()) throw Error(reader.fault);
  LIOR_CHECK(reader.is_object, "no JSON object; one with a field \"{}\" is expected", shown(field));
  LIOR_CHECK(reader.has_field, "has no field \"{}\"; --field NAME says where the text is",
             shown(field));
  LIOR_CHECK(reader.text.has_value(), "its field \"{}\" holds no text", shown(field));
  return std::move(*reader.text);
}

std::optional<std::string_view> LineSplitter::next() {
  const std::size_t end = waiting_.find('\n', std::max(done_, searched_));
  if (end == std::string::npos) {
    searched_ = waiting_.size();
    return {};
  }
  const auto line = std::string_view(waiting_).substr(done_, end - done_);
  done_ = end + 1;
  return line;
}

}  // namespace lior::io
