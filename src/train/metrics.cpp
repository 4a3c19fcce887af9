// SPDX-License-Identifier: Apache-2.0
#include "lior/train/metrics.h"

#include <cerrno>
#include <nlohmann/json.hpp>
#include <system_error>

#include "lior/core/lines.h"
#include "lior/core/text.h"
#include "lior/io/atomic_file.h"

namespace lior::train {
namespace {

/// The step of a line, which is a JSON object; nothing where it is damaged.
std::optional<Index> step_of(const nlohmann::json& json) {
  if (!json.is_object()) return {};
  const auto step = json.find("step");
  if (step == json.end() || !step->is_number_integer()) return {};
  return step->get<Index>();
}

std::optional<MetricsLine> line_of(std::string_view text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!step_of(json)) return {};
  const auto number = [&](const char* key) -> std::optional<double> {
    const auto value = json.find(key);
    if (value == json.end() || !value->is_number()) return {};
    return value->get<double>();
  };
  const auto count = [&](const char* key) { return static_cast<Index>(number(key).value_or(0)); };
  return MetricsLine{.step = *step_of(json),
                     .loss = number("loss").value_or(0),
                     .accuracy = number("accuracy").value_or(0),
                     .length = count("length"),
                     .tokens = count("tokens"),
                     .seconds = number("seconds").value_or(0),
                     .lr = number("lr").value_or(0),
                     .grad_norm = number("grad_norm").value_or(0),
                     .planned_bytes = count("planned_bytes"),
                     .val_loss = number("val_loss"),
                     .val_accuracy = number("val_accuracy")};
}

/// The lines of an earlier run that a resumed run keeps.
struct Kept {
  std::string text;   ///< the whole lines of a step up to the checkpoint's
  Index damaged = 0;  ///< lines before them that are no record, and are left out
};

Kept kept_lines(const std::filesystem::path& path, Index step) {
  Lines lines(path);
  Kept kept;
  Index damaged = 0;
  while (const auto line = lines.next()) {
    if (!lines.is_whole()) break;
    const auto at = step_of(nlohmann::json::parse(*line, nullptr, false));
    if (at && *at > step) break;
    if (at) {
      kept.text.append(*line) += '\n';
      kept.damaged = damaged;
    } else {
      ++damaged;
    }
  }
  return kept;
}

}  // namespace

std::vector<MetricsLine> read_metrics(const std::filesystem::path& path) {
  Lines lines(path);
  LIOR_CHECK(lines.is_open(), "{}: cannot be read; expected the metrics.jsonl of a run",
             shown_path(path.string()));
  std::vector<MetricsLine> metrics;
  while (const auto text = lines.next()) {
    if (auto line = line_of(*text)) metrics.push_back(*line);
  }
  return metrics;
}

Metrics::Metrics(const std::filesystem::path& path, Index step)
    : path_(path), file_(nullptr, &std::fclose) {
  if (std::filesystem::exists(path)) {
    const Kept kept = kept_lines(path, step);
    damaged_lines_ = kept.damaged;
    io::write_file_atomically(path.string(), kept.text);
  }
  file_.reset(std::fopen(path.c_str(), "ab"));
  LIOR_CHECK(file_ != nullptr, "{}: cannot be written; a run's folder must be writable",
             shown_path(path.string()));
}

void Metrics::write(const MetricsLine& line) {
  std::string text = fmt::format(
      R"({{"step": {}, "loss": {:.6g}, "accuracy": {:.6g}, "length": {}, "tokens": {}, )"
      R"("seconds": {:.3f}, "lr": {:.6g}, "grad_norm": {:.6g}, "planned_bytes": {})",
      line.step, line.loss, line.accuracy, line.length, line.tokens, line.seconds, line.lr,
      line.grad_norm, line.planned_bytes);
  if (line.val_loss) text += fmt::format(R"(, "val_loss": {:.6g})", *line.val_loss);
  if (line.val_accuracy) text += fmt::format(R"(, "val_accuracy": {:.6g})", *line.val_accuracy);
  if (line.val_nats_per_byte) {
    text += fmt::format(R"(, "val_nats_per_byte": {:.6g})", *line.val_nats_per_byte);
  }
  text += "}\n";
  if (std::fputs(text.c_str(), file_.get()) < 0 || std::fflush(file_.get()) != 0) {
    throw RunError(fmt::format("{}: cannot be written ({})", shown_path(path_.string()),
                               std::generic_category().message(errno)));
  }
}

}  // namespace lior::train
