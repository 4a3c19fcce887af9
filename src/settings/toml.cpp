// SPDX-License-Identifier: Apache-2.0
// The only file that includes toml++: it costs seconds to compile.
// Its parser is compiled in here, though Debian's package asks for a shared library of it: so
// nobody who links liblior needs that.
#undef TOML_HEADER_ONLY
#undef TOML_SHARED_LIB
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/impl/preprocessor.h>
// Its parser asserts what a file such as "[[(" breaks, and answers that file with an error behind
// the assertion (marzer/tomlplusplus#301, mended upstream in 2026). By default a build without
// NDEBUG ends there, and clang may take the assertion for true.
#undef TOML_ASSERT_ASSUME
#define TOML_ASSERT_ASSUME(expression) static_assert(true)
#include <toml++/toml.h>

#include <algorithm>
#include <cctype>
#include <cstring>

#include "settings/files.h"

namespace lior::settings {
namespace {

void collect(const toml::table& table, const std::string& prefix, const std::string& file,
             std::vector<Setting>& settings) {
  for (const auto& [name, node] : table) {
    const std::string key = prefix + std::string(name.str());
    if (const toml::table* inner = node.as_table()) {
      collect(*inner, key + ".", file, settings);
      continue;
    }
    Setting setting{.key = key,
                    .value = OtherValue{"neither a number, a string nor a truth value"},
                    .where = fmt::format("{}:{}", file, node.source().begin.line)};
    if (const auto* boolean = node.as_boolean()) setting.value = boolean->get();
    if (const auto* integer = node.as_integer()) setting.value = Index{integer->get()};
    if (const auto* number = node.as_floating_point()) setting.value = number->get();
    if (const auto* text = node.as_string()) setting.value = text->get();
    if (node.is_array()) setting.value = OtherValue{"an array"};
    settings.push_back(std::move(setting));
  }
}

struct ToToml {
  std::string operator()(Absent) const { return ""; }
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(Index value) const { return fmt::format("{}", value); }
  std::string operator()(double value) const {
    const std::string digits = fmt::format("{}", value);  // those that bring it back exactly
    return digits.find_first_of(".en") == std::string::npos ? digits + ".0" : digits;
  }
  std::string operator()(const std::string& value) const {
    std::string quoted = "\"";
    for (const char c : value) {
      const auto code = static_cast<unsigned char>(c);
      if (code < 0x20 || code == 0x7f) {
        quoted += fmt::format("\\u{:04x}", code);
        continue;
      }
      if (c == '"' || c == '\\') quoted += '\\';
      quoted += c;
    }
    return quoted + '"';
  }
};

/// The most frequent mistake: letters behind the sign that stand in no quotes.
std::string quotes_hint(std::string_view text, std::size_t line) {
  for (; line > 1 && !text.empty(); --line) {
    text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
  }
  text = text.substr(0, text.find('\n'));
  const std::size_t value = text.find_first_not_of(" \t", text.find('=') + 1);
  if (text.find('=') == text.npos || value == text.npos) return "";
  const auto first = static_cast<unsigned char>(text[value]);
  const bool is_text = std::isalpha(first) != 0 || std::strchr("./~", first) != nullptr;
  return is_text ? "; text stands in quotes, as in data = \"text.txt\"" : "";
}

}  // namespace

std::vector<Setting> parse_toml(const std::string& text, const std::string& file) {
  std::vector<Setting> settings;
  try {
    collect(toml::parse(text, file), "", file, settings);
  } catch (const toml::parse_error& error) {
    const auto line = error.source().begin.line;
    throw Error(fmt::format("{}:{}: {}; a configuration is a TOML file{}", file, line,
                            shown(error.description()), quotes_hint(text, line)));
  }
  return settings;
}

std::string to_toml(const Fields& fields) {
  std::string text, table;
  for (const Field& field : fields) {
    const Field::Value value = field.value();
    if (std::holds_alternative<Absent>(value)) continue;
    const std::string& key = field.key();
    const std::size_t dot = key.find('.');
    if (dot != std::string::npos && key.substr(0, dot) != table) {
      table = key.substr(0, dot);
      text += fmt::format("{}[{}]\n", text.empty() ? "" : "\n", table);
    }
    const std::string name = dot == std::string::npos ? key : key.substr(dot + 1);
    text += fmt::format("{} = {}\n", name, std::visit(ToToml{}, value));
  }
  return text;
}

}  // namespace lior::settings
