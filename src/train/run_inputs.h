// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a training begins with: its settings, its data and their counts, found before there is a
// model.

#include <exception>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "lior/io/folder_lock.h"
#include "lior/nn/counts.h"
#include "lior/train/config.h"
#include "lior/train/source.h"
#include "lior/train/trainer.h"

namespace lior::train {

/// Thrown when the caller interrupts before there is anything to save.
struct Interrupted : std::exception {};

struct RunInputs {
  Config config;
  std::optional<Config> before;          ///< of a run that goes on, as it was saved
  std::unique_ptr<io::FolderLock> lock;  ///< of a run that goes on, on the first rank
  std::string chosen;                    ///< what the preset "auto" chose, in words; or nothing
  std::unique_ptr<Source> data;
  Index data_bytes = 0;                ///< of a text
  std::uint64_t data_fingerprint = 0;  ///< of a text, or of the table of a task that has one
  std::shared_ptr<const nn::TextCounts> counts;  ///< null where the model has none
};

/// Reads and checks all of them, on each rank by itself: of a new run from `settings`, of one that
/// goes on (resume) from its folder too. Throws Interrupted where hooks say so meanwhile.
RunInputs open_inputs(std::span<const settings::Setting> settings,
                      const std::filesystem::path& folder, bool resume, const Hooks& hooks,
                      const comm::Communicator& ranks);

/// Throws unless `folder` can become a new run's: absent or empty.
void check_unused(const std::filesystem::path& folder);

/// Bytes of a text before its held-out part.
Index training_bytes(const Config& config, const TextBytes& text);

}  // namespace lior::train
