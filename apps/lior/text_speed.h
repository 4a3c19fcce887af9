// SPDX-License-Identifier: Apache-2.0
#pragma once
/// How fast texts were read and written, each by its own time.

#include <fmt/core.h>

#include <cstdint>
#include <string>

#include "lior/core/timer.h"

namespace lior::app {

class TextSpeed {
 public:
  /// What `body` does is to read so many tokens.
  template <class Body>
  void read(std::int64_t tokens, const Body& body) {
    const Timer timer;
    body();
    read_ += tokens;
    reading_ += timer.seconds();
  }
  /// `body` returns how many tokens it has written.
  template <class Body>
  void write(const Body& body) {
    const Timer timer;
    written_ += body();
    writing_ += timer.seconds();
  }

  /// "4 tokens read in 0.01 s, 60 written in 0.12 s, 492 a second".
  std::string text() const {
    std::string text = fmt::format("{} token{} read in {:.3g} s, {} written in {:.3g} s", read_,
                                   read_ == 1 ? "" : "s", reading_, written_, writing_);
    if (written_ == 0) return text;
    const double rate = static_cast<double>(written_) / writing_;
    return text + (rate < 100 ? fmt::format(", {:.2g} a second", rate)
                              : fmt::format(", {:.0f} a second", rate));
  }

 private:
  std::int64_t read_ = 0, written_ = 0;
  double reading_ = 0, writing_ = 0;  // seconds
};

}  // namespace lior::app
