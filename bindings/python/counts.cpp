// SPDX-License-Identifier: Apache-2.0
#include "lior/train/text_counts.h"

#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/string.h>

#include "bindings.h"
#include "lior/nn/count_scores.h"
#include "train.h"
#include "workspace.h"

namespace lior::python {
namespace {

void count(Counts* self, const Data& data, Index longest, Index count_tokens) {
  nn::Counts none(longest);
  nn::TextCounts counts;
  SignalWatch signals;
  Call().run([&] {
    LIOR_CHECK(data.source->text() != nullptr, "data is a task; expected a text, which is counted");
    LIOR_CHECK(count_tokens >= 0, "count_tokens is {}; expected tokens to count, or 0 for all",
               count_tokens);
    counts = train::count_text(*data.source, std::move(none), {.tokens = count_tokens},
                               [&] { return signals.raised(); });
  });
  signals.rethrow();
  new (self) Counts{std::make_shared<nn::TextCounts>(std::move(counts)), data.source->vocabulary()};
}

Counts read(const std::filesystem::path& folder, Index longest, Index vocabulary) {
  nn::TextCounts counts;
  Call().run([&] { counts.all = train::load_counts(folder, longest, vocabulary); });
  return {std::make_shared<nn::TextCounts>(std::move(counts)), vocabulary};
}

Pair logarithms(const Counts& self, const Argument& tokens, const Argument& history,
                const Argument& places, Index recent_orders, Index recent_window,
                const std::string& dtype, const Outputs& out) {
  return for_dtype(dtype, [&]<class T>() {
    Call call(out);
    const auto input = call.integers("tokens", tokens, {'B', 'N'});
    for (const std::int32_t token : input) {
      LIOR_CHECK(token >= 0 && token < self.vocabulary, "tokens hold {}; expected 0 to {}", token,
                 self.vocabulary - 1);
    }
    nn::CountedRows<T> rows{.tokens = input};
    if (!history.is_none()) rows.history = call.in<T>("history", history, {'B', 'H'});
    const auto begins = call.in_or_none<Index>("places", places, {'B'});
    LIOR_CHECK(begins.empty() || !self.shared->lost.empty(),
               "places are of a text whose parts are counted apart; these counts were read from a "
               "file, which has no parts");
    rows.places = begins.span();
    LIOR_CHECK(recent_orders >= 0 && recent_orders <= nn::kLongestContext,
               "recent_orders is {}; expected 0 to {}", recent_orders, nn::kLongestContext);
    LIOR_CHECK(recent_window >= 0 && recent_window <= nn::kMostWindow,
               "recent_window is {}; expected 0 to {}", recent_window, nn::kMostWindow);
    rows.window = recent_window;
    const Index L = self.longest() + recent_orders;
    const auto values = call.out<T>({'B', 'N', L, self.vocabulary});
    const auto sure_rows = call.out<std::int32_t>({'B', 'N', 2 * L});
    return Pair(call.run_watched([&] {
      with_arena([&](Arena& arena) {
        nn::count_logarithms<T>(*self.shared, rows,
                                values.template reshaped<3>({input.size(), L, self.vocabulary}),
                                sure_rows.template reshaped<2>({input.size(), 2 * L}), arena);
      });
    }));
  });
}

}  // namespace

void bind_counts(nb::module_& m) {
  nb::class_<Counts>(
      m, "Counts", nb::is_weak_referenceable(),
      R"(Which tokens followed which in a text (docs/math/conventions.md, section 11.7).

What a model with model.count_orders needs beside its parameters. They do not change; a pickle has no parts.)")
      .def(
          "__init__", &count, "data"_a, "longest"_a, "count_tokens"_a = 0,
          R"(Of the training part of a text; longest: tokens in the longest contexts, 1 to 16; count_tokens: so many of
the text, spread over it evenly, or 0, all. Counts of each eighth of the text are kept apart, so that a model that learns from it sees counts of the rest.)")
      .def_static("read", &read, "folder"_a, "longest"_a, "vocabulary"_a,
                  "From a run's counts.safetensors. Error that says what does not fit.")
      .def(
          "write",
          [](const Counts& self, const std::filesystem::path& folder) {
            Call().run([&] { train::save_counts(folder, self.shared->all, self.vocabulary, 0); });
          },
          "folder"_a, "The folder's counts.safetensors, of no text that a run could resume with.")
      .def_prop_ro("longest", &Counts::longest)
      .def_prop_ro("vocabulary", [](const Counts& self) { return self.vocabulary; })
      .def_prop_ro(
          "has_parts", [](const Counts& self) { return !self.shared->lost.empty(); },
          "Whether logarithms can leave out the part of the text that is read.")
      .def(
          "logarithms", &logarithms, "tokens"_a, "history"_a.none() = nb::none(),
          "places"_a.none() = nb::none(), nb::kw_only(), "recent_orders"_a = 0,
          "recent_window"_a = 0, "dtype"_a = "float32", "out"_a = nb::none(),
          R"((ln p_n(v | what tokens[b, :i + 1] end with), n = 1 .. L: (B, N, L, vocabulary), L = longest + recent_orders,
the rows of `counts.sureness` that belong to how sure the counts are there: (B, N, 2 L) int32).
tokens: (B, N) integers; history: (B, H) of the dtype, x + 1 of the tokens before them, the latest last, 0:
none; places: (B,) int64, where in the counted text each row begins, so that the counts lack that part of it;
recent_orders, recent_window: the model's settings.)")
      .def("__copy__", [](nb::object self) { return self; })
      .def(
          "__deepcopy__", [](nb::object self, nb::handle) { return self; }, "memo"_a)
      .def("__repr__", [](const Counts& self) {
        return fmt::format("Counts(longest={}, vocabulary={})", self.longest(), self.vocabulary);
      });
}

}  // namespace lior::python
