// SPDX-License-Identifier: Apache-2.0
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <mutex>
#include <numbers>

#include "bindings.h"
#include "lior/core/text.h"
#include "lior/core/timer.h"
#include "lior/linalg/gemm.h"
#include "lior/nn/stretch.h"
#include "lior/train/checkpoint.h"
#include "lior/train/crystallise.h"
#include "lior/train/evaluate.h"
#include "lior/train/generate.h"
#include "representation.h"
#include "signal_watch.h"
#include "train.h"

namespace lior::python {
namespace {

using nn::LossResult;
using train::Config;

/// Lengths of packed sequences, in the one row of a call; or none: each row is a sequence.
class Lengths {
 public:
  /// Of a call that has read its tokens [B, N].
  Lengths(Call& call, const Argument& given) {
    if (given.is_none()) return;
    const auto numbers = call.integers("lengths", given, {'S'});
    LIOR_CHECK(!numbers.empty(), "lengths are empty; expected the length of each sequence");
    lengths_.assign(numbers.begin(), numbers.end());
    // Before memory is planned for as many tokens as they say.
    const Index rows = nn::Sequences::packed(lengths_).rows();
    LIOR_CHECK(call['B'] == 1 && rows == call['N'],
               "lengths are of {} tokens in one row; tokens is [{}, {}]", rows, call['B'],
               call['N']);
  }

  std::span<const Index> span() const { return lengths_; }
  Index sequences(Call& call) const { return lengths_.empty() ? call['B'] : std::ssize(lengths_); }

 private:
  std::vector<Index> lengths_;
};

/// nn::Model<float>, one call at a time.
class Model {
 public:
  /// Products as in the program: bfloat16 where it is asked for and the processor has it.
  explicit Model(const Config& config) : model_(config.model) {
    if (linalg::bf16_is_native()) model_.set_precision(config.dtype);
  }
  explicit Model(nn::Model<float> model) : model_(std::move(model)) {}
  Model(Model&& other) noexcept : model_(std::move(other.model_)) {}

  nn::Model<float>& get() { return model_; }
  std::mutex& mutex() { return mutex_; }

  void initialize(std::uint64_t seed) { model_.initialize(seed); }

  NumPy initial_state(Index batch) {
    Call call;
    const auto state = call.out<float>({batch, model_.state_size()});
    return call.run([&] { model_.initial_state(state); });
  }

  NumPy logits(const Argument& tokens, const Output& state, const Argument& given,
               const Outputs& out) {
    Call call(out);
    const auto input = call.integers("tokens", tokens, {'B', 'N'});
    const Lengths lengths(call, given);
    const Index sequences = lengths.sequences(call);
    const auto start = state_of(call, state, sequences);
    const auto scores = call.out<float>({sequences, model_.config().classes});
    return call.run_watched([&] {
      in_arena(input, lengths, start, [&](View<float, 2> h, Arena& arena) {
        model_.logits(input, h, scores, arena, lengths.span());
      });
    });
  }

  LossResult evaluate(const Argument& tokens, const Argument& targets, const Output& state,
                      const Argument& given) {
    Call call;
    const auto input = call.integers("tokens", tokens, {'B', 'N'});
    const auto wanted = call.integers("targets", targets, {'B', 'N'});
    const Lengths lengths(call, given);
    const auto start = state_of(call, state, lengths.sequences(call));
    LossResult result;
    call.run_watched([&] {
      in_arena(input, lengths, start, [&](View<float, 2> h, Arena& arena) {
        result = model_.evaluate(input, wanted, h, arena, {}, comm::alone(), lengths.span());
      });
    });
    return result;
  }

  LossResult loss_and_gradients(const Argument& tokens, const Argument& targets,
                                const Argument& places, const Argument& given) {
    Call call;
    const auto input = call.integers("tokens", tokens, {'B', 'N'});
    const auto wanted = call.integers("targets", targets, {'B', 'N'});
    const Lengths lengths(call, given);
    const auto begins = call.in_or_none<Index>("places", places, {lengths.sequences(call)});
    LossResult result;
    call.run_watched([&] {
      const std::lock_guard lock(mutex_);
      const std::size_t bytes = lengths.span().empty()
                                    ? model_.training_bytes(input.extent(0), input.extent(1))
                                    : model_.training_bytes(lengths.span());
      result = model_.loss_and_gradients(input, wanted, arena(bytes), begins.span(), 0,
                                         comm::alone(), lengths.span());
    });
    return result;
  }

