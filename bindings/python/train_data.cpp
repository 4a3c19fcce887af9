// SPDX-License-Identifier: Apache-2.0
// What a training reads: tokenizers, texts, tasks.
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "bindings.h"
#include "lior/train/byte_pairs.h"
#include "lior/train/source.h"
#include "lior/train/tokenizer_kinds.h"
#include "representation.h"
#include "signal_watch.h"
#include "train.h"

namespace lior::python {
namespace {

/// A tokenizer under its Python name.
struct Tokenizer {
  train::TokenizerPtr shared;
};

/// Of a Tokenizer, or of a name that needs no data.
train::TokenizerPtr tokenizer_of(nb::handle given) {
  if (nb::isinstance<Tokenizer>(given)) return nb::cast<Tokenizer&>(given).shared;
  return train::read_tokenizer(text_of("tokenizer", given), {});
}

/// Bytes, or a str as UTF-8.
std::string bytes_of(nb::handle text) {
  if (!nb::isinstance<nb::bytes>(text)) return text_of("text", text);
  const auto bytes = nb::borrow<nb::bytes>(text);
  return {bytes.c_str(), bytes.size()};
}

/// One name, a path, or a list of them.
std::string data_names(nb::handle given) {
  const nb::object path = nb::module_::import_("os").attr("fspath");
  const auto text = [&](nb::handle name) { return text_of("data", path(name)); };
  if (!nb::isinstance<nb::list>(given) && !nb::isinstance<nb::tuple>(given)) return text(given);
  std::vector<std::string> names;
  for (const nb::handle name : given) names.push_back(text(name));
  return train::join_names(names);
}

void open_data(Data* self, nb::handle name, double held_out, nb::handle tokenizer,
               const std::string& pattern, const std::string& field, const std::string& separator,
               const std::filesystem::path& cache) {
  train::DataChoice choice{.corpus = {.names = data_names(name),
                                      .pattern = pattern,
                                      .field = field,
                                      .separator = separator},
                           .held_out = held_out,
                           .cache = cache};
  if (nb::isinstance<Tokenizer>(tokenizer)) {
    choice.made = tokenizer_of(tokenizer);
  } else {
    choice.tokenizer = text_of("tokenizer", tokenizer);
  }
  std::unique_ptr<train::Source> source;
  SignalWatch signals;
  Call().run([&] { source = train::open_source(choice, [&] { return signals.raised(); }); });
  signals.rethrow();
  new (self) Data{std::move(source)};
}

Pair training_batch(const Data& data, std::uint64_t seed, Index step, Index batch, Index length,
                    bool generators) {
  const auto alphabet = generators ? train::Alphabet::generators : train::Alphabet::all;
  Call call;
  const auto tokens = call.out<std::int32_t>({batch, length});
  const auto targets = call.out<std::int32_t>({batch, length});
  return call.run([&] {
    data.source->fill(train::Purpose::training, seed, step, 0, tokens, targets, alphabet);
  });
}

NumPy training_places(const Data& data, std::uint64_t seed, Index step, Index batch, Index length) {
  LIOR_CHECK(data.source->text() != nullptr, "a task's sequences have no places; a text's have");
  Call call;
  const auto places = call.out<Index>({batch});
  return call.run([&] {
    Array<std::int32_t, 2> tokens({batch, length}), targets({batch, length});
    data.source->fill(train::Purpose::training, seed, step, 0, tokens.view(), targets.view(),
                      train::Alphabet::all, places.span());
  });
}

nb::tuple packed_batch(const Data& data, std::uint64_t seed, Index step, Index batch,
                       Index length) {
  LIOR_CHECK(data.source->packs(length),
             "no sequence is shorter than {} tokens; training_batch has rows of them", length);
  LIOR_CHECK(batch >= 1, "batch is {}; expected at least 1", batch);
  const Index room = checked_product(batch, length, "tokens");
  Array<std::int32_t, 1> tokens({room}), targets({room});
  std::vector<train::Range> sequences(static_cast<std::size_t>(train::most_packed(room)));
  Call().run([&] {
    const Index count =
        data.source->pack(seed, step, 0, length, tokens.view(), targets.view(), sequences);
    sequences.resize(static_cast<std::size_t>(count));
  });
  Index rows = 0;
  for (const train::Range& range : sequences) rows += range.size();
  Call call;
  const auto tokens_out = call.out<std::int32_t>({1, rows});
  const auto targets_out = call.out<std::int32_t>({1, rows});
  const auto lengths = call.out<Index>({std::ssize(sequences)});
  const auto places = call.out<Index>({std::ssize(sequences)});
  return call.run([&] {
    std::copy_n(tokens.data(), rows, tokens_out.data());
    std::copy_n(targets.data(), rows, targets_out.data());
    std::ranges::transform(sequences, lengths.data(), &train::Range::size);
    std::ranges::transform(sequences, places.data(), &train::Range::begin);
  });
}

void bind_data(nb::module_& m) {
  nb::class_<Tokenizer>(m, "Tokenizer",
                        "How a text becomes tokens; any bytes come back as they were.")
      .def(
          "__init__",
          [](Tokenizer* self, const std::string& name, const std::filesystem::path& folder) {
            new (self) Tokenizer{train::read_tokenizer(name, folder)};
          },
          "name"_a = "byte", "folder"_a = "",
          "By the name that a configuration has; folder: of the run that keeps it.")
      .def("__repr__", shows({"vocabulary"}))
      .def_prop_ro("vocabulary", [](const Tokenizer& t) { return t.shared->vocabulary(); })
      .def(
          "encode",
          [](const Tokenizer& t, nb::handle text) {
            return train::encode(*t.shared, bytes_of(text));
          },
          "text"_a, "The tokens of bytes, or of a str as UTF-8, as a list.")
      .def(
          "decode",
          [](const Tokenizer& t, const std::vector<std::int32_t>& tokens) {
            std::string text;
            for (const std::int32_t token : tokens) {
              LIOR_CHECK(token >= 0 && token < t.shared->vocabulary(),
                         "tokens hold {}; expected 0 to {}", token, t.shared->vocabulary() - 1);
              text += t.shared->bytes(token);
            }
            return nb::bytes(text.data(), text.size());
          },
          "tokens"_a, "The bytes that they stand for.")
      .def(
          "write",
          [](const Tokenizer& t, const std::filesystem::path& folder) {
            train::keep_tokenizer(*t.shared, folder);
          },
          "folder"_a, "Its tokenizer.json, as a run keeps it; nothing of bytes.")
      .def_static(
          "read",
          [](const std::filesystem::path& path) {
            return Tokenizer{train::byte_pair_tokenizer(train::read_tokenizer_json(path))};
          },
          "path"_a,
          "A Hugging Face tokenizer.json of byte-level BPE. Error that names what is not read.")
      .def("__getstate__", [](const Tokenizer& t) { return t.shared->to_json(); })
      .def("__setstate__", [](Tokenizer& t, const std::string& json) {
        new (&t) Tokenizer{json.empty() ? train::byte_tokenizer()
                                        : train::byte_pair_tokenizer(
                                              train::parse_tokenizer_json(json, "a pickle"))};
      });

  static const std::string data_help = fmt::format(
      R"(name: "builtin:a5" (tasks: {}), a text, or a list of texts: files (.gz, .zst, .xz and .jsonl too),
folders, patterns of paths, "-" for the standard input. held_out: the part that is never trained on;
tokenizer: a name or a Tokenizer; pattern: of a folder's files; field: of a line of .jsonl; separator:
between documents of a file; cache: a run's folder, which may hold the same texts decoded.)",
      train::task_list());
  nb::class_<Data>(m, "Data", "A text's tokens, or a task's sequences.")
      .def("__init__", &open_data, "name"_a, "held_out"_a = 0.1, "tokenizer"_a = "byte",
           nb::kw_only(), "pattern"_a = "*", "field"_a = "text", "separator"_a = "", "cache"_a = "",
           data_help.c_str())
      .def("__repr__", shows({"tokenizer", "vocabulary", "classes"}))
      .def_prop_ro(
          "tokenizer",
          [](const Data& d) -> std::optional<Tokenizer> {
            if (const auto tokenizer = d.source->tokenizer()) return Tokenizer{tokenizer};
            return {};
          },
          "Of a text; None of a task.")
      .def_prop_ro("vocabulary", [](const Data& d) { return d.source->vocabulary(); })
      .def_prop_ro("classes", [](const Data& d) { return d.source->classes(); })
      .def_prop_ro("is_text", [](const Data& d) { return d.source->text() != nullptr; })
      .def_prop_ro("shortest_length", [](const Data& d) { return d.source->shortest_length(); })
      .def(
          "training_batch", &training_batch, "seed"_a, "step"_a, "batch"_a, "length"_a,
          "generators"_a = false,
          R"((tokens, targets): (B, N) int32, functions of (seed, step); target -1: none. generators: of a5,
s5, z60, parity and group:EXPR, words of a few elements that make all others.)")
      .def("training_places", &training_places, "seed"_a, "step"_a, "batch"_a, "length"_a,
           "(B,) int64: where in the text the rows of that training_batch begin.")
      .def(
          "packs", [](const Data& d, Index length) { return d.source->packs(length); }, "length"_a,
          "Whether documents are shorter than `length`, and `lior train` packs them.")
      .def(
          "packed_batch", &packed_batch, "seed"_a, "step"_a, "batch"_a, "length"_a,
          R"((tokens, targets, lengths, places) of a step of `lior train` on documents of which some are shorter
than `length` tokens: (1, R) int32, R at most batch * length, sequences of at most `length` one behind another; (S,) int64
their lengths, longest first, and where each begins in the text. Model.loss_and_gradients takes all four.)");
}

void bind_tokens(nb::module_& m) {
  m.def(
      "encode",
      [](nb::handle tokenizer, nb::handle text) {
        return train::encode(*tokenizer_of(tokenizer), bytes_of(text));
      },
      "tokenizer"_a, "text"_a,
      "The tokens of bytes, as a list. tokenizer: a Tokenizer, or \"byte\".");
  nb::class_<train::Decoder>(m, "Decoder", "Tokens in, one by one, bytes of text out.")
      .def(
          "__init__",
          [](train::Decoder* self, nb::handle tokenizer, bool raw) {
            using Form = train::Decoder::Form;
            new (self) train::Decoder(tokenizer_of(tokenizer), raw ? Form::bytes : Form::utf8);
          },
          "tokenizer"_a, "raw"_a = false,
          "raw: bytes as they come; else UTF-8, with U+FFFD where a byte fits nowhere.")
      .def(
          "push",
          [](train::Decoder& decoder, std::int32_t token) {
            const std::string text = decoder.push(token);
            return nb::bytes(text.data(), text.size());
          },
          "token"_a, "What is ready now; often nothing.")
      .def(
          "finish",
          [](train::Decoder& decoder) {
            const std::string text = decoder.finish();
            return nb::bytes(text.data(), text.size());
          },
          "What is left when no more tokens come.");
}

}  // namespace

void bind_train_data(nb::module_& m) {
  bind_data(m);
  bind_tokens(m);
}

}  // namespace lior::python
