// SPDX-License-Identifier: Apache-2.0
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <mutex>

#include "bindings.h"
#include "lior/core/text.h"
#include "lior/train/checkpoint.h"
#include "model.h"
#include "representation.h"
#include "train.h"

namespace lior::python {
namespace {

using nn::LossResult;
using train::Config;

/// name -> a view of its part of the flat buffer, of those that lie in it.
NamedArrays arrays_of(nb::handle self, std::span<float> numbers) {
  auto& model = nb::cast<Model&>(self);
  nb::dict arrays;
  for (const nn::Parameter& parameter : model.get().parameters()) {
    if (parameter.offset >= std::ssize(numbers)) break;
    const std::vector<std::size_t> shape(parameter.shape.begin(), parameter.shape.end());
    arrays[parameter.name.c_str()] = nb::cast(nb::ndarray<nb::numpy, float>(
        numbers.data() + parameter.offset, shape.size(), shape.data(), self));
  }
  return arrays;
}

/// name -> (rows, gradients of these rows), copies.
nb::typed<nb::dict, nb::str, Pair> row_gradients_of(Model& model) {
  nb::dict arrays;
  for (const nn::RowGradient<float>& table : model.get().row_gradients()) {
    Call call;
    const auto rows = call.out<std::int32_t>({std::ssize(table.rows)});
    const auto values = call.out<float>({table.values.extent(0), table.values.extent(1)});
    const Pair pair = call.run([&] {
      const std::lock_guard lock(model.mutex());
      std::copy(table.rows.begin(), table.rows.end(), rows.data());
      std::copy_n(table.values.data(), table.values.size(), values.data());
    });
    arrays[model.get().parameters()[table.parameter].name.c_str()] = pair;
  }
  return arrays;
}

/// A Python value as a setting's.
settings::Setting setting_of(nb::handle key, nb::handle value) {
  settings::Setting setting{
      .key = text_of("a setting's name", key), .value = false, .where = "config"};
  if (nb::isinstance<nb::bool_>(value)) {
    setting.value = nb::cast<bool>(value);
  } else if (nb::isinstance<nb::int_>(value)) {
    int overflow = 0;
    const long long number = PyLong_AsLongLongAndOverflow(value.ptr(), &overflow);
    setting.value = Index{number};
    if (overflow != 0) setting.value = settings::OtherValue{"an integer past 64 bits"};
  } else if (nb::isinstance<nb::float_>(value)) {
    setting.value = nb::cast<double>(value);
  } else if (nb::isinstance<nb::str>(value)) {
    setting.value = text_of(setting.key.c_str(), value);
  } else {
    setting.value = settings::OtherValue{"a " + nb::cast<std::string>(nb::inst_name(value))};
  }
  return setting;
}

Config config_of(const NamedValues& settings) {
  std::vector<settings::Setting> list;
  for (const auto& [key, value] : settings) list.push_back(setting_of(key, value));
  return train::new_config(list);
}

/// The optimiser of a model, whose mutex guards both.
class Optimizer {
 public:
  Optimizer(const Config& config, Model& model)
      : model_(model), optimizer_(config.optimizer, train::tensors_of(model.get().parameters())) {}

  double measure() {
    double norm = 0;
    Call().run([&] {
      const std::lock_guard lock(model_.mutex());
      norm = optimizer_.measure(model_.get().gradients(), model_.get().row_gradients());
    });
    return norm;
  }
  void step(double rate, double clip) {
    Call().run([&] {
      const std::lock_guard lock(model_.mutex());
      optimizer_.step(rate, clip, model_.get().values(), model_.get().gradients(),
                      model_.get().row_gradients());
    });
  }
  Index steps() const { return optimizer_.steps(); }

