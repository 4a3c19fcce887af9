// SPDX-License-Identifier: Apache-2.0
#pragma once
// Values of the keys of a metric's text.

#include <optional>
#include <string_view>

namespace lior::geometry {

/// The value of a key of the metric that a text names, the text's or the default: of "kerr:mass=2"
/// spin is .9. Empty where it has no such key, as formulas on a line. Throws as metric_from_text.
std::optional<double> find_parameter(std::string_view text, std::string_view key);

}  // namespace lior::geometry