  std::optional<Counts> counts() const {
    if (model_.counts() == nullptr) return {};
    return Counts{model_.counts(), model_.config().vocabulary};
  }
  void set_counts(const Counts& counts) {
    LIOR_CHECK(counts.vocabulary == model_.config().vocabulary,
               "counts are of {} different tokens; the model has {}", counts.vocabulary,
               model_.config().vocabulary);
    const std::lock_guard lock(mutex_);
    model_.set_counts(counts.shared);
  }

 private:
  /// The caller's state, or an empty view for None: the state before the first token.
  View<float, 2> state_of(Call& call, const Output& state, Index sequences) {
    if (state.object.is_none()) return {nullptr, {sequences, 0}};
    return call.state<float>("state", state, {sequences, model_.state_size()});
  }

  template <class Body>
  void in_arena(View<const std::int32_t, 2> tokens, const Lengths& lengths, View<float, 2> state,
                Body&& body) {
    const std::lock_guard lock(mutex_);
    const std::size_t bytes = lengths.span().empty()
                                  ? model_.inference_bytes(tokens.extent(0), tokens.extent(1))
                                  : model_.inference_bytes(lengths.span());
    Array<float, 2> initial({state.empty() ? state.extent(0) : 0, model_.state_size()});
    if (state.empty()) {
      state = initial.view();
      model_.initial_state(state);
    }
    body(state, arena(bytes));
  }

  /// An arena of at least so many bytes, kept for the next call.
  Arena& arena(std::size_t bytes) {
    if (!arena_ || arena_->capacity() < bytes) arena_.emplace(bytes);
    arena_->reset();
    return *arena_;
  }

  nn::Model<float> model_;
  std::mutex mutex_;
  std::optional<Arena> arena_;
};

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

/// (begin, end, targets, correct) of each bin.
nb::list position_table(const std::vector<train::PositionBin>& bins) {
  nb::list rows;
  for (const train::PositionBin& bin : bins) {
    rows.append(nb::make_tuple(bin.begin, bin.end, bin.targets, bin.correct));
  }
  return rows;
}

NamedValues evaluate(Model& model, const Data& data, const std::string& split, Index count,
                     Index length, std::uint64_t seed, Index batch, bool by_position) {
  const auto part = parse_name<train::Part>(split, "split");
  LIOR_CHECK(count >= 1 && length >= 1 && batch >= 1,
             "count, length and batch are {}, {} and {}; expected at least 1", count, length,
             batch);
  constexpr Index kWindow = 256;
  train::EvalResult result;
  const Timer timer;
  Index read_length = 0;
  Call().run_watched([&] {
    const std::lock_guard lock(model.mutex());
    const auto stream = data.source->evaluation(part, seed, count, length, batch);
    read_length = stream->length();
    result = train::Evaluator(model.get(), std::min(batch, count), std::min(length, kWindow))
                 .run(*stream);
  });
  nb::dict facts;
  facts["loss"] = result.loss;
  const std::optional<double> nats = result.nats_per_byte();
  facts["bits_per_byte"] = nats ? std::optional(*nats / std::numbers::ln2) : std::nullopt;
  facts["nats_per_byte"] = nats;
  facts["accuracy"] = result.accuracy;
  facts["accuracy_last"] = result.accuracy_last;
  facts["tokens"] = result.tokens;
  facts["seconds"] = timer.seconds();
  facts["length"] = read_length;
  facts["sequences"] = result.sequences;
  facts["wrong"] = result.wrong;
  facts["exact"] = result.exact;
  facts["accuracy_low"] = result.interval.low;
  facts["accuracy_high"] = result.interval.high;
  if (by_position) facts["by_position"] = position_table(result.by_position);
  return facts;
}

NamedValues crystallise(Model& model) {
  train::Crystal crystal;
  Call().run_watched([&] {
    const std::lock_guard lock(model.mutex());
    crystal = train::crystallise(model.get());
  });
  const auto& [states, letters, start, next, output] = crystal.automaton;
  nb::list heads;
  for (const train::HeadDeviation& head : crystal.heads) {
    heads.append(nb::make_tuple(head.before, head.exact, head.after, head.used));
  }
  nb::dict facts;
  facts["states"] = states;
  facts["tokens"] = letters;
  facts["start"] = start;
  facts["next"] = next;
  facts["output"] = output;
  facts["agreement"] = crystal.agreement;
  facts["rounds"] = crystal.rounds;
  facts["heads"] = heads;
  facts["taught"] = crystal.taught;
  facts["margin"] = crystal.margin;
  facts["checked"] = crystal.checked;
  return facts;
}

/// One text that goes on, with the model's mutex held while it reads.
class Generator {
 public:
  Generator(Model& model, const train::Sampling& sampling, std::uint64_t seed)
      : model_(model), generator_(model.get(), sampling, seed) {}