 private:
  Model& model_;
  train::Optimizer<float> optimizer_;
};

void bind_config(nb::module_& m) {
  nb::class_<Config>(m, "Config",
                     "The settings of a run, checked; a run's config.json lists every key.")
      .def(
          "__init__",
          [](Config* self, const NamedValues& settings) { new (self) Config(config_of(settings)); },
          "settings"_a,
          R"(settings: a dict such as {"data": "builtin:a5", "preset": "tiny", "model.heads": 4}; what is
left out is the preset's. Error on an unknown key, a wrong type, a value out of bounds.)")
      .def_static("read", &train::read_config, "path"_a, "From a run's config.json.")
      .def(
          "write",
          [](const Config& config, const std::filesystem::path& path) {
            train::write_config(config, path);
          },
          "path"_a)
      .def_prop_ro(
          "json", [](Config config) { return settings::to_json(train::fields(config)); },
          "Every setting, the text of config.json.")
      .def_ro("data", &Config::data)
      .def_ro("tokenizer", &Config::tokenizer)
      .def_ro("pattern", &Config::pattern)
      .def_ro("field", &Config::field)
      .def_ro("separator", &Config::separator)
      .def_ro("seed", &Config::seed)
      .def_ro("threads", &Config::threads)
      .def_ro("batch", &Config::batch)
      .def_ro("length", &Config::length)
      .def_ro("steps", &Config::steps)
      .def_ro("minutes", &Config::minutes)
      .def_ro("val_fraction", &Config::val_fraction)
      .def_ro("count_tokens", &Config::count_tokens)
      .def_ro("lr", &Config::lr)
      .def_ro("clip", &Config::clip)
      .def(
          "fit",
          [](Config& config, const Data& data) {
            config.model.vocabulary = data.source->vocabulary();
            config.model.classes = data.source->classes();
          },
          "data"_a, "Takes the model's vocabulary and classes from the data.")
      .def("__repr__", [](const Config& c) {
        return fmt::format("Config(data='{}', batch={}, length={}, lr={}, seed={})", shown(c.data),
                           c.batch, c.length, c.lr, c.seed);
      });
}

void bind_model(nb::module_& m) {
  nb::class_<LossResult>(m, "LossResult", "Sums over the targets of one call.")
      .def_ro("loss_sum", &LossResult::loss_sum, "-ln p(target), nats.")
      .def_ro("targets", &LossResult::targets)
      .def_ro("correct", &LossResult::correct)
      .def_ro("last_targets", &LossResult::last_targets, "At last positions of sequences.")
      .def_ro("last_correct", &LossResult::last_correct)
      .def_prop_ro(
          "loss", [](const LossResult& r) { return r.loss_sum / static_cast<double>(r.targets); },
          "Mean, nats a target.")
      .def("__repr__", [](const LossResult& r) {
        return fmt::format("LossResult(loss={:.6g}, targets={}, correct={})",
                           r.loss_sum / static_cast<double>(r.targets), r.targets, r.correct);
      });

  nb::class_<Model>(m, "Model", R"(A sequence model: tokens in, scores of classes out, float32.

Between calls stands a state of constant size. Bit-equal for equal thread counts and SIMD levels.)")
      .def(nb::init<const Config&>(), "config"_a, "Zeros; see initialize.")
      .def("initialize", &Model::initialize, "seed"_a, "Start values, of the seed alone.")
      .def("__repr__", shows({"vocabulary", "classes", "state_size"}))
      .def_prop_ro("vocabulary", [](Model& m) { return m.get().config().vocabulary; })
      .def_prop_ro("classes", [](Model& m) { return m.get().config().classes; })
      .def_prop_ro("state_size", [](Model& m) { return m.get().state_size(); })
      .def_prop_ro(
          "parameters",
          [](nb::handle self) { return arrays_of(self, nb::cast<Model&>(self).get().values()); },
          "name -> the array itself: what is written into it, the model has.")
      .def_prop_ro(
          "gradients",
          [](nb::handle self) { return arrays_of(self, nb::cast<Model&>(self).get().gradients()); },
          "name -> the array that loss_and_gradients writes; n-gram tables have row_gradients.")
      .def_prop_ro(
          "row_gradients", &row_gradients_of,
          "name -> (rows (n,), gradients (n, d_model)) of each n-gram table; other rows have none.")
      .def_prop_rw("counts", &Model::counts, &Model::set_counts,
                   "Of a text, which a model with count_orders predicts by; None: not set.")
      .def("initial_state", &Model::initial_state, "batch"_a,
           "(B, state_size): before the first token.")
      .def("logits", &Model::logits, "tokens"_a, "state"_a.none() = nb::none(), nb::kw_only(),
           "lengths"_a.none() = nb::none(), "out"_a = nb::none(),
           R"(Scores after the last token (B, classes) of tokens: (B, N) integers, from `state` (B,
state_size) float32, which is updated in place, or from the start (None). lengths: of sequences that lie
one behind another in the one row of tokens (1, R), R in all; each is scored as if it were alone, and
scores and states have a row for each.)")
      .def("evaluate", &Model::evaluate, "tokens"_a, "targets"_a, "state"_a.none() = nb::none(),
           nb::kw_only(), "lengths"_a.none() = nb::none(),
           "The loss of tokens, targets: (B, N) integers, from `state`; state and lengths as in "
           "logits.")
      .def(
          "loss_and_gradients", &Model::loss_and_gradients, "tokens"_a, "targets"_a,
          "places"_a.none() = nb::none(), nb::kw_only(), "lengths"_a.none() = nb::none(),
          R"(The loss of tokens, targets: (B, N) integers (targets < 0 do not count) from the start;
`gradients` then hold those of its mean. lengths: as in logits. places (B,), or a row for each length: of
a model with counts, as Data.training_places gives them. Ctrl-C ends it within a moment; they then hold nothing.)");
}

void bind_training(nb::module_& m) {
  nb::class_<Optimizer>(m, "Optimizer", R"(AdamW or the LIoR optimiser, as the configuration says.

measure() reads the gradients that the model holds; step(rate, clip) updates its parameters.)")
      .def(nb::init<const Config&, Model&>(), "config"_a, "model"_a, nb::keep_alive<1, 3>())
      .def("__repr__", shows({"steps"}))
      .def("measure", &Optimizer::measure, "|g| over all parameters.")
      .def("step", &Optimizer::step, "rate"_a, "clip"_a = 1.0,
           "The update by `clip` times the gradients just measured.")
      .def_prop_ro("steps", &Optimizer::steps);

  nb::class_<train::Curriculum>(m, "Curriculum",
                                "Lengths that double, each until its batches are learnt.")
      .def(
          "__init__",
          [](train::Curriculum* self, const Config& config, const Data& data) {
            new (self)
                train::Curriculum(config.curriculum, data.source->shortest_length(), config.length);
          },
          "config"_a, "data"_a)
      .def("__repr__", shows({"length", "finished", "over_generators"}))
      .def_prop_ro("length", &train::Curriculum::length)
      .def_prop_ro("finished", &train::Curriculum::finished)
      .def_prop_ro("over_generators", &train::Curriculum::over_generators,
                   "Whether sequences are still made of generators alone.")
      .def("batch", &train::Curriculum::batch, "batch"_a, "length"_a,
           "Sequences of a step at `length`, for `batch` at the full one.")
      .def("observe", &train::Curriculum::observe, "accuracy"_a, "Takes in one batch's accuracy.");

  m.def(
      "schedule_factor",
      [](const Config& config, double progress) {
        return train::schedule_factor(config.schedule, progress);
      },
      "config"_a, "progress"_a,
      "Of the learning rate, at `progress` in [0, 1]: a rise, then half a cosine.");
}

}  // namespace

void bind_train(nb::module_& m) {
  bind_config(m);
  bind_counts(m);
  bind_model(m);
  bind_train_data(m);
  bind_training(m);
  bind_train_runs(m);
}

}  // namespace lior::python