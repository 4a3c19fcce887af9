#include "lior/train/metrics.h"

#include <fstream>
#include <nlohmann/json.hpp>

namespace lior::train {
namespace {

/// Bytes of the leading lines that are whole and of a step up to `step`.
std::uintmax_t kept_bytes(const std::filesystem::path& path, Index step) {
  std::ifstream file(path, std::ios::binary);
  std::uintmax_t kept = 0;
  for (std::string line; std::getline(file, line) && !file.eof(); kept += line.size() + 1) {
    const auto json = nlohmann::json::parse(line, nullptr, false);
    if (!json.is_object() || json.value("step", step + 1) > step) break;
  }
  return kept;
}

}  // namespace

Metrics::Metrics(const std::filesystem::path& path, Index step)
    : path_(path), file_(nullptr, &std::fclose) {
  if (std::filesystem::exists(path)) std::filesystem::resize_file(path, kept_bytes(path, step));
  file_.reset(std::fopen(path.c_str(), "ab"));
  LIOR_CHECK(file_ != nullptr, "{}: cannot be written; a run's folder must be writable",
             path.string());
}

void Metrics::write(const MetricsLine& line) {
  std::string text = fmt::format(
      R"({{"step": {}, "loss": {:.6g}, "accuracy": {:.6g}, "length": {}, "tokens": {}, )"
      R"("seconds": {:.3f}, "lr": {:.6g}, "grad_norm": {:.6g}, "planned_bytes": {})",
      line.step, line.loss, line.accuracy, line.length, line.tokens, line.seconds, line.lr,
      line.grad_norm, line.planned_bytes);
  if (line.val_loss) text += fmt::format(R"(, "val_loss": {:.6g})", *line.val_loss);
  if (line.val_accuracy) text += fmt::format(R"(, "val_accuracy": {:.6g})", *line.val_accuracy);
  text += "}\n";
  if (std::fputs(text.c_str(), file_.get()) < 0 || std::fflush(file_.get()) != 0) {
    throw RunError(fmt::format("{}: cannot be written; is the disk full?", path_.string()));
  }
}

}  // namespace lior::train
