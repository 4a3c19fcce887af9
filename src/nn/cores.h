// SPDX-License-Identifier: Apache-2.0
#pragma once
// The kinds of cores, by the files that hold them; mixers.cpp lists them.

#include <memory>

#include "lior/nn/config.h"
#include "lior/nn/core.h"

namespace lior::nn {

template <class T>
std::unique_ptr<Core<T>> geometric_mamba_core(const ModelConfig& config);
template <class T>
std::unique_ptr<Core<T>> causal_field_core(const ModelConfig& config);
template <class T>
std::unique_ptr<Core<T>> geometric_attention_core(const ModelConfig& config);
template <class T>
std::unique_ptr<Core<T>> attention_core(const ModelConfig& config);
template <class T>
std::unique_ptr<Core<T>> gated_linear_attention_core(const ModelConfig& config);
template <class T>
std::unique_ptr<Core<T>> swiglu_mlp_core(const ModelConfig& config);

/// In a core's file, at its end: its maker, for both types of numbers.
#define LIOR_CORE(function, Class)                                    \
  template <class T>                                                  \
  std::unique_ptr<Core<T>> function(const ModelConfig& config) {      \
    return std::make_unique<Class<T>>(config);                        \
  }                                                                   \
  template std::unique_ptr<Core<float>> function(const ModelConfig&); \
  template std::unique_ptr<Core<double>> function(const ModelConfig&)

}  // namespace lior::nn
