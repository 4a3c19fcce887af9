#pragma once
/// How a training run shows itself on stderr.

#include <string>

#include "lior/core/timer.h"
#include "lior/train/trainer.h"

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
  /// Draws when it is time to.
  void show(const train::Progress& progress);

 private:
  enum class Mode { bar, plain, none };
  void draw(const train::Progress& progress);

  Mode mode_;
  Timer timer_;
  double next_ = 0;  ///< when to draw again
  bool drawn_ = false;
};

/// "840/2000  loss 1.234 ..." and "1:20", "2:03:07" of a time left.
std::string progress_text(const train::Progress& progress);
std::string clock_text(double seconds);

}  // namespace lior::app
