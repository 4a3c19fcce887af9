// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "command.h"
#include "lior/core/lines.h"
#include "lior/core/text.h"
#include "lior/train/checkpoint.h"
#include "lior/train/generate.h"
#include "output.h"
#include "report_page.h"

namespace lior::app {
namespace {

namespace fs = std::filesystem;

constexpr const char* kWhat =
    R"(Writes one HTML page that loads nothing: loss and val by step and by minute, learning rate, gradient norm, speed,
texts (of lior train --samples, and of the saved weights), and every setting. A run that is still going on can be reported too.
)";

struct Arguments {
  std::optional<std::string> model, out;
  std::int64_t sample = 400;
};

constexpr std::size_t kMostSamples = 8;  // of samples.jsonl

/// The texts that the run kept, some of them where they are many; of a step that was made twice,
/// as after a kill, the later one.
std::vector<Sample> kept_samples(const fs::path& file) {
  std::map<std::int64_t, std::string> texts;
  Lines lines(file);
  while (const auto line = lines.next()) {
    const auto json = nlohmann::json::parse(*line, nullptr, false);
    if (!json.is_object() || !json.contains("step") || !json["step"].is_number_integer()) continue;
    if (json.contains("text") && json["text"].is_string()) texts[json["step"]] = json["text"];
  }
  const std::size_t every = (texts.size() + kMostSamples - 1) / kMostSamples;
  std::vector<Sample> samples;
  std::size_t place = 0;
  for (const auto& [step, text] : texts) {
    if (place++ % every == 0) samples.push_back({fmt::format("at step {}", step), text});
  }
  return samples;
}

/// A text of the run's weights, where it has any yet.
std::optional<Sample> sample_of(const fs::path& run, const train::Config& config,
                                std::int64_t tokens) {
  if (tokens == 0 || train::names_task(config.data) || !fs::exists(run / "model.safetensors")) {
    return {};
  }
  const train::TrainedModel trained = train::load_model(run);
  return Sample{
      fmt::format("{} tokens of the saved weights, without a prompt, at temperature 0.8", tokens),
      train::write_text(trained.model, trained.tokenizer, {.temperature = 0.8}, 0, tokens)};
}

int run(const Arguments& arguments) {
  LIOR_CHECK(arguments.model,
             "lior report: no run is named; give the folder of a run of lior train");
  LIOR_CHECK(arguments.sample >= 0 && arguments.sample <= 100000,
             "--sample: {}; it must be from 0 to 100000", arguments.sample);
  const fs::path folder = *arguments.model;
  train::Config config = train::read_run_config(folder);
  Report report{.name = fs::weakly_canonical(folder).filename().string(),
                .config = config,
                .lines = train::read_metrics(folder / "metrics.jsonl"),
                .samples = kept_samples(folder / "samples.jsonl"),
                .settings = {}};
  if (auto sample = sample_of(folder, config, arguments.sample)) {
    report.samples.push_back(std::move(*sample));
  }
  LIOR_CHECK(!report.lines.empty(), "{}: has no line yet; a run logs every log_every steps",
             shown_path((folder / "metrics.jsonl").string()));
  for (const settings::Field& field : train::fields(config)) {
    report.settings.emplace_back(field.key(), field.text());
  }
  const std::string out = arguments.out ? *arguments.out : (folder / "report.html").string();
  OutputFile(out).write(report_page(report));
  fmt::print(stderr, "written: {}\n", shown_path(out));
  return kSuccess;
}

}  // namespace

Run report_command(Options& options) {
  const auto arguments = std::make_shared<Arguments>();
  options.add_note(kWhat);
  options.add_argument(arguments->model, "RUN", "folder of a run of lior train");
  options.add("--out", arguments->out, "FILE", "where to write it (report.html in that folder)");
  options.add("--sample", arguments->sample, "N", "tokens that the model writes; 0: none (400)");
  return [=] { return run(*arguments); };
}

}  // namespace lior::app
