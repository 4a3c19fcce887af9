// The only file that includes toml++: it costs seconds to compile.
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include "lior/train/config.h"

namespace lior::train {
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

}  // namespace

std::vector<Setting> read_toml(const std::filesystem::path& path) {
  LIOR_CHECK(std::filesystem::is_regular_file(path),
             "{}: no such file; a configuration is a TOML file", path.string());
  std::vector<Setting> settings;
  try {
    collect(toml::parse_file(path.string()), "", path.string(), settings);
  } catch (const toml::parse_error& error) {
    throw Error(fmt::format("{}:{}: {}; a configuration is a TOML file", path.string(),
                            error.source().begin.line, error.description()));
  }
  return settings;
}

}  // namespace lior::train
