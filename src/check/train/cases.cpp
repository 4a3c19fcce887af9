// SPDX-License-Identifier: Apache-2.0
// The recorded steps of the original's LIoR optimisers: its basic form and both manifold forms.
#include <cmath>

#include "lior/check/compare.h"
#include "lior/check/registry.h"
#include "lior/core/worst.h"
#include "lior/io/safetensors.h"
#include "lior/train/optimizer.h"

namespace lior::check {
namespace {

using io::SafeTensors;
using train::LiorForm;

constexpr double kRecordedRate = 1e-2;        // as the file's note says
constexpr double kRecordedTolerance = 1e-10;  // of the largest entry: float64, a few roundings

/// The net's parameters under the original's own names.
struct RecordedNet {
  Buffer<double> v1, c1, w2, c2;
  Shape<2> shape;

  explicit RecordedNet(const SafeTensors& file)
      : v1(file.read<double>("param.resilience_net.0.weight")),
        c1(file.read<double>("param.resilience_net.0.bias")),
        w2(file.read<double>("param.resilience_net.2.weight")),
        c2(file.read<double>("param.resilience_net.2.bias")) {
    const auto& extents = file.info("param.resilience_net.0.weight").shape;
    LIOR_CHECK(
        extents.size() == 2 && c1.size() == extents[0] && w2.size() == extents[0] && c2.size() == 1,
        "{}: the resilience net's shapes do not fit together", file.path());
    shape = {extents[0], extents[1]};
  }
  train::ResilienceNet<double> net() const {
    return {{v1.data(), shape}, {c1.data(), {c1.size()}}, {w2.data(), {w2.size()}}, c2[0]};
  }
};

/// Largest relative difference from the record after each step of parameter `name` ("p", "q").
double error_of_steps(const SafeTensors& file, const std::string& form, const std::string& name,
                      const train::OptimizerConfig& config) {
  const auto recorded = [&](const std::string& letter, Index k) {
    return file.read<double>(fmt::format("{}.{}{}", form, letter, k));
  };
  const auto is_step = [&](Index k) {
    return file.contains(fmt::format("{}.g{}{}", form, name, k)) ||
           file.contains(fmt::format("{}.{}{}", form, name, k + 1));
  };
  std::optional<RecordedNet> net;
  if (config.form == LiorForm::manifold) net.emplace(file);

  Buffer<double> values = recorded(name, 0);
  const std::vector<train::Tensor> tensors = {{.size = values.size()}};
  train::Optimizer<double> optimizer(config, tensors,
                                     net ? std::optional(net->net()) : std::nullopt);
  double largest = 0;
  for (Index k = 0; k == 0 || is_step(k); ++k) {
    const Buffer<double> gradients = recorded("g" + name, k), after = recorded(name, k + 1);
    LIOR_CHECK(gradients.size() == values.size(), "{}: {}.g{}{} has {} entries; expected {}",
               file.path(), form, name, k, gradients.size(), values.size());
    optimizer.measure(gradients.span());
    optimizer.step(kRecordedRate, 1, values.span(), gradients.span());
    const double error = relative_difference(values.span(), after.span());
    if (std::isnan(error)) return error;
    largest = worst_of<double>({largest, error});
  }
  return largest;
}

std::vector<Check> optimizer_cases(std::shared_ptr<const SafeTensors> file) {
  const std::pair<std::string, train::OptimizerConfig> forms[] = {
      {"basic", {.kind = train::OptimizerKind::lior, .form = LiorForm::compat}},
      {"manifold", {.kind = train::OptimizerKind::lior, .form = LiorForm::manifold}},
      {"manifold_memory",
       {.kind = train::OptimizerKind::lior, .form = LiorForm::manifold, .memory = true}}};
  std::vector<Check> checks;
  for (const auto& [form, config] : forms) {
    for (const std::string name : {"p", "q"}) {
      const std::string start = form + "." + name + "0";
      checks.push_back(
          {.name = fmt::format("optimizer.{}.{}", form, name),
           .module = "train",
           .dtype = "f64",
           .shape = file->contains(start) ? io::to_string(file->info(start).shape) : "",
           .tolerance = kRecordedTolerance,
           .error = [=, form = form, config = config] {
             return error_of_steps(*file, form, name, config);
           }});
    }
  }
  return checks;
}

}  // namespace

void add_train_cases(Registry& registry) {
  registry.cases.emplace_back("optimizer", optimizer_cases);
}

}  // namespace lior::check
