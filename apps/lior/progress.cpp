// SPDX-License-Identifier: Apache-2.0
#include "progress.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <utility>

#include "interrupt.h"
#include "terminal.h"

namespace lior::app {
namespace {

constexpr double kBarPeriod = 0.1, kPlainPeriod = 5;  // seconds
constexpr int kMostCells = 24, kFewestCells = 4;
constexpr int kUsualColumns = 80;

/// A bar of so many cells between thin edges, its end drawn in eighths of a cell.
std::string bar_text(double done, int cells) {
  static const char* const kEighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const int eighths = static_cast<int>(std::floor(std::clamp(done, 0.0, 1.0) * cells * 8));
  std::string text = "▕";
  for (int cell = 0; cell < eighths / 8; ++cell) text += "█";
  text += kEighths[eighths % 8];
  const int drawn = eighths / 8 + (eighths % 8 != 0);
  return text + std::string(static_cast<std::size_t>(cells - drawn), ' ') + "▏ ";
}

/// Where nobody reads stderr any more, the run is to save and end.
void write_to_stderr(const std::string& text) {
  const bool written = std::fputs(text.c_str(), stderr) >= 0 && std::fflush(stderr) == 0;
  if (!written && errno == EPIPE) request_interrupt(SIGPIPE);
}

}  // namespace

std::string clock_text(double seconds) {
  const auto whole = static_cast<long long>(std::ceil(seconds));
  if (whole >= 3600) {
    return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
  }
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

void add_progress(Options& options, std::string& mode) {
  const std::string modes = name_list<ProgressMode>();
  options.add("--progress", mode, "MODE", modes + " (auto)");
  options.suggest("--progress", modes);
}

ProgressDisplay::ProgressDisplay(const std::string& mode, double patience)
    : mode_(parse_name<ProgressMode>(mode, "--progress")), patience_(patience) {
  if (mode_ == ProgressMode::automatic) {
    mode_ = isatty(STDERR_FILENO) != 0 ? ProgressMode::bar : ProgressMode::plain;
  }
}

ProgressDisplay::~ProgressDisplay() {
  if (mode_ == ProgressMode::bar && drawn_) write_to_stderr("\n");
}

void ProgressDisplay::say(const std::string& text) {
  if (mode_ == ProgressMode::none) return;
  write_to_stderr((std::exchange(drawn_, false) ? "\n" : "") + text + "\n");
}

bool ProgressDisplay::due(double done) {
  if (mode_ == ProgressMode::none || (timer_.seconds() < next_ && done < 1)) return false;
  if (mode_ == ProgressMode::plain && timer_.seconds() < patience_) return false;
  next_ = timer_.seconds() + (mode_ == ProgressMode::bar ? kBarPeriod : kPlainPeriod);
  return true;
}

void ProgressDisplay::draw(double done, const std::string& text) {
  if (mode_ == ProgressMode::plain) {
    write_to_stderr(text + "\n");
    return;
  }
  // The numbers come first: the bar has what they leave, and goes where that is little.
  constexpr int kPercent = 6, kEdges = 3;  // columns: "100%  ", and "▕" "▏ "
  const int columns = terminal_columns(STDERR_FILENO, kUsualColumns) - 1;
  const int left = columns - kPercent - kEdges - static_cast<int>(text.size());
  const int cells = left < kFewestCells ? 0 : std::min(left, kMostCells);
  const int room = columns - kPercent - (cells > 0 ? kEdges + cells : 0);
  write_to_stderr(fmt::format("\r{}{:3.0f}%  {}\033[K", cells > 0 ? bar_text(done, cells) : "",
                              100 * std::min(done, 1.0),
                              text.substr(0, static_cast<std::size_t>(std::max(room, 0)))));
  drawn_ = true;
}

void LateProgress::show(const std::string& what, double done) {
  constexpr double kPatience = 2;  // seconds
  if (timer_.seconds() < kPatience || !display_.due(0)) return;
  display_.draw(done, fmt::format("{}  {:.0f}%", what, 100 * done));
}

}  // namespace lior::app
