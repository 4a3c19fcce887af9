// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <nlohmann/json.hpp>

#include "settings/files.h"

namespace lior::settings {
namespace {

using Json = nlohmann::ordered_json;

constexpr auto kMostInteger = static_cast<std::uint64_t>(std::numeric_limits<Index>::max());

/// The place of "model.heads" in the file: {"model": {"heads": ...}}.
Json::json_pointer pointer(std::string key) {
  std::replace(key.begin(), key.end(), '.', '/');
  return Json::json_pointer("/" + key);
}

void collect(const Json& object, const std::string& prefix, const std::string& file,
             std::vector<Setting>& settings) {
  for (const auto& [name, value] : object.items()) {
    const std::string key = prefix + name;
    if (value.is_object()) {
      collect(value, key + ".", file, settings);
      continue;
    }
    Setting setting{.key = key, .value = OtherValue{value.type_name()}, .where = file};
    if (value.is_null()) setting.value = Absent{};
    if (value.is_boolean()) setting.value = value.get<bool>();
    if (value.is_number_integer()) setting.value = value.get<Index>();
    if (value.is_number_unsigned() && value.get<std::uint64_t>() > kMostInteger) {
      setting.value = OtherValue{fmt::format("{}, past 2^63", value.get<std::uint64_t>())};
    }
    if (value.is_number_float()) setting.value = value.get<double>();
    if (value.is_string()) setting.value = value.get<std::string>();
    settings.push_back(std::move(setting));
  }
}

struct ToJson {
  Json operator()(Absent) const { return nullptr; }
  template <class T>
  Json operator()(const Table<T>& table) const {
    Json object = Json::object();
    for (const auto& [name, value] : table) object[name] = value;
    return object;
  }
  template <class T>
  Json operator()(const T& value) const {
    return value;
  }
};

}  // namespace

std::vector<Setting> parse_json(const std::string& text, const std::string& file) {
  Json json;
  try {
    json = Json::parse(text);
  } catch (const Json::parse_error& error) {
    throw Error(fmt::format("{}: not JSON at byte {}; a run's config.json is written by lior train",
                            file, error.byte));
  } catch (const Json::out_of_range&) {
    throw Error(fmt::format("{}: holds a number out of range, such as 1e999", file));
  }
  LIOR_CHECK(json.is_object(), "{}: holds {}; a configuration is an object", file,
             json.type_name());
  std::vector<Setting> settings;
  collect(json, "", file, settings);
  return settings;
}

std::string to_json(const Fields& fields) {
  Json json;
  for (const Field& field : fields) {
    const Json value = std::visit(ToJson{}, field.value());
    try {
      static_cast<void>(value.dump());
    } catch (const Json::type_error&) {
      throw Error(
          fmt::format("{} is \"{}\", which is not UTF-8; a file of settings holds only what is",
                      field.key(), field.text()));
    }
    json[pointer(field.key())] = value;
  }
  return json.dump(2) + "\n";
}

}  // namespace lior::settings
