// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Runs the registry's checks: what `lior verify` does, without its output.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "lior/check/registry.h"
#include "lior/simd/dispatch.h"

namespace lior::check {

/// A row of the report: a Check at one level, and what came out.
struct CheckResult {
  std::string name, module, dtype, level, shape;
  double error = 0;  ///< NaN where the check threw
  double tolerance = 0;
  bool pass = false;      ///< error <= tolerance, so NaN fails
  std::string message{};  ///< of the exception, if the check threw
};

struct VerifyReport {
  std::vector<CheckResult> rows;
  std::vector<std::string> not_covered;  ///< case files whose name no module knows

  int failed() const;
};

struct VerifySettings {
  std::string filter{};               ///< runs the checks whose name or module matches; empty: all
  std::vector<simd::Level> levels{};  ///< empty: all that this processor runs
  std::vector<Check> further{};       ///< checks beside the registry's, such as those of case files
  std::function<void(const CheckResult&)> on_row{};  ///< called as each row ends
};

/// Runs each check at each level, level by level; restores the level in force. A check that throws
/// is a failed row. Throws lior::Error when the filter is no regular expression or matches nothing.
VerifyReport verify(const Registry& registry, const VerifySettings& settings);

/// The checks that the registry makes of the recorded files of a folder.
struct LoadedCases {
  std::vector<Check> checks;
  std::vector<std::string> not_covered;  ///< files whose name no module knows
};

/// Reads each NAME.safetensors of `folder`, in order of name. A file that cannot be read, or that
/// lacks what its cases need, becomes a check cases.NAME.file that fails and says why. Throws
/// lior::Error when the folder is missing or holds no such file.
LoadedCases load_cases(const Registry& registry, const std::string& folder);

/// One line of the table, without its end: level, name, dtype, shape, error <= tolerance, verdict.
std::string to_line(const CheckResult& row);
/// {checks, failed, not_covered, rows}; an error that is not finite is null; `message` only where
/// a check threw.
std::string to_json(const VerifyReport& report);

/// Whether names match a filter: a regular expression (POSIX extended) found anywhere in the name.
/// Throws lior::Error when it is malformed.
std::function<bool(const std::string& name)> name_filter(const std::string& expression);

}  // namespace lior::check
