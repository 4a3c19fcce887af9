// SPDX-License-Identifier: Apache-2.0
// What is done with a model that was trained.
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
#include "lior/train/checkpoint.h"
#include "lior/train/crystallise.h"
#include "lior/train/evaluate.h"
#include "lior/train/generate.h"
#include "lior/train/longer_words.h"
#include "lior/train/task.h"
#include "model.h"
#include "signal_watch.h"
#include "train.h"

namespace lior::python {
namespace {

using train::Config;

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

nb::dict learn_longer_words(Model& model, const std::string& task, Index trained_length,
                            std::uint64_t seed) {
  const train::Task found = train::task_of_data(task);
  LIOR_CHECK(found.problem != nullptr,
             "task: '{}' is no finite machine; 'lior help tasks' lists them", shown(task));
  train::LongerWords longer;
  Call().run_watched([&] {
    const std::lock_guard lock(model.mutex());
    longer = train::learn_longer_words(model.get(), found.problem->machine,
                                       {.trained_length = trained_length, .seed = seed});
  });
  nb::dict facts;
  facts["states"] = longer.automaton.states;
  facts["tokens"] = longer.automaton.letters;
  facts["agreement"] = longer.agreement;
  facts["length"] = longer.length;
  facts["asked"] = longer.asked;
  facts["wrong_before"] = longer.wrong_before;
  facts["wrong_after"] = longer.wrong_after;
  facts["steps"] = longer.steps;
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

void bind_functions(nb::module_& m) {
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
      "learn_longer_words", &learn_longer_words, "model"_a, "task"_a, nb::kw_only(),
      "trained_length"_a = 16, "seed"_a = 0,
      R"(Trains a model that cannot be exact on along words of 64 to 512 tokens of its own automaton, as
`lior crystallise`: its parameters are changed. task: "builtin:modular_arithmetic" or another finite machine, which says
which words come and where something is asked; its labels are not used. trained_length: of the words that the model was trained
along. A dict: states and tokens of the automaton, agreement of the model's outputs with it, length and asked (outputs) of
the fresh words that are judged by, wrong_before, wrong_after, and steps of training (0: none was wrong).
RunError that says why where its predictions are no automaton's, or nothing was gained; the model then stays as it was.)");
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

void bind_train_runs(nb::module_& m) {
  bind_functions(m);
  bind_generator(m);
}

}  // namespace lior::python