  void read(const Argument& tokens) {
    Call call;
    const auto input = call.integers("tokens", tokens, {'N'});
    for (const std::int32_t token : input) {
      LIOR_CHECK(token >= 0 && token < model_.get().config().vocabulary,
                 "tokens hold {}; expected 0 to {}", token, model_.get().config().vocabulary - 1);
    }
    SignalWatch signals;
    call.run([&] {
      const std::lock_guard lock(model_.mutex());
      std::span<const std::int32_t> rest = input.span();
      while (!rest.empty() && !signals.raised()) {
        const std::size_t count = std::min<std::size_t>(rest.size(), train::Generator::kWindow);
        generator_.read(rest.first(count));
        rest = rest.subspan(count);
      }
    });
    signals.rethrow();
  }
  std::int32_t next() {
    std::int32_t token = 0;
    Call().run([&] {
      const std::lock_guard lock(model_.mutex());
      token = generator_.next();
    });
    return token;
  }

 private:
  Model& model_;
  train::Generator generator_;
};

nb::typed<nb::tuple, Config, Model> load_model(const std::filesystem::path& folder,
                                               const std::string& weights) {
  train::TrainedModel trained =
      train::load_model(folder, parse_name<train::Weights>(weights, "weights"));
  return nb::make_tuple(std::move(trained.config), Model(std::move(trained.model)));
}

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

void bind_runs(nb::module_& m) {
  m.def(
      "evaluate", &evaluate, "model"_a, "data"_a, nb::kw_only(), "split"_a = "val", "count"_a = 256,
      "length"_a = 256, "seed"_a = 1, "batch"_a = 64, "by_position"_a = false,
      R"(A dict as `lior eval` prints it: loss (nats a target), bits_per_byte and nats_per_byte (of
a text, else None), accuracy, accuracy_last, tokens, seconds, length; sequences, wrong positions, exact (sequences without
one), and accuracy_low and accuracy_high, its 95 % interval where each sequence is one draw. Of count
sequences of a length; of a text, its held-out tail (split='val') or all. by_position: also a list of
(begin, end, targets, correct), at most 1024 bins of positions.)");
  m.def(
      "crystallise", &crystallise, "model"_a,
      R"(Makes a model that nearly tracks a finite automaton track it exactly, as `lior crystallise`: its
parameters are changed. A dict: the automaton (states, tokens, start, next: states x tokens numbers row by
row, output of each state), agreement of the model's outputs with it before, rounds, taught (whether exact states were misread, and what reads them was trained), margin,
checked, and of each head (deviation before, of the exact turns in double, in the float32 weights, whether it is used).
RunError that says why where it cannot be; the model then stays as it was.)");
  m.def(
      "load_model", &load_model, "folder"_a, "weights"_a = "best",
      R"((config, model) of a run's folder. weights: "best", those of the best val where a run on a text
has them, or "last". Error that names the file that is missing or damaged.)");
}

void bind_generator(nb::module_& m) {
  nb::class_<Generator>(m, "Generator", "A text that goes on, in memory that does not grow.")
      .def(
          "__init__",
          [](Generator* self, Model& model, double temperature, Index top_k, double top_p,
             double min_p, double repetition_penalty, std::uint64_t seed) {
            new (self) Generator(model,
                                 {.temperature = temperature,
                                  .top_k = top_k,
                                  .top_p = top_p,
                                  .min_p = min_p,
                                  .repetition_penalty = repetition_penalty},
                                 seed);
          },
          "model"_a, nb::kw_only(), "temperature"_a = 0.8, "top_k"_a = 0, "top_p"_a = 1.0,
          "min_p"_a = 0.0, "repetition_penalty"_a = 1.0, "seed"_a = 0, nb::keep_alive<1, 2>(),
          R"(temperature: 0 is the likeliest; top_k: only so many (0: all); min_p: only those at least so
many times as likely as the likeliest; top_p: only the likeliest that hold so much;
repetition_penalty: above 1, tokens of the last 64 are less likely.)")
      .def("read", &Generator::read, "tokens"_a,
           "Takes in tokens: (N,) integers. Ctrl-C ends it between windows of 256.")
      .def("next", &Generator::next,
           "Draws a token from the scores after all so far, takes it in.");
}

}  // namespace

void bind_train(nb::module_& m) {
  bind_config(m);
  bind_counts(m);
  bind_model(m);
  bind_train_data(m);
  bind_training(m);
  bind_runs(m);
  bind_generator(m);
}

}  // namespace lior::python
