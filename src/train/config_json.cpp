#include <fstream>
#include <nlohmann/json.hpp>

#include "lior/io/atomic_file.h"
#include "train/config_fields.h"

namespace lior::train {
namespace {

using Json = nlohmann::ordered_json;

template <class T>
Json to_json(const T& value) {
  if constexpr (std::is_enum_v<T>) {
    return kEnumNames<T>[static_cast<std::size_t>(value)];
  } else if constexpr (std::is_same_v<T, ByteCount>) {
    return value.count;
  } else if constexpr (kIsList<T>) {
    return list_text(value);
  } else {
    return value;
  }
}
template <class T>
Json to_json(const std::optional<T>& value) {
  return value ? to_json(*value) : Json();
}

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
    if (value.is_boolean()) setting.value = value.get<bool>();
    if (value.is_number_integer()) setting.value = value.get<Index>();
    if (value.is_number_float()) setting.value = value.get<double>();
    if (value.is_string()) setting.value = value.get<std::string>();
    settings.push_back(std::move(setting));
  }
}

}  // namespace

void write_config(const Config& config, const std::filesystem::path& path) {
  Json json;
  visit_fields(config, [&](std::string_view key, const auto& member, const auto&...) {
    json[pointer(std::string(key))] = to_json(member);
  });
  io::write_file_atomically(path.string(), json.dump(2) + "\n");
}

Config read_config(const std::filesystem::path& path) {
  const std::string file = path.string();
  LIOR_CHECK(std::filesystem::is_regular_file(path),
             "{}: no such file; a run's folder holds config.json", file);
  Json json;
  try {
    std::ifstream stream(path);
    json = Json::parse(stream);
  } catch (const Json::exception& error) {
    throw Error(fmt::format("{}: not JSON at byte {}; a run's config.json is written by lior train",
                            file,
                            dynamic_cast<const Json::parse_error*>(&error)
                                ? static_cast<const Json::parse_error&>(error).byte
                                : 0));
  }
  LIOR_CHECK(json.is_object(), "{}: holds {}; a configuration is an object", file,
             json.type_name());

  std::vector<Setting> settings;
  collect(json, "", file, settings);
  Config config;
  for (const Setting& setting : settings) {
    const auto* other = std::get_if<OtherValue>(&setting.value);
    const bool absent =
        other && other->description == "null" &&
        (setting.key == "steps" || setting.key == "minutes" || setting.key == "memory_budget");
    if (!absent) apply(config, setting);
  }
  for (const std::string& key : setting_keys()) {
    LIOR_CHECK(json.contains(pointer(key)), "{}: lacks {}; every setting must be there", file, key);
  }
  return config;
}

}  // namespace lior::train
