// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <filesystem>
#include <memory>

#include "command.h"
#include "lior/core/text.h"
#include "lior/train/checkpoint.h"
#include "lior/train/generate.h"
#include "lior/train/tokenizer.h"
#include "output.h"
#include "report_page.h"

namespace lior::app {
namespace {

namespace fs = std::filesystem;

constexpr const char* kWhat =
    R"(Writes one HTML page that loads nothing: loss and val by step and by minute, learning rate, gradient norm, speed, a
text that the model writes, and every setting. A run that is still going on can be reported too.
)";

struct Arguments {
  std::optional<std::string> model, out;
  std::int64_t sample = 400;
};

/// A text of the run's weights, where it has any yet.
std::vector<Sample> sample_of(const fs::path& run, const train::Config& config,
                              std::int64_t tokens) {
  if (tokens == 0 || train::names_task(config.data) || !fs::exists(run / "model.safetensors")) {
    return {};
  }
  const train::TrainedModel trained = train::load_model(run);
  const train::Tokenizer& tokenizer = train::find_tokenizer(trained.config.tokenizer);
  train::Generator generator(trained.model, {.temperature = 0.8}, 0);
  train::Decoder decoder(tokenizer, train::Decoder::Form::utf8);
  generator.read(train::encode(tokenizer, "\n"));
  std::string text;
  for (std::int64_t i = 0; i < tokens; ++i) text += decoder.push(generator.next());
  return {
      {fmt::format("{} tokens of the saved weights, without a prompt, at temperature 0.8", tokens),
       text + decoder.finish()}};
}

int run(const Arguments& arguments) {
  LIOR_CHECK(arguments.model,
             "lior report: no run is named; give the folder of a run of lior train");
  LIOR_CHECK(arguments.sample >= 0 && arguments.sample <= 100000,
             "--sample: {}; it must be from 0 to 100000", arguments.sample);
  const fs::path folder = *arguments.model;
  train::Config config = train::read_config(folder / "config.json");
  Report report{.name = fs::weakly_canonical(folder).filename().string(),
                .config = config,
                .lines = train::read_metrics(folder / "metrics.jsonl"),
                .samples = sample_of(folder, config, arguments.sample),
                .settings = {}};
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
