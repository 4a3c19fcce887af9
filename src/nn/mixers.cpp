// SPDX-License-Identifier: Apache-2.0
#include "lior/nn/mixers.h"

#include <cmath>

#include "nn/cores.h"

namespace lior::nn {
namespace {

template <class T>
using MakeCore = std::unique_ptr<Core<T>> (*)(const ModelConfig&);

struct Kind {
  std::string_view name;
  MakeCore<float> make_float;
  MakeCore<double> make_double;

  template <class T>
  std::unique_ptr<Core<T>> make(const ModelConfig& config) const {
    if constexpr (std::is_same_v<T, float>) return make_float(config);
    if constexpr (std::is_same_v<T, double>) return make_double(config);
  }
};

constexpr Kind kKinds[] = {
    {name(Mixer::geometric_mamba), geometric_mamba_core<float>, geometric_mamba_core<double>},
    {name(Mixer::causal_field), causal_field_core<float>, causal_field_core<double>},
    {name(Mixer::geometric_attention), geometric_attention_core<float>,
     geometric_attention_core<double>},
    {name(Mixer::attention), attention_core<float>, attention_core<double>},
    {name(Mixer::gated_linear_attention), gated_linear_attention_core<float>,
     gated_linear_attention_core<double>},
    {"swiglu_mlp", swiglu_mlp_core<float>, swiglu_mlp_core<double>},
};
constexpr std::size_t kCount = std::size(kKinds);
static_assert(kCount == enum_names(Mixer{}).size() + 1, "every mixer has a row, and swiglu_mlp");

constexpr auto kNames = [] {
  std::array<std::string_view, kCount> names;
  for (std::size_t i = 0; i < kCount; ++i) names[i] = kKinds[i].name;
  return names;
}();

std::string list_of_kinds() {
  std::string text;
  for (const std::string_view name : kNames) {
    text += text.empty() ? "" : ", ";
    text += name;
  }
  return text;
}

const Kind& find_kind(std::string_view name) {
  for (const Kind& kind : kKinds) {
    if (kind.name == name) return kind;
  }
  LIOR_CHECK(false, "layer '{}' is unknown; expected one of: {}", shown(name), list_of_kinds());
  return kKinds[0];
}

}  // namespace

std::span<const std::string_view> layer_kinds() { return kNames; }

template <class T>
std::unique_ptr<ResidualBlock<T>> layer_block(std::string_view kind, const ModelConfig& config,
                                              const std::string& prefix, Layout& layout) {
  // Residual paths add up over the two layers of each block of a model.
  const double out_gain = 1 / std::sqrt(2.0 * static_cast<double>(config.layers));
  return std::make_unique<ResidualBlock<T>>(find_kind(kind).make<T>(config), config.d_model,
                                            out_gain, prefix, layout);
}

template std::unique_ptr<ResidualBlock<float>> layer_block(std::string_view, const ModelConfig&,
                                                           const std::string&, Layout&);
template std::unique_ptr<ResidualBlock<double>> layer_block(std::string_view, const ModelConfig&,
                                                            const std::string&, Layout&);

}  // namespace lior::nn
