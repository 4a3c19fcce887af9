// SPDX-License-Identifier: Apache-2.0
#include "lior/train/generate.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "command.h"
#include "generate_chat.h"
#include "interrupt.h"
#include "lior/core/text.h"
#include "lior/io/utf8.h"
#include "lior/train/checkpoint.h"
#include "lior/train/dynamic_model.h"
#include "lior/train/tokenizer.h"
#include "progress.h"
#include "text_output.h"
#include "text_speed.h"
#include "text_stop.h"

namespace lior::app {
namespace {

constexpr const char* kWhat =
    R"(Without a prompt the text begins as after a line break. --stop ends a text before TEXT, which is not written. Of
-n K texts, which a line ---- separates, the i-th is that of --seed + i.

--adapt learns from texts as lior eval --dynamic does, by counts and by a step every 256 tokens, and writes then; the
run's folder stays as it is. Texts are files, folders, patterns or a pipe as for lior train, with the run's --pattern, --field
and --separator. What is written begins a text of its own: a --prompt that quotes an end goes on from there. The model looks
into the prompt and into what it writes as into the texts (model.recent_orders), and takes no steps for them.

--interactive reads a line of stdin, answers it, and goes on from there: Ctrl-C ends an answer, Ctrl-D the chat. The
model reads "User: LINE", an empty line and "Assistant:", after the prompt where one is given; its answer ends where it
would say "User:" on a new line.
)";

struct Arguments {
  std::string model, stop, weights = "best";
  std::optional<std::string> prompt, prompt_file;
  std::vector<std::string> adapt;
  std::int64_t max_tokens = 256, seed = 0, count = 1;
  double adapt_rate = train::kDynamicRate;
  bool raw = false, interactive = false;
  train::Sampling sampling{.temperature = 0.8};
};

std::string file_text(const std::string& path) {
  constexpr std::size_t kMost = 1 << 26;
  std::error_code error;
  LIOR_CHECK(std::filesystem::is_regular_file(path, error),
             "--prompt-file: {} is no file; a text of at least one byte is needed",
             shown_path(path));
  std::ifstream file(path, std::ios::binary);
  std::string text;
  std::vector<char> piece(1 << 16);
  while (file.read(piece.data(), std::ssize(piece)), file.gcount() > 0) {
    text.append(piece.data(), static_cast<std::size_t>(file.gcount()));
    LIOR_CHECK(text.size() <= kMost, "--prompt-file: {} is larger than 64 MB", shown_path(path));
  }
  LIOR_CHECK(file.eof() && !file.bad(), "--prompt-file: {} cannot be read", shown_path(path));
  return text;
}

/// The text to continue; a line break where none is given, since what is drawn follows a token.
std::string prompt_of(const Arguments& arguments) {
  LIOR_CHECK(!arguments.prompt || !arguments.prompt_file,
             "--prompt and --prompt-file: are both given; one of them is the text to continue");
  if (!arguments.prompt && !arguments.prompt_file) return "\n";
  const std::string prompt =
      arguments.prompt ? *arguments.prompt : file_text(*arguments.prompt_file);
  LIOR_CHECK(!prompt.empty(),
             "--prompt: is empty; a text of at least one byte is needed, or no --prompt");
  LIOR_CHECK(arguments.raw || io::is_utf8(prompt),
             "--prompt: is not UTF-8; a text in UTF-8 is needed, or --raw, which takes any bytes");
  return prompt;
}

/// The texts of a call, from one prompt, which is read once.
class Writer {
 public:
  Writer(const Arguments& arguments, const train::TrainedModel& trained,
         train::DynamicModel* learner)
      : arguments_(arguments),
        trained_(trained),
        learner_(learner),
        prompt_(train::encode(*trained.tokenizer, prompt_of(arguments))) {}

  TextSpeed run() {
    for (std::int64_t i = 0; i < arguments_.count && !interrupted(); ++i) {
      if (i > 0) write_text("\n----\n");
      write(static_cast<std::uint64_t>(arguments_.seed) + static_cast<std::uint64_t>(i));
    }
    return speed_;
  }

 private:
  void write(std::uint64_t seed) {
    train::Generator generator(trained_.model, arguments_.sampling, seed, learner_);
    if (read_) {
      generator.resume(*read_, prompt_);
    } else {
      speed_.read(std::ssize(prompt_), [&] { read_prompt(generator); });
      read_ = generator.reading();
    }
    speed_.write([&] { return write_with(generator); });
  }

  void read_prompt(train::Generator& generator) const {
    LateProgress progress("auto");
    const std::span<const std::int32_t> all = prompt_;
    std::size_t read = 0;
    while (read < all.size() && !interrupted()) {
      constexpr std::size_t kPiece = train::Generator::kWindow;
      const auto piece = all.subspan(read, std::min(kPiece, all.size() - read));
      generator.read(piece);
      read += piece.size();
      progress.show("reading the prompt",
                    static_cast<double>(read) / static_cast<double>(all.size()));
    }
  }

  /// How many tokens were drawn.
  std::int64_t write_with(train::Generator& generator) {
    using Form = train::Decoder::Form;
    train::Decoder decoder(trained_.tokenizer, arguments_.raw ? Form::bytes : Form::utf8);
    StopAt stop({arguments_.stop});
    const auto show = [&](const std::string& text) {
      line_.saw(text);
      write_text(text);
    };
    std::int64_t drawn = 0;
    while (drawn < arguments_.max_tokens && !stop.reached() && !interrupted()) {
      ++drawn;
      show(stop.push(decoder.push(generator.next())));
    }
    if (!stop.reached()) show(stop.push(decoder.finish()));
    show(stop.finish());
    return drawn;
  }

