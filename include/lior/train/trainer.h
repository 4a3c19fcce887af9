// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A training run from its settings to its folder.

#include <filesystem>
#include <functional>
#include <optional>

#include "lior/core/profile.h"
#include "lior/train/best.h"
#include "lior/train/config.h"
#include "lior/train/crystallise.h"
#include "lior/train/longer_words.h"
#include "lior/train/metrics.h"

namespace lior::train {

/// Progress of a run, reported after each step.
struct Progress {
  Index step = 0;
  std::optional<Index> last_step;  ///< where steps end the run
  double done = 0;                 ///< part of the run that is over, in [0, 1]
  double seconds_left = 0;         ///< at the pace of this part of the run
  double tokens_per_second = 0;
  Index length = 0;
  double loss = 0;                 ///< of the batch, nats a target
  std::optional<double> accuracy;  ///< of the batch; tasks only, their length may grow with it
  std::optional<double> val_loss;  ///< of the latest evaluation
  /// The same of a text whose tokens are not bytes.
  std::optional<double> val_nats_per_byte;
};

/// How the run and its caller speak: the library prints nothing and handles no signals.
struct Hooks {
  std::function<void(const Progress&)> after_step = [](const Progress&) {};
  std::function<bool()> interrupted = [] { return false; };
  /// Several times while an evaluation goes on, with the part of it that is over.
  std::function<void(double done)> evaluating = [](double) {};
  /// The same while it learns longer words (longer_words.h).
  std::function<void(double done)> learning_longer = [](double) {};
  /// Listens to every step but the first.
  Profile* profile = nullptr;
  /// One line about the run, for a person.
  std::function<void(const std::string&)> say = [](const std::string&) {};
  /// Each line of metrics.jsonl.
  std::function<void(const MetricsLine&)> logged = [](const MetricsLine&) {};
};

/// How a run ended.
struct Outcome {
  bool interrupted = false;          ///< at step 0 with no seconds: before anything was written
  Index steps_made = 0;              ///< by this call: 0 where the run to resume was already over
  Index step = 0;                    ///< in all
  double seconds = 0;                ///< in all
  bool lost_patience = false;        ///< ended by config.patience
  std::optional<Best> best{};        ///< evaluation of a text, whose weights best.safetensors has
  std::optional<double> val_loss{};  ///< of the last evaluation that this call made
  /// By which they give nats a byte, where a token is not a byte and this call has evaluated.
  std::optional<double> tokens_per_byte{};
  std::optional<Crystal> exact{};       ///< what the model tracks without error, if that is known
  std::optional<LongerWords> longer{};  ///< what it tracks otherwise, along longer words
  Config config{};                      ///< as it ran
};

/// Trains in `folder`, which must be new or empty, or hold the run to `resume`, and which no other
/// process may use meanwhile. All that can be wrong with the arguments is found before anything is
/// written: lior::Error. Each step is a function of (settings, step), but for the learning rate
/// where minutes are nearer their end than steps; so with steps alone a resumed run equals one that
/// was never interrupted, bit for bit, for equal threads and SIMD level. An interrupted run saves
/// first. A run on a task whose model can be made exact (crystallise.h) is, as soon as short
/// lengths are learnt well enough or at its end, and ends there, unless config.crystallise is off;
/// one whose model cannot be exact learns longer words at its end (longer_words.h).
/// Minutes count from the first step. A new run makes one step at least. A text that comes
/// through a pipe is kept in the folder as `data`, where a resumed run finds it.
///
/// `ranks` share the micro-batches of each step, the sequences of each evaluation and the state of
/// the optimiser; files and weights have the bits of one rank, each with as many threads, and a run
/// may go on with another number of ranks. The first rank writes, speaks to `hooks` and tells the
/// time; any may be interrupted. All must see the data, and the folder of a run that goes on or
/// whose weights it begins with. Collective: all return the same.
///
/// Throws lior::RunError when the loss or the gradient is NaN or infinite: the message names the
/// step and the first tensor that is; the folder keeps the last checkpoint. Throws TextLost
/// (text.h) when the text shrinks meanwhile; the run is then saved.
Outcome train(std::span<const settings::Setting> settings, const std::filesystem::path& folder,
              bool resume, const Hooks& hooks, comm::Communicator& ranks = comm::alone());

}  // namespace lior::train
