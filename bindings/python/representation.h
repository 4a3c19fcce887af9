// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What Python shows of an object.
#include <initializer_list>
#include <string>
#include <vector>

#include "arrays.h"

namespace lior::python {

/// A __repr__ of the class's name and some of the object's attributes, as Python shows them:
/// "PowerLawRule(tolerance=1e-06, horizon=1000.0, poles=23)".
inline auto shows(std::initializer_list<const char*> attributes) {
  return [names = std::vector<const char*>(attributes)](nb::handle self) {
    std::string text = nb::cast<std::string>(self.type().attr("__name__")) + "(";
    for (const char* name : names) {
      if (name != names.front()) text += ", ";
      text += std::string(name) + "=" + nb::cast<std::string>(nb::repr(self.attr(name)));
    }
    return text + ")";
  };
}

}  // namespace lior::python
