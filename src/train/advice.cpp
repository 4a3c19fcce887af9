// SPDX-License-Identifier: Apache-2.0
#include "lior/train/advice.h"

#include <algorithm>
#include <array>
#include <vector>

#include "lior/core/available_memory.h"

namespace lior::train {
namespace {

constexpr double kFewZeros = 0.01;

std::string bytes(Index count) { return bytes_text(static_cast<double>(count)); }

/// By its first two bytes, the mark of either order.
bool looks_like_utf16(const TextBytes& text) {
  std::array<std::byte, 2> mark{};
  if (text.size() < std::ssize(mark)) return false;
  text.read(0, mark);
  constexpr std::byte kHigh{0xfe}, kLow{0xff};
  return mark == std::array{kHigh, kLow} || mark == std::array{kLow, kHigh};
}

/// The part of the first 64 KB that are bytes of 0.
double zeros_in_front(const TextBytes& text) {
  constexpr Index kFront = 1 << 16;
  std::vector<std::byte> front(static_cast<std::size_t>(std::min(text.size(), kFront)));
  text.read(0, front);
  return static_cast<double>(std::ranges::count(front, std::byte{0})) /
         static_cast<double>(front.size());
}

}  // namespace

std::optional<std::string> advice_on_bytes(const TextBytes& text) {
  if (looks_like_utf16(text)) {
    return "the text begins as UTF-16 does, in which every second byte of most letters is 0; as "
           "UTF-8 it is half as long and what is written can be read: iconv -f UTF-16 -t UTF-8";
  }
  const double zeros = zeros_in_front(text);
  if (zeros >= kFewZeros) {
    return fmt::format(
        "{:.0f} % of the first bytes of the text are 0, which no text in UTF-8 has: a binary file, "
        "or "
        "UTF-16 without its mark? iconv -f UTF-16LE -t UTF-8 makes such a text one of letters",
        100 * zeros);
  }
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

std::optional<std::string> advice_on_vocabulary(const Config& config) {
  constexpr Index kMany = 16384;
  const Index vocabulary = config.model.vocabulary;
  if (vocabulary < kMany) return {};
  return fmt::format(
      "the tokenizer has {} tokens: a step and an evaluation take most of their time for the "
      "scores of all of them, and most of the weights are theirs; --tokenizer bpe:1024 learns "
      "1,024 from the text",
      vocabulary);
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
