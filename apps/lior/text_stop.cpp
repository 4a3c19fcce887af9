// SPDX-License-Identifier: Apache-2.0
#include "text_stop.h"

#include <algorithm>
#include <utility>

namespace lior::app {
namespace {

/// How much of the end of `text` is a beginning of `stop`.
std::size_t begun(std::string_view text, std::string_view stop) {
  std::size_t length = std::min(text.size(), stop.size() - 1);
  while (!text.ends_with(stop.substr(0, length))) --length;
  return length;
}

}  // namespace

StopAt::StopAt(std::vector<std::string> stops) : stops_(std::move(stops)) {
  std::erase_if(stops_, [](const std::string& stop) { return stop.empty(); });
}

std::string StopAt::push(const std::string& text) {
  if (stops_.empty()) return text;
  waiting_ += text;
  std::size_t place = std::string::npos, held = 0;
  for (const std::string& stop : stops_) {
    place = std::min(place, waiting_.find(stop));
    held = std::max(held, begun(waiting_, stop));
  }
  reached_ = place != std::string::npos;
  const std::size_t ready = reached_ ? place : waiting_.size() - held;
  std::string out = waiting_.substr(0, ready);
  waiting_.erase(0, ready);
  return out;
}

std::string StopAt::finish() { return reached_ ? "" : std::exchange(waiting_, {}); }

}  // namespace lior::app
