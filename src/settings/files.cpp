// SPDX-License-Identifier: Apache-2.0
#include "settings/files.h"

#include <algorithm>
#include <fstream>

#include "settings/depth.h"

namespace lior::settings {
namespace {

constexpr std::size_t kMostBytes = 1'000'000;

std::string text_of(const std::filesystem::path& path, const std::string& file) {
  std::error_code error;
  LIOR_CHECK(std::filesystem::is_regular_file(path, error),
             "{}: no such file; settings are a TOML file or the config.json of a run", file);
  std::ifstream stream(path, std::ios::binary);
  std::string text(kMostBytes + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(stream.gcount()));
  LIOR_CHECK(!stream.bad() && (stream || stream.eof()), "{}: cannot be read", file);
  LIOR_CHECK(text.size() <= kMostBytes,
             "{}:{}: by this line it is larger than a megabyte; settings are a page", file,
             1 + std::count(text.begin(), text.end() - 1, '\n'));
  return text;
}

/// Neither format has control characters but blanks and ends of lines, and toml++ 3.3.0 has an
/// assertion in place of an error for some.
void check_letters(const std::string& text, const std::string& file) {
  int line = 1;
  for (const char c : text) {
    line += c == '\n';
    const auto code = static_cast<unsigned char>(c);
    LIOR_CHECK(code >= 0x20 || c == '\t' || c == '\n' || c == '\r',
               "{}:{}: holds the control character \\x{:02x}; settings are text", file, line, code);
  }
}

bool is_json(const std::filesystem::path& path, const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  return path.extension() == ".json" || (first != std::string::npos && text[first] == '{');
}

}  // namespace

std::vector<Setting> read_file(const std::filesystem::path& path) {
  const std::string file = shown(path.string());
  const std::string text = text_of(path, file);
  check_letters(text, file);
  if (is_json(path, text)) {
    check_json_depth(text, file);
    return parse_json(text, file);
  }
  check_toml_depth(text, file);
  return parse_toml(text, file);
}

void read_all(const Fields& fields, const std::filesystem::path& path) {
  const std::vector<Setting> settings = read_file(path);
  for (const Setting& setting : settings) assign(fields, setting);
  for (const Field& field : fields) {
    LIOR_CHECK(field.may_lack() || std::holds_alternative<Absent>(field.value()) ||
                   last_of(settings, field.key()) != nullptr,
               "{}: lacks {}; every setting must be there", shown(path.string()), field.key());
  }
}

}  // namespace lior::settings
