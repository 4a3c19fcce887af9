// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The report of a run, as one HTML page that loads nothing.

#include <string>
#include <utility>
#include <vector>

#include "lior/train/best.h"
#include "lior/train/config.h"
#include "lior/train/metrics.h"

namespace lior::app {

/// A text that a model wrote.
struct Sample {
  std::string title, text;
};

struct Report {
  std::string name;  ///< of the run
  train::Config config;
  std::vector<train::MetricsLine> lines;  ///< at least one
  std::vector<Sample> samples;
  std::vector<std::pair<std::string, std::string>> settings;  ///< names and values
};

std::string report_page(const Report& report);

}  // namespace lior::app
