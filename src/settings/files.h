// SPDX-License-Identifier: Apache-2.0
#pragma once
// The two formats of a file of settings, read from the text of the file.

#include "lior/settings/settings.h"

namespace lior::settings {

/// `text` of `file`. Each throws lior::Error that names the file and the line or byte.
std::vector<Setting> parse_toml(const std::string& text, const std::string& file);
std::vector<Setting> parse_json(const std::string& text, const std::string& file);

}  // namespace lior::settings
