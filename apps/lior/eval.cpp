// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <cmath>
#include <memory>
#include <numbers>

#include "command.h"
#include "lior/core/available_memory.h"
#include "lior/core/timer.h"
#include "lior/train/checkpoint.h"
#include "lior/train/evaluate.h"

namespace lior::app {
namespace {

constexpr std::int64_t kMostTogether = 64;  // sequences at a time
constexpr std::int64_t kWindow = 256;       // tokens of them at a time

constexpr const char* kWhat =
    R"(Of a text, the first --count x --length bytes of the part are predicted, in up to 64 stretches of at
least --length. `val` in the training's progress is over fewer: eval_count = 32 sequences (config.json),
four in a row at places spread over the same tail, so it differs from this.
)";

struct Arguments {
  std::string model, data, split = "val", weights = "best";
  std::int64_t count = 256, seed = 1;
  std::optional<std::int64_t> length;
  bool json = false;  ///< the only form there is
};

std::string number_or_null(const std::optional<double>& value) {
  return value ? fmt::format("{:.6g}", *value) : "null";
}

struct Result {
  train::EvalResult eval;
  bool of_text = false;
};

Result evaluate(const Arguments& arguments, const train::TrainedModel& trained) {
  const auto& [config, model] = trained;
  const auto data = train::open_source(arguments.data, config.val_fraction,
                                       train::find_tokenizer(config.tokenizer));
  LIOR_CHECK(
      data->vocabulary() == config.model.vocabulary && data->classes() == config.model.classes,
      "--data: {} has {} tokens and {} classes; the model in {} was made for {} and {}",
      shown_path(arguments.data), data->vocabulary(), data->classes(), shown_path(arguments.model),
      config.model.vocabulary, config.model.classes);

  const std::int64_t length = arguments.length.value_or(config.length);
  const std::int64_t batch = std::min(arguments.count, kMostTogether);
  const std::int64_t window = std::min(length, kWindow);
  const std::size_t needed = train::Evaluator::bytes(model, batch, window);
  LIOR_CHECK(needed <= available_memory(),
             "evaluating needs {} and {} are available; a smaller "
             "--count would fit",
             bytes_text(static_cast<double>(needed)),
             bytes_text(static_cast<double>(available_memory())));
  const auto part = parse_name<train::Part>(arguments.split, "--split:");
  const auto stream = data->evaluation(part, static_cast<std::uint64_t>(arguments.seed),
                                       arguments.count, length, batch);
  return {train::Evaluator(model, batch, window).run(*stream), data->text() != nullptr};
}

int run(const Arguments& arguments) {
  parse_name<train::Part>(arguments.split, "--split:");
  LIOR_CHECK(arguments.count >= 1, "--count: {} sequences; it must be at least 1", arguments.count);
  LIOR_CHECK(arguments.seed >= 0, "--seed: {}; it must be at least 0", arguments.seed);
  LIOR_CHECK(arguments.length.value_or(1) >= 1, "--length: {} tokens; it must be at least 1",
             *arguments.length);
  const train::TrainedModel trained = train::load_model(
      arguments.model, parse_name<train::Weights>(arguments.weights, "--weights:"));
  const Timer timer;
  const auto [result, of_text] = evaluate(arguments, trained);

  std::optional<double> bits_per_byte;
  if (of_text) {
    const auto& tokenizer = train::find_tokenizer(trained.config.tokenizer);
    bits_per_byte =
        result.loss / std::numbers::ln2 / static_cast<double>(tokenizer.bytes_per_token);
  }
  fmt::print(
      "{{\"loss\": {:.6g}, \"bits_per_byte\": {}, \"accuracy\": {:.6g}, "
      "\"accuracy_last\": {}, \"tokens\": {}, \"seconds\": {:.3f}}}\n",
      result.loss, number_or_null(bits_per_byte), result.accuracy,
      number_or_null(result.accuracy_last), result.tokens, timer.seconds());
  return kSuccess;
}

}  // namespace

Run eval_command(Options& options) {
  const auto arguments = std::make_shared<Arguments>();
  options.add_note(kWhat);
  options.require("--model", arguments->model, "DIR", "folder of a run of lior train");
  options.require("--data", arguments->data, "FILE|-|builtin:NAME", "what to predict");
  options.add("--split", arguments->split, "PART",
              "part of a file: val, its held-out tail, or all (val)");
  options.add("--weights", arguments->weights, "WHICH",
              "of the run: best, those of its best val, or last (best)");
  options.add("--count", arguments->count, "N", "sequences (256)");
  options.add("--seed", arguments->seed, "N", "seed of a task's sequences (1)");
  options.add("--length", arguments->length, "N", "tokens per sequence (the training's)");
  options.add_switch("--json", arguments->json, "print one JSON object, as always");
  return [=] { return run(*arguments); };
}

}  // namespace lior::app
