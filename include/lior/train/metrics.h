// SPDX-License-Identifier: Apache-2.0
#pragma once
/// metrics.jsonl: one JSON object a line, one line a logged step.

#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "lior/core/view.h"

namespace lior::train {

struct MetricsLine {
  Index step = 0;
  double loss = 0;      ///< mean over the batch, nats a target
  double accuracy = 0;  ///< of the batch
  Index length = 0;     ///< of the batch's sequences
  Index tokens = 0;     ///< targets trained on so far
  double seconds = 0;   ///< of the run so far
  double lr = 0;
  double grad_norm = 0;              ///< before clipping
  Index planned_bytes = 0;           ///< memory that the run was planned to hold
  std::optional<double> val_loss{};  ///< on evaluated steps: the held-out tail, or fresh sequences
  std::optional<double> val_accuracy{};
  std::optional<double> val_nats_per_byte{};  ///< of a text whose tokens are not bytes
};

/// The lines of a run's file, in order; what is no record is left out. Throws lior::Error where
/// there is no such file.
std::vector<MetricsLine> read_metrics(const std::filesystem::path& path);

/// The file of a run, open to go on writing.
class Metrics {
 public:
  /// Keeps the lines up to `step` (what a run wrote past its last checkpoint, or half wrote when it
  /// was killed, is cut off) and appends from there. Lines between them that are no record, as a
  /// loss of power leaves them, are left out and counted in damaged_lines().
  Metrics(const std::filesystem::path& path, Index step);
  Index damaged_lines() const { return damaged_lines_; }

  /// Throws lior::RunError when the disk takes no more.
  void write(const MetricsLine& line);

 private:
  std::filesystem::path path_;
  Index damaged_lines_ = 0;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
};

}  // namespace lior::train
