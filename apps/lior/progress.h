// SPDX-License-Identifier: Apache-2.0
#pragma once
/// How a long run shows itself on stderr.

#include <string>

#include "lior/core/error.h"
#include "lior/core/timer.h"

namespace lior::app {

/// "auto": a bar that renews itself on a terminal, else a plain line every few seconds.
class ProgressDisplay {
 public:
  /// mode: auto, bar, plain or none. Throws lior::Error on another.
  explicit ProgressDisplay(const std::string& mode);
  /// Ends the bar's line.
  ~ProgressDisplay();

  /// A line of its own.
  void say(const std::string& text);
  /// Whether it is time to draw; always at the end (done >= 1).
  bool due(double done);
  /// Draws the bar at `done` in [0, 1] with the text behind it, or the text alone.
  void draw(double done, const std::string& text);

 private:
  enum class Mode { bar, plain, none };

  Mode mode_;
  Timer timer_;
  double next_ = 0;  ///< when to draw again
  bool drawn_ = false;
};

/// "1:20", "2:03:07" of a time left.
std::string clock_text(double seconds);

}  // namespace lior::app
