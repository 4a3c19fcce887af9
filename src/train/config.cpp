#include "lior/train/config.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "lior/core/memory.h"
#include "lior/core/parallel.h"
#include "train/config_fields.h"

namespace lior::train {
namespace {

constexpr Index kDefaultSteps = 2000;
constexpr std::string_view kMayChangeOnResume[] = {"steps",         "minutes",   "threads",
                                                   "memory_budget", "log_every", "save_every"};

template <class T>
inline constexpr bool kIsOptional = false;
template <class T>
inline constexpr bool kIsOptional<std::optional<T>> = true;

/// "an integer from 1 to 8", "one of adamw, lior": what would fit.
template <class T>
std::string fitting(const Bounds& bounds) {
  if constexpr (kIsOptional<T>) {
    return fitting<typename T::value_type>(bounds);
  } else if constexpr (kIsList<T>) {
    return "a string of names between commas, each " + fitting<typename T::value_type>(bounds);
  } else if constexpr (std::is_same_v<T, bool>) {
    return "true or false";
  } else if constexpr (std::is_enum_v<T>) {
    std::string text = "one of";
    for (const std::string_view name : kEnumNames<T>) {
      text += fmt::format("{} \"{}\"", name == kEnumNames<T>.front() ? "" : ",", name);
    }
    return text;
  } else if constexpr (std::is_same_v<T, std::string>) {
    return "a string";
  } else if constexpr (std::is_same_v<T, ByteCount>) {
    return "a number of bytes, as 800K, 512M or 1.5G";
  } else {
    const char* kind = std::is_integral_v<T> ? "an integer" : "a number";
    if (bounds.above) return fmt::format("{} above {:.15g}", kind, bounds.low);
    if (bounds.high == kMost) return fmt::format("{} of at least {:.15g}", kind, bounds.low);
    return fmt::format("{} from {:.15g} to {:.15g}", kind, bounds.low, bounds.high);
  }
}

std::string describe(const Setting& setting) {
  struct Visitor {
    std::string operator()(bool value) const { return value ? "true" : "false"; }
    std::string operator()(Index value) const { return fmt::format("{}", value); }
    std::string operator()(double value) const { return fmt::format("{}", value); }
    std::string operator()(const std::string& value) const {
      return fmt::format("the string \"{}\"", value);
    }
    std::string operator()(const TextValue& value) const {
      return fmt::format("\"{}\"", value.text);
    }
    std::string operator()(const OtherValue& value) const { return value.description; }
  };
  return std::visit(Visitor{}, setting.value);
}

/// "--batch", "LIOR_BATCH", "run.toml:12: batch": flags and the environment name the setting.
std::string named(const Setting& setting) {
  if (std::holds_alternative<TextValue>(setting.value)) return setting.where;
  return fmt::format("{}: {}", setting.where, setting.key);
}

bool is_text(const std::string& data) { return !data.starts_with("builtin:"); }

template <class T>
std::optional<T> parse(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return {};
  return value;
}

/// "512M".
std::optional<ByteCount> parse_bytes(std::string_view text) {
  constexpr std::string_view kUnits = "KMGT";
  double unit = 1;
  if (!text.empty()) {
    const std::size_t place = kUnits.find(text.back());
    if (place != std::string_view::npos) {
      unit = std::pow(1000.0, static_cast<double>(place + 1));
      text.remove_suffix(1);
    }
  }
  constexpr double kMostBytes = 1e18;
  const auto number = parse<double>(text);
  if (!number || !(*number >= 0) || *number * unit > kMostBytes) return {};
  return ByteCount{static_cast<Index>(*number * unit)};
}

/// The setting's value as a T, if it is one.
template <class T>
std::optional<T> value_as(const Setting& setting) {
  const auto* text = std::get_if<TextValue>(&setting.value);
  if constexpr (std::is_same_v<T, bool>) {
    if (text) {
      if (text->text == "true") return true;
      if (text->text == "false") return false;
      return {};
    }
  } else if constexpr (std::is_same_v<T, std::string>) {
    if (text) return text->text;
  } else {
    if (text) return parse<T>(text->text);
    if constexpr (std::is_same_v<T, double>) {
      if (const auto* integer = std::get_if<Index>(&setting.value)) {
        return static_cast<double>(*integer);
      }
    }
  }
  if (const auto* value = std::get_if<T>(&setting.value)) return *value;
  return {};
}

/// A count, or a text with a unit.
std::optional<ByteCount> bytes_as(const Setting& setting) {
  if (const auto count = value_as<Index>(setting)) return parse_bytes(fmt::format("{}", *count));
  if (const auto text = value_as<std::string>(setting)) return parse_bytes(*text);
  return {};
}

/// "a, b" as {"a", "b"}; blanks do not count.
std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> names(1);
  for (const char c : text) {
    if (c == ',') names.emplace_back();
    if (c != ',' && c != ' ') names.back() += c;
  }
  return names;
}

/// Sets `member` if the value fits its type and bounds.
template <class T>
bool assign(T& member, const Setting& setting, const Bounds& bounds) {
  if constexpr (kIsOptional<T>) {
    typename T::value_type value{};
    if (!assign(value, setting, bounds)) return false;
    member = value;
    return true;
  } else if constexpr (kIsList<T>) {
    const auto text = value_as<std::string>(setting);
    if (!text) return false;
    member.clear();
    for (const std::string& name : split_list(*text)) {
      member.emplace_back();
      if (!assign(member.back(), {setting.key, name, setting.where}, bounds)) return false;
    }
    return true;
  } else if constexpr (std::is_enum_v<T>) {
    const auto name = value_as<std::string>(setting);
    const auto& names = kEnumNames<T>;
    const auto found = name ? std::find(names.begin(), names.end(), *name) : names.end();
    if (found == names.end()) return false;
    member = static_cast<T>(found - names.begin());
    return true;
  } else if constexpr (std::is_same_v<T, ByteCount>) {
    const auto bytes = bytes_as(setting);
    if (bytes) member = *bytes;
    return bytes.has_value();
  } else {
    const auto value = value_as<T>(setting);
    if (!value) return false;
    if constexpr (std::is_arithmetic_v<T> && !std::is_same_v<T, bool>) {
      const auto number = static_cast<double>(*value);
      if (!std::isfinite(number) || number < bounds.low || number > bounds.high) return false;
      if (bounds.above && number == bounds.low) return false;
    }
    member = *value;
    return true;
  }
}

[[noreturn]] void throw_unknown_key(const Setting& setting) {
  const std::size_t dot = setting.key.find('.');
  const std::string table = dot == std::string::npos ? "" : setting.key.substr(0, dot + 1);
  std::string known;
  for (const std::string& key : setting_keys()) {
    const bool in_table =
        table.empty() ? key.find('.') == std::string::npos : key.starts_with(table);
    if (in_table) known += (known.empty() ? "" : ", ") + key;
  }
  constexpr const char* kTables = "[adamw], [lior], [schedule], [curriculum], [model]";
  if (known.empty()) {
    known = fmt::format("those of {}", kTables);
  } else if (table.empty()) {
    known += fmt::format(", and those of {}", kTables);
  }
  throw Error(
      fmt::format("{}: unknown key {}; the keys are {}", setting.where, setting.key, known));
}

/// The last setting of `key`, if there is one.
const Setting* last_of(std::span<const Setting> settings, std::string_view key) {
  for (std::size_t i = settings.size(); i-- > 0;) {
    if (settings[i].key == key) return &settings[i];
  }
  return nullptr;
}

/// A field's value in the words of the messages.
template <class T>
std::string shown(const T& value) {
  if constexpr (kIsOptional<T>) {
    return value ? shown(*value) : "absent";
  } else if constexpr (kIsList<T>) {
    return list_text(value);
  } else if constexpr (std::is_enum_v<T>) {
    return std::string(kEnumNames<T>[static_cast<std::size_t>(value)]);
  } else if constexpr (std::is_same_v<T, ByteCount>) {
    return bytes_text(static_cast<double>(value.count));
  } else {
    return fmt::format("{}", value);
  }
}

std::vector<std::pair<std::string, std::string>> shown_fields(const Config& config) {
  std::vector<std::pair<std::string, std::string>> fields;
  visit_fields(config, [&](std::string_view key, const auto& member, const auto&...) {
    fields.emplace_back(key, shown(member));
  });
  return fields;
}

}  // namespace

