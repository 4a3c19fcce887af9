// SPDX-License-Identifier: Apache-2.0
#pragma once
// The names that formulas of a grid share, as Python gives them: dicts, or None.

#include <map>
#include <optional>
#include <string>

#include "lior/core/text.h"
#include "lior/field/formula.h"

namespace lior::python {

using Parameters = std::optional<std::map<std::string, double>>;
using Definitions = std::optional<std::map<std::string, std::string>>;

inline field::FormulaNames names_of(const Parameters& parameters, const Definitions& definitions,
                                    bool time, bool entry) {
  field::FormulaNames names{.time = time, .entry = entry};
  if (parameters) {
    for (const auto& [name, value] : *parameters) names.parameters.push_back({name, value});
  }
  if (definitions) {
    for (const auto& [name, text] : *definitions) {
      names.definitions.push_back({name, text, "definitions." + shown(name)});
    }
  }
  return names;
}

}  // namespace lior::python
