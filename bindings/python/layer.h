// SPDX-License-Identifier: Apache-2.0
#pragma once
// One layer of lior.nn.Layer, and its passes for whoever has arrays: NumPy's (layer.cpp), XLA's
// (layer_operations.cpp).

#include <algorithm>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>

#include "arrays.h"
#include "lior/core/names.h"
#include "lior/nn/mixers.h"

namespace lior::python {

/// The layer of one type of numbers, and where its parameters lie.
template <class T>
struct Block {
  Block(const std::string& kind, const nn::ModelConfig& config)
      : layer(nn::layer_block<T>(kind, config, "", layout)) {}
  nn::Layout layout;
  std::unique_ptr<nn::ResidualBlock<T>> layer;
};

/// Sets an option from what was given for it.
template <class Given, class Member>
void set_option(const nn::LayerOption& option, const Given& given, Member& member) {
  const std::string argument(option.name);
  if constexpr (std::is_same_v<Member, Index>) {
    const auto value = given.template get<Index>(argument);
    // A layer on its own may see all positions; one of a model has a state of constant size.
    const double low = option.name == "window" ? 0 : option.low;
    LIOR_CHECK(static_cast<double>(value) >= low && static_cast<double>(value) <= option.high,
               "{} is {}; expected {:.0f} to {:.0f}", argument, value, low, option.high);
    member = value;
  } else if constexpr (std::is_same_v<Member, bool>) {
    member = given.template get<bool>(argument);
  } else {
    member = parse_name<Member>(given.template get<std::string>(argument), argument);
  }
}

/// One layer of lior.nn.Layer: of either type of numbers when it is first asked for.
class Layer {
 public:
  /// options: Keywords, or Options of an operation.
  template <class Given>
  Layer(const std::string& kind, Index d_model, Index layers, const Given& options) : kind_(kind) {
    LIOR_CHECK(d_model >= 1, "d_model is {}; expected at least 1", d_model);
    LIOR_CHECK(layers >= 1, "layers is {}; expected at least 1", layers);
    config_.d_model = d_model;
    config_.layers = layers;
    check_config(config_);  // sizes that cannot be counted, before they are multiplied
    config_.mlp_hidden = 4 * d_model;
    std::string names;
    Index used = 0;
    nn::visit_layer_options(config_, [&](const nn::LayerOption& option, auto& member) {
      if (!option.belongs_to(kind_)) return;
      const std::string argument(option.name);
      names += (names.empty() ? "" : ", ") + argument;
      if (!options.contains(argument)) return;
      set_option(option, options, member);
      ++used;
    });
    block<float>();  // what cannot be is said here
    for (const std::string& argument : options.names()) {
      if (used == static_cast<Index>(options.size())) break;
      LIOR_CHECK((", " + names + ", ").find(", " + argument + ", ") != std::string::npos,
                 "layers of kind {} have no option '{}'; they have: {}", kind_, argument, names);
    }
    check_config(config_);
  }

  const std::string& kind() const { return kind_; }
  Index d_model() const { return config_.d_model; }
  Index layers() const { return config_.layers; }
  NamedValues options() const;

  template <class T>
  Block<T>& block() {
    auto& held = std::get<std::optional<Block<T>>>(blocks_);
    if (!held) held.emplace(kind_, config_);
    return *held;
  }
  /// Whether its first state is learned; the inner passes do not see that parameter.
  bool has_initial() {
    const auto& all = block<float>().layout.parameters();
    return std::any_of(all.begin(), all.end(),
                       [](const nn::Parameter& p) { return p.name == "initial"; });
  }
  /// A layer works in tables of its own: one call at a time.
  std::mutex& mutex() { return mutex_; }

 private:
  /// Refuses what a model would also refuse.
  void check_config(nn::ModelConfig config) const {
    config.attention_window = std::max<Index>(config.attention_window, 1);
    nn::check_config(config);
  }

  std::string kind_;
  nn::ModelConfig config_;
  std::tuple<std::optional<Block<float>>, std::optional<Block<double>>> blocks_;
  std::mutex mutex_;
};

/// An array, and gradients by name.
using ArrayAndGradients = nb::typed<nb::tuple, NumPy, NamedArrays>;

/// out (B, N, D) and what layer_backward needs, from x (B, N, D). state: (B, state_size), read and
/// written; None: the initial one.
Pair layer_forward(Layer& self, const NamedArguments& parameters, const Argument& x,
                   const Output& state, const Outputs& out);
/// dx and the gradients by name, from d_out at layer_forward's x. d_state, where that had a state:
/// the gradient of the last one in, of the first out.
ArrayAndGradients layer_backward(Layer& self, const NamedArguments& parameters, const Argument& x,
                                 const Argument& saved, const Argument& d_out,
                                 const Output& d_state, const Outputs& out);
/// out alone: nothing is kept for a way back. state: as of layer_forward.
NumPy layer_run(Layer& self, const NamedArguments& parameters, const Argument& x,
                const Output& state, const Outputs& out);
/// The state before the first token, (batch, state_size).
NumPy layer_initial_state(Layer& self, Index batch, const NamedArguments& parameters,
                          const std::string& dtype, const Outputs& out);

/// The layers among the operations.
void define_layer_operations();

}  // namespace lior::python