void apply(Config& config, const Setting& setting) {
  bool known = false;
  const auto set = [&](std::string_view key, auto& member, const Bounds& bounds = {}) {
    if (key != setting.key) return;
    known = true;
    LIOR_CHECK(assign(member, setting, bounds), "{} is {}; it must be {}", named(setting),
               describe(setting), fitting<std::remove_reference_t<decltype(member)>>(bounds));
  };
  visit_fields(config, set);
  if (!known) throw_unknown_key(setting);
}

std::vector<std::string> setting_keys() {
  std::vector<std::string> keys;
  const Config any;
  visit_fields(any, [&](std::string_view key, const auto&...) { keys.emplace_back(key); });
  return keys;
}

namespace {

std::string variable_of(const std::string& key) {
  std::string name = "LIOR_" + key;
  for (char& c : name) c = c == '.' ? '_' : static_cast<char>(std::toupper(c));
  return name;
}

}  // namespace

std::vector<Setting> read_environment() {
  std::vector<Setting> settings;
  for (const std::string& key : setting_keys()) {
    const std::string name = variable_of(key);
    if (const char* text = std::getenv(name.c_str()))
      settings.push_back({key, TextValue{text}, name});
  }
  return settings;
}

std::vector<std::string> unknown_variables() {
  std::vector<std::string> known{"LIOR_SIMD"}, unknown;  // LIOR_SIMD: simd/dispatch.h
  for (const std::string& key : setting_keys()) known.push_back(variable_of(key));
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view entry = *variable, name = entry.substr(0, entry.find('='));
    if (name.starts_with("LIOR_") && std::find(known.begin(), known.end(), name) == known.end()) {
      unknown.emplace_back(name);
    }
  }
  return unknown;
}

