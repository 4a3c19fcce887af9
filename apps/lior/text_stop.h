// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Where a text ends.

#include <string>
#include <vector>

namespace lior::app {

/// Lets a text through up to the first place where one of `stops` stands, which it looks for as the
/// text comes: what may be the beginning of one waits. Empty stops are none.
class StopAt {
 public:
  explicit StopAt(std::vector<std::string> stops);

  /// After it was reached: the stop, and what was said after it.
  const std::string& rest() const { return waiting_; }

  bool reached() const { return reached_; }
  /// The text that may be shown now.
  std::string push(const std::string& text);
  /// The text that still waited, when the text ends otherwise.
  std::string finish();

 private:
  std::vector<std::string> stops_;
  std::string waiting_;
  bool reached_ = false;
};

}  // namespace lior::app
