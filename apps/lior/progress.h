// SPDX-License-Identifier: Apache-2.0
#pragma once
/// How a long run shows itself on stderr.

#include <string>

#include "command.h"
#include "lior/core/error.h"
#include "lior/core/names.h"
#include "lior/core/timer.h"

namespace lior::app {

/// automatic: bar on a terminal, else plain.
enum class ProgressMode { automatic, bar, plain, none };
constexpr auto enum_names(ProgressMode) { return enum_words("auto", "bar", "plain", "none"); }

/// Declares --progress, whose word a ProgressDisplay takes.
void add_progress(Options& options, std::string& mode);

/// A bar that renews itself, or a plain line every few seconds.
class ProgressDisplay {
 public:
  /// mode: a word of ProgressMode; patience: seconds before the first plain line, so that what is
  /// over by then has none. Throws lior::Error on another word.
  explicit ProgressDisplay(const std::string& mode, double patience = 0);
  /// Ends the bar's line.
  ~ProgressDisplay();

  /// A line of its own.
  void say(const std::string& text);
  /// Whether it is time to draw; always at the end (done >= 1), where patience is over.
  bool due(double done);
  /// Draws the bar at `done` in [0, 1] with the text behind it, or the text alone.
  void draw(double done, const std::string& text);

 private:
  ProgressMode mode_;
  Timer timer_;
  double patience_;
  double next_ = 0;  ///< when to draw again
  bool drawn_ = false;
};

/// Of what is mostly over before anyone would look: shows itself after two seconds.
class LateProgress {
 public:
  explicit LateProgress(const std::string& mode) : display_(mode) {}
  /// "WHAT  50%" of `done` in [0, 1].
  void show(const std::string& what, double done);

 private:
  ProgressDisplay display_;
  Timer timer_;
};

/// "1:20", "2:03:07" of a time left.
std::string clock_text(double seconds);

}  // namespace lior::app