Config new_config(std::span<const Setting> settings) {
  Config chosen;
  for (const std::string_view key : {"data", "preset"}) {
    if (const Setting* setting = last_of(settings, key)) apply(chosen, *setting);
  }
  if (chosen.preset.empty()) chosen.preset = default_preset(chosen.data);
  Config config = preset_config(chosen.preset);
  config.threads = available_cores();
  for (const Setting& setting : settings) apply(config, setting);
  if (!config.steps && !config.minutes) config.steps = kDefaultSteps;
  return config;
}

Config resumed_config(const Config& saved, std::span<const Setting> settings) {
  Config config = saved;
  if (last_of(settings, "steps") || last_of(settings, "minutes")) {
    config.steps.reset();
    config.minutes.reset();
  }
  for (const Setting& setting : settings) apply(config, setting);

  const auto before = shown_fields(saved), after = shown_fields(config);
  for (std::size_t i = 0; i < before.size(); ++i) {
    const auto& [key, value] = after[i];
    const bool is_moved_text = key == "data" && is_text(value) && is_text(before[i].second);
    const bool may_change = std::find(std::begin(kMayChangeOnResume), std::end(kMayChangeOnResume),
                                      key) != std::end(kMayChangeOnResume);
    LIOR_CHECK(may_change || is_moved_text || value == before[i].second,
               "{} is {}, but the run to resume has {}; only steps, minutes, threads, "
               "memory_budget, log_every and save_every may change",
               named(*last_of(settings, key)), value, before[i].second);
  }
  return config;
}

}  // namespace lior::train
