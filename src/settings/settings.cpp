// SPDX-License-Identifier: Apache-2.0
#include "lior/settings/settings.h"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>

namespace lior::settings {
namespace {

std::string describe(const Setting& setting) {
  struct Visitor {
    std::string operator()(bool value) const { return value ? "true" : "false"; }
    std::string operator()(Index value) const { return fmt::format("{}", value); }
    std::string operator()(double value) const { return fmt::format("{}", value); }
    std::string operator()(const std::string& value) const {
      return fmt::format("the string \"{}\"", shown(value));
    }
    std::string operator()(const TextValue& value) const {
      return fmt::format("\"{}\"", shown(value.text));
    }
    std::string operator()(const OtherValue& value) const { return value.description; }
    std::string operator()(Absent) const { return "null"; }
  };
  return std::visit(Visitor{}, setting.value);
}

/// "--batch", "LIOR_BATCH", "run.toml:12: batch": flags and the environment name the setting.
std::string named(const Setting& setting) {
  if (std::holds_alternative<TextValue>(setting.value)) return setting.where;
  return fmt::format("{}: {}", setting.where, shown(setting.key));
}

/// "model." of "model.heads"; nothing for a key outside of the tables.
std::string_view table_of(std::string_view key) {
  const std::size_t dot = key.find('.');
  return dot == std::string_view::npos ? std::string_view() : key.substr(0, dot + 1);
}

/// "[adamw], [model]".
std::string table_list(const Fields& fields) {
  std::string text;
  std::string_view last;
  for (const Field& field : fields) {
    const std::string_view table = table_of(field.key());
    if (table.empty() || table == last) continue;
    text += fmt::format("{}[{}]", text.empty() ? "" : ", ", table.substr(0, table.size() - 1));
    last = table;
  }
  return text;
}

/// The keys beside which an unknown one stands, and the tables for one outside of them.
std::string known_keys(const Fields& fields, std::string_view unknown) {
  const std::string_view table = table_of(unknown);
  std::string known;
  for (const Field& field : fields) {
    if (table_of(field.key()) != table) continue;
    known += (known.empty() ? "" : ", ") + field.key();
  }
  if (!known.empty() && !table.empty()) return known;
  const std::string in_tables = "those of " + table_list(fields);
  return known.empty() ? in_tables : known + ", and " + in_tables;
}

std::string variable_of(std::string_view prefix, const std::string& key) {
  std::string name = std::string(prefix) + key;
  for (char& c : name) c = c == '.' ? '_' : static_cast<char>(std::toupper(c));
  return name;
}

/// "steps, minutes and threads".
std::string changeable_list(const Fields& fields) {
  std::vector<std::string> keys;
  for (const Field& field : fields) {
    if (field.may_change_on_resume()) keys.push_back(field.key());
  }
  std::string text;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    text += (i == 0 ? "" : i + 1 == keys.size() ? " and " : ", ") + keys[i];
  }
  return text;
}

}  // namespace

std::string describe(const Fields& fields) {
  std::string text;
  for (const Field& field : fields) {
    text += fmt::format("  {:<32} {:<17} {}\n", field.key(), field.text(), field.fitting());
  }
  return text;
}

void assign(const Fields& fields, const Setting& setting) {
  const auto found = std::find_if(fields.begin(), fields.end(),
                                  [&](const Field& f) { return f.takes(setting.key); });
  LIOR_CHECK(found != fields.end(), "{}: unknown key {}; the keys are {}", setting.where,
             shown(setting.key), known_keys(fields, setting.key));
  LIOR_CHECK(found->assign(setting), "{} is {}; it must be {}", named(setting), describe(setting),
             found->fitting());
}

const Setting* last_of(std::span<const Setting> settings, std::string_view key) {
  for (std::size_t i = settings.size(); i-- > 0;) {
    if (settings[i].key == key) return &settings[i];
  }
  return nullptr;
}

void check_resumed(const Fields& before, const Fields& after, std::span<const Setting> given,
                   std::string_view where) {
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (after[i].may_change_on_resume() || after[i].text() == before[i].text()) continue;
    std::string what = fmt::format("{}: {}", where, after[i].key());
    for (Setting setting : given) {
      if (!after[i].takes(setting.key)) continue;
      setting.key = after[i].key();
      what = named(setting);
    }
    throw Error(fmt::format("{} is {}, but the run to resume has {}; only {} may change", what,
                            after[i].text(), before[i].text(), changeable_list(after)));
  }
}

std::vector<Setting> read_environment(const Fields& fields, std::string_view prefix) {
  std::vector<Setting> settings;
  for (const Field& field : fields) {
    const std::string name = variable_of(prefix, field.key());
    if (const char* text = std::getenv(name.c_str())) {
      settings.push_back({field.key(), TextValue{text}, name});
    }
  }
  return settings;
}

std::vector<std::string> unknown_variables(const Fields& fields, std::string_view prefix,
                                           std::span<const std::string_view> others) {
  std::vector<std::string> known, unknown;
  for (const Field& field : fields) known.push_back(variable_of(prefix, field.key()));
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view entry = *variable, name = entry.substr(0, entry.find('='));
    const bool is_known =
        !name.starts_with(prefix) || std::find(known.begin(), known.end(), name) != known.end() ||
        std::any_of(others.begin(), others.end(),
                    [&](std::string_view other) { return name.starts_with(other); });
    if (!is_known) unknown.emplace_back(name);
  }
  return unknown;
}

}  // namespace lior::settings
