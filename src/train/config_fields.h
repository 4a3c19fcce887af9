#pragma once
// The one list of settings: keys, members, bounds. Reading, writing and comparing all walk it.

#include <array>
#include <limits>
#include <string_view>

#include "lior/nn/short_convolution.h"
#include "lior/train/config.h"

namespace lior::train {

/// The values a number may take, ends included; `above`: its lower end excluded.
struct Bounds {
  double low, high;
  bool above = false;
};

inline constexpr double kMost = std::numeric_limits<double>::infinity();
inline constexpr Bounds kAnySize{1, 1 << 20}, kFraction{0, 1}, kPositive{0, kMost, true},
    kNotNegative{0, kMost};
inline constexpr Bounds kCount{1, 1e15}, kCountOrNone{0, 1e15};

template <class E>
inline constexpr std::array<std::string_view, 0> kEnumNames{};
template <>
inline constexpr std::array<std::string_view, 2> kEnumNames<Method> = {"adamw", "lior"};
template <>
inline constexpr std::array<std::string_view, 2> kEnumNames<LiorForm> = {"exact", "compat"};
template <>
inline constexpr std::array<std::string_view, 2> kEnumNames<linalg::Precision> = {"float32",
                                                                                  "bfloat16"};
template <>
inline constexpr std::array<std::string_view, 3> kEnumNames<algebra::Transition> = {"right", "left",
                                                                                    "two_sided"};
template <>
inline constexpr std::array<std::string_view, 4> kEnumNames<nn::Readout> = {
    "linear", "quadratic", "linear_quadratic", "invariants"};

template <>
inline constexpr std::array<std::string_view, 4> kEnumNames<nn::Mixer> = {
    "geometric_mamba", "causal_field", "geometric_attention", "attention"};

template <class T>
inline constexpr bool kIsList = false;
template <class E>
inline constexpr bool kIsList<std::vector<E>> = true;

/// "geometric_mamba, attention": a list as files and messages have it.
template <class E>
std::string list_text(const std::vector<E>& list) {
  std::string text;
  for (const E entry : list) {
    text += text.empty() ? "" : ", ";
    text += kEnumNames<E>[static_cast<std::size_t>(entry)];
  }
  return text;
}

/// visitor(key, member) or, for numbers, visitor(key, member, bounds).
template <class C, class Visitor>
void visit_fields(C& c, Visitor&& visitor) {
  visitor("preset", c.preset);
  visitor("data", c.data);
  visitor("seed", c.seed, kCountOrNone);
  visitor("threads", c.threads, Bounds{1, 4096});
  visitor("batch", c.batch, kAnySize);
  visitor("length", c.length, Bounds{1, 1 << 24});
  visitor("steps", c.steps, kCount);
  visitor("minutes", c.minutes, kPositive);
  visitor("memory_budget", c.memory_budget);
  visitor("save_every", c.save_every, kCount);
  visitor("log_every", c.log_every, kCount);
  visitor("eval_every", c.eval_every, kCount);
  visitor("eval_count", c.eval_count, kAnySize);
  visitor("val_fraction", c.val_fraction, Bounds{0, 0.9});
  visitor("dtype", c.dtype);
  visitor("lr", c.lr, kPositive);
  visitor("clip", c.clip, kNotNegative);
  visitor("optimizer", c.optimizer.method);

  visitor("adamw.beta1", c.optimizer.beta1, Bounds{0, 0.999999});
  visitor("adamw.beta2", c.optimizer.beta2, Bounds{0, 0.999999});
  visitor("adamw.epsilon", c.optimizer.epsilon, kPositive);
  visitor("adamw.weight_decay", c.optimizer.weight_decay, kNotNegative);
  visitor("lior.form", c.optimizer.form);
  visitor("lior.power", c.optimizer.power, Bounds{1, 2});
  visitor("lior.kappa", c.optimizer.kappa, kPositive);
  visitor("schedule.warmup", c.schedule.warmup, kFraction);
  visitor("schedule.floor", c.schedule.floor, kFraction);
  visitor("curriculum.start", c.curriculum.start, kCountOrNone);
  visitor("curriculum.batch", c.curriculum.batch, Bounds{0, 1 << 20});
  visitor("curriculum.accuracy", c.curriculum.accuracy, kFraction);
  visitor("curriculum.patience", c.curriculum.patience, kCount);
  visitor("curriculum.generators", c.curriculum.generators, kCountOrNone);
  visitor("curriculum.finish", c.curriculum.finish, kCountOrNone);

  visitor("model.vocabulary", c.model.vocabulary, Bounds{0, 1 << 20});
  visitor("model.classes", c.model.classes, Bounds{0, 1 << 20});
  visitor("model.d_model", c.model.d_model, Bounds{1, 1 << 16});
  visitor("model.layers", c.model.layers, Bounds{1, 1024});
  visitor("model.convolution", c.model.convolution, Bounds{0, nn::kMostTaps});
  visitor("model.mlp_hidden", c.model.mlp_hidden, Bounds{0, 1 << 18});
  visitor("model.tied", c.model.tied);
  visitor("model.mixers", c.model.mixers);
  visitor("model.causal_field_heads", c.model.causal_field_heads, Bounds{1, 1 << 14});
  visitor("model.geometric_attention_heads", c.model.geometric_attention_heads, Bounds{1, 1 << 14});
  visitor("model.attention_heads", c.model.attention_heads, Bounds{1, 1 << 14});
  visitor("model.attention_window", c.model.attention_window, Bounds{1, 1 << 22});
  visitor("model.heads", c.model.mixer.heads, Bounds{1, 1 << 14});
  visitor("model.factors", c.model.mixer.factors, Bounds{1, 8});
  visitor("model.transition", c.model.mixer.transition);
  visitor("model.complex_state", c.model.mixer.complex_state);
  visitor("model.gates", c.model.mixer.gates);
  visitor("model.phase", c.model.mixer.phase);
  visitor("model.rotation", c.model.mixer.rotation);
  visitor("model.readout", c.model.mixer.readout);
}

}  // namespace lior::train
