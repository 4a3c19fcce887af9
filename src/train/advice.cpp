// SPDX-License-Identifier: Apache-2.0
#include "lior/train/advice.h"

#include "lior/core/available_memory.h"

namespace lior::train {
namespace {

std::string bytes(Index count) { return bytes_text(static_cast<double>(count)); }

}  // namespace

std::optional<std::string> advice_on_bytes(const TextBytes& text) {
  const double bits = text.entropy();
  if (bits < kUniformBits) return {};
  return fmt::format(
      "the bytes of the text have {:.2f} bits of entropy of 8: it looks compressed or encrypted, "
      "and there is next to nothing to learn; unpack it first",
      bits);
}

std::optional<std::string> advice_on_size(const Config& config, Index parameters,
                                          Index training_bytes) {
  if (parameters / kParametersPerByte < training_bytes) return {};
  return fmt::format(
      "the text is small for {}: {} parameters, {} to train on; val may rise before the end (the "
      "weights of its best are kept), and a smaller model or fewer steps may do better",
      config.preset, parameters, bytes(training_bytes));
}

std::optional<std::string> advice_on_val(const Config& config, const Best& best, const Best& now) {
  const bool is_past = now.step - best.step >= kRisenEvaluations * config.eval_every;
  if (!is_past || now.val_loss < best.val_loss + kRisenLoss) return {};
  return fmt::format(
      "val was best at step {} ({:.3f}) and rises: from there on the run learns its text by heart; "
      "the weights of step {} are kept, and --patience N ends a run N evaluations after its best",
      best.step, best.val_loss, best.step);
}

}  // namespace lior::train
