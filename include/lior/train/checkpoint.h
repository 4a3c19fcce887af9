// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A run's folder: config.json, model.safetensors, optimizer.safetensors, metrics.jsonl, and for a
/// text with a held-out part best.safetensors, the weights of its best evaluation.
///
/// A checkpoint is two files that belong together. Both carry the step; the optimiser's file is
/// written whole beside the old one first, then replacing the model's file commits, then the new
/// optimiser's file takes its name. So a kill at any moment leaves the old pair or the new one:
///   optimizer.safetensors.next written   the model is still the old one: the old pair counts
///   model.safetensors replaced           its step is .next's: that pair counts
///   .next renamed                        the new pair under its own names
/// and what is read is the model with the optimiser's file of the same step. The best weights take
/// the same way: best.safetensors.next before the model's file, their name after it; the
/// optimiser's file says of which step they are.

#include <filesystem>
#include <map>
#include <optional>

#include "lior/nn/model.h"
#include "lior/train/best.h"
#include "lior/train/config.h"

namespace lior::train {

/// Where a run stands. All random numbers are functions of (seed, step), so the step is their
/// state.
struct RunState {
  Index step = 0;                      ///< updates made
  double seconds = 0;                  ///< of wall time, over all parts of the run
  Index tokens = 0;                    ///< trained on so far
  Index data_bytes = 0;                ///< size of the text, 0 for tasks
  std::uint64_t data_fingerprint = 0;  ///< of the text, 0 for tasks: another text is another run
  Curriculum::State curriculum;
  std::optional<Best> best;  ///< evaluation so far; absent where none was, or for tasks
};

/// `best_values`: the weights of state.best where the folder does not have them yet, else empty.
/// Of several ranks the first writes, the same files as one does. Collective. Throws
/// lior::RunError, and leaves the last checkpoint, when a parameter is NaN or infinite.
void save_checkpoint(const std::filesystem::path& folder, const nn::Model<float>& model,
                     const Optimizer<float>& optimizer, const RunState& state,
                     std::span<const float> best_values, comm::Communicator& ranks = comm::alone());

bool has_checkpoint(const std::filesystem::path& folder);
/// Whether it is the folder of a run: config.json beside a checkpoint, or alone where it holds
/// settings, as a run leaves it that was killed before its first checkpoint.
bool is_run(const std::filesystem::path& folder);
/// Where a run stands by its files' headers, before there is a model; nothing when the folder holds
/// no checkpoint yet. Throws as load_checkpoint does.
std::optional<RunState> read_run_state(const std::filesystem::path& folder);
/// Nothing when the folder holds no checkpoint yet. Each rank reads, the first before the others,
/// because a file that a kill left may get its name. Collective. Throws lior::Error that names the
/// file when one of its files is missing, damaged, of another step, or of another model;
/// lior::RunError as load_model does.
std::optional<RunState> load_checkpoint(const std::filesystem::path& folder,
                                        nn::Model<float>& model, Optimizer<float>& optimizer,
                                        comm::Communicator& ranks = comm::alone());

/// Which weights of a run: those of its best evaluation where it has any (best.safetensors), else
/// the last ones; or the last ones in any case.
enum class Weights { best, last };
constexpr auto enum_names(Weights) { return enum_words("best", "last"); }

/// A trained model, to evaluate or to generate with, and the settings of its run. Throws
/// lior::Error that names the file when one is missing, damaged, or of another model than
/// config.json's, before it takes memory for the model; lior::RunError that names the tensor when
/// one holds a NaN or an infinity.
struct TrainedModel {
  Config config;
  nn::Model<float> model;
  TokenizerPtr tokenizer;  ///< of a run on a text
};
TrainedModel load_model(const std::filesystem::path& folder, Weights weights = Weights::best);

/// The weights of a run into a model that it fits. Throws as load_model does; lior::Error that
/// names the first tensor that differs.
void load_weights(const std::filesystem::path& folder, Weights weights, nn::Model<float>& model);

/// Puts the model in place of the one in a run's folder, of the same step: a run that is resumed
/// goes on from it. Written aside, synced and renamed.
void replace_model(const std::filesystem::path& folder, const nn::Model<float>& model);

/// The name of the first parameter with a NaN or an infinity among `values` (or gradients).
std::optional<std::string> first_not_finite(std::span<const nn::Parameter> parameters,
                                            std::span<const float> values);

/// The model's parameters as an optimiser sees them.
std::vector<Tensor> tensors_of(std::span<const nn::Parameter> parameters);

}  // namespace lior::train