  const Arguments& arguments_;
  const train::TrainedModel& trained_;
  train::DynamicModel* learner_;
  std::vector<std::int32_t> prompt_;
  std::optional<train::Generator::Reading> read_;  // after the prompt
  TextSpeed speed_;
  TerminalLine line_;
};

ChatSettings chat_settings(const Arguments& arguments) {
  const bool prompted = arguments.prompt || arguments.prompt_file;
  return {.system = prompted ? prompt_of(arguments) : "",
          .stops = {arguments.stop},
          .max_tokens = arguments.max_tokens,
          .sampling = arguments.sampling,
          .seed = static_cast<std::uint64_t>(arguments.seed),
          .raw = arguments.raw};
}

/// Lets the model learn from the texts of --adapt.
void adapt(train::DynamicModel& learner, const Arguments& arguments,
           const train::TrainedModel& trained) {
  train::DataChoice choice = train::data_choice(trained.config);
  choice.corpus.names = train::join_names(arguments.adapt);
  LIOR_CHECK(!train::names_task(choice.corpus.names),
             "--adapt: {} is no text; files, folders, patterns or - are needed",
             train::shown_names(choice.corpus.names));
  choice.held_out = 0;
  choice.made = trained.tokenizer;
  const auto texts = train::open_source(choice);
  if (const std::string& note = texts->corpus()->note(); !note.empty()) {
    fmt::print(stderr, "{}\n", note);
  }
  const std::vector<train::Range> documents = texts->training_parts();
  const std::string what = fmt::format("reading {}", train::shown_names(choice.corpus.names));
  LateProgress progress("auto");
  std::vector<std::int32_t> tokens;
  for (const train::Range& document : documents) {
    learner.start();
    for (Index place = document.begin; place < document.end;) {
      tokens.resize(std::min(train::kDynamicWindow, document.end - place));
      texts->read(place, tokens);
      learner.read(tokens);
      place += std::ssize(tokens);
      progress.show(what, static_cast<double>(place) / static_cast<double>(documents.back().end));
    }
  }
}

int run(const Arguments& arguments) {
  prompt_of(arguments);  // what is wrong with it costs no loading
  LIOR_CHECK(arguments.max_tokens >= 0, "--max-tokens: {}; it must be at least 0",
             arguments.max_tokens);
  LIOR_CHECK(arguments.seed >= 0, "--seed: {}; it must be at least 0", arguments.seed);
  LIOR_CHECK(arguments.count >= 1, "-n: {} texts; it must be at least 1", arguments.count);
  LIOR_CHECK(!arguments.interactive || arguments.count == 1,
             "--interactive: -n {} texts are asked for; a chat has one answer at a time",
             arguments.count);
  LIOR_CHECK(!arguments.interactive || !std::ranges::count(arguments.adapt, "-"),
             "--adapt -: the standard input is what a chat reads; --adapt takes a file here");
  train::TrainedModel trained = train::load_model(
      arguments.model, parse_name<train::Weights>(arguments.weights, "--weights:"));
  LIOR_CHECK(!train::names_task(trained.config.data),
             "{}: was trained on {}; text needs a model that was trained on text",
             shown_path(arguments.model), shown_path(trained.config.data));

  std::unique_ptr<train::DynamicModel> learner;
  if (!arguments.adapt.empty()) {
    learner = std::make_unique<train::DynamicModel>(trained.model, arguments.adapt_rate);
    adapt(*learner, arguments, trained);
  }
  catch_interrupts();
  const TextSpeed speed = arguments.interactive
                              ? chat(trained, chat_settings(arguments), learner.get())
                              : Writer(arguments, trained, learner.get()).run();
  if (interrupted()) return interrupt_status();
  fmt::print(stderr, "{}\n", speed.text());
  return kSuccess;
}

}  // namespace

Run generate_command(Options& options) {
  const auto arguments = std::make_shared<Arguments>();
  options.add_note(kWhat);
  options.require("--model", arguments->model, "DIR", "folder of a run of lior train");
  options.add("--prompt", arguments->prompt, "TEXT", "the text to continue (none)");
  options.add("--prompt-file", arguments->prompt_file, "FILE", "a file with that text");
  options.add_list("--adapt", arguments->adapt, "FILE|DIR|- ...",
                   "texts that the model learns from first, by counts and by steps (none)");
  options.add("--adapt-rate", arguments->adapt_rate, "X",
              "learning rate of the steps of --adapt; 0: counts alone (0.0003)");
  options.add("--stop", arguments->stop, "TEXT", "ends a text where it would say TEXT (never)");
  options.add("-n", arguments->count, "K", "texts to write (1)");
  options.add_switch("--interactive", arguments->interactive, "chat: answers each line of stdin");
  options.add("--weights", arguments->weights, "WHICH",
              "of the run: best, those of its best val, or last (best)");
  options.add("--max-tokens", arguments->max_tokens, "N", "tokens to write (256)");
  options.add("--temperature", arguments->sampling.temperature, "X",
              "temperature of sampling; 0: always the likeliest (0.8)");
  options.add("--top-k", arguments->sampling.top_k, "N", "only the N likeliest tokens; 0: all (0)");
  options.add("--top-p", arguments->sampling.top_p, "X",
              "only the likeliest tokens whose probabilities reach X (1)");
  options.add("--min-p", arguments->sampling.min_p, "X",
              "only tokens at least X times as likely as the likeliest (0)");
  options.add("--repetition-penalty", arguments->sampling.repetition_penalty, "X",
              "above 1: tokens of the last 64 are less likely (1)");
  options.add("--seed", arguments->seed, "N", "seed of the sampling (0)");
  options.add_switch("--raw", arguments->raw,
                     "bytes as they come; without it invalid UTF-8 becomes U+FFFD");
  return [=] { return run(*arguments); };
}

}  // namespace lior::app
