// SPDX-License-Identifier: Apache-2.0
#include "lior/train/generate.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <span>

#include "command.h"
#include "generate_chat.h"
#include "interrupt.h"
#include "lior/core/text.h"
#include "lior/core/timer.h"
#include "lior/io/utf8.h"
#include "lior/train/checkpoint.h"
#include "lior/train/dynamic_model.h"
#include "lior/train/tokenizer.h"
#include "progress.h"
#include "text_output.h"
#include "text_stop.h"

namespace lior::app {
namespace {

constexpr const char* kWhat =
    R"(Without a prompt the text begins as after a line break. --stop ends a text before TEXT, which is not written. Of
-n K texts, which a line ---- separates, the i-th is that of --seed + i.

--adapt learns from a text as lior eval --dynamic does, by counts and by a step every 256 tokens, and writes then; the
run's folder stays as it is. What is written begins a text of its own: a --prompt that quotes the end goes on from there.

--interactive reads a line of stdin, answers it, and goes on from there: Ctrl-C ends an answer, Ctrl-D the chat. The
model reads "User: LINE", an empty line and "Assistant:", after the prompt where one is given; its answer ends where it
would say "User:" on a new line.
)";

struct Arguments {
  std::string model, stop, weights = "best";
  std::optional<std::string> prompt, prompt_file, adapt;
  std::int64_t max_tokens = 256, seed = 0, count = 1;
  double adapt_rate = train::kDynamicRate;
  bool raw = false, interactive = false;
  train::Sampling sampling{.temperature = 0.8};
};

std::string file_text(const char* option, const std::string& path) {
  constexpr std::size_t kMost = 1 << 26;
  std::error_code error;
  LIOR_CHECK(std::filesystem::is_regular_file(path, error),
             "{}: {} is no file; a text of at least one byte is needed", option, shown_path(path));
  std::ifstream file(path, std::ios::binary);
  std::string text;
  std::vector<char> piece(1 << 16);
  while (file.read(piece.data(), std::ssize(piece)), file.gcount() > 0) {
    text.append(piece.data(), static_cast<std::size_t>(file.gcount()));
    LIOR_CHECK(text.size() <= kMost, "{}: {} is larger than 64 MB", option, shown_path(path));
  }
  LIOR_CHECK(file.eof() && !file.bad(), "{}: {} cannot be read", option, shown_path(path));
  return text;
}

/// The text to continue; a line break where none is given, since what is drawn follows a token.
std::string prompt_of(const Arguments& arguments) {
  LIOR_CHECK(!arguments.prompt || !arguments.prompt_file,
             "--prompt and --prompt-file: are both given; one of them is the text to continue");
  if (!arguments.prompt && !arguments.prompt_file) return "\n";
  const std::string prompt =
      arguments.prompt ? *arguments.prompt : file_text("--prompt-file", *arguments.prompt_file);
  LIOR_CHECK(!prompt.empty(),
             "--prompt: is empty; a text of at least one byte is needed, or no --prompt");
  LIOR_CHECK(arguments.raw || io::is_utf8(prompt),
             "--prompt: is not UTF-8; a text in UTF-8 is needed, or --raw, which takes any bytes");
  return prompt;
}

/// One text; how many tokens were drawn for it.
std::int64_t generate(const Arguments& arguments, const train::TrainedModel& trained,
                      const std::vector<std::int32_t>& prompt, std::uint64_t seed,
                      TerminalLine& line) {
  using Form = train::Decoder::Form;
  train::Generator generator(trained.model, arguments.sampling, seed);
  train::Decoder decoder(trained.tokenizer, arguments.raw ? Form::bytes : Form::utf8);
  StopAt stop({arguments.stop});
  generator.read(prompt);
  const auto show = [&](const std::string& text) {
    line.saw(text);
    write_text(text);
  };
  std::int64_t drawn = 0;
  while (drawn < arguments.max_tokens && !stop.reached() && !interrupted()) {
    ++drawn;
    show(stop.push(decoder.push(generator.next())));
  }
  if (!stop.reached()) show(stop.push(decoder.finish()));
  show(stop.finish());
  return drawn;
}

/// All texts; how many tokens were drawn for them.
std::int64_t write_texts(const Arguments& arguments, const train::TrainedModel& trained) {
  const auto tokens = train::encode(*trained.tokenizer, prompt_of(arguments));
  std::int64_t drawn = 0;
  TerminalLine line;
  for (std::int64_t i = 0; i < arguments.count && !interrupted(); ++i) {
    if (i > 0) write_text("\n----\n");
    const auto seed = static_cast<std::uint64_t>(arguments.seed) + static_cast<std::uint64_t>(i);
    drawn += generate(arguments, trained, tokens, seed, line);
  }
  return drawn;
}

ChatSettings chat_settings(const Arguments& arguments) {
  const bool prompted = arguments.prompt || arguments.prompt_file;
  return {.system = prompted ? prompt_of(arguments) : "",
          .stops = {arguments.stop},
          .max_tokens = arguments.max_tokens,
          .sampling = arguments.sampling,
          .seed = static_cast<std::uint64_t>(arguments.seed),
          .raw = arguments.raw};
}

/// Lets the model learn from the text of --adapt.
void adapt(train::DynamicModel& learner, const std::string& path,
           const train::Tokenizer& tokenizer) {
  const std::vector<std::int32_t> tokens = train::encode(tokenizer, file_text("--adapt", path));
  const std::string what = fmt::format("reading {}", shown_path(path));
  LateProgress progress("auto");
  learner.start();
  for (auto rest = std::span(tokens); !rest.empty();) {
    const auto piece = rest.first(std::min<std::size_t>(rest.size(), train::kDynamicWindow));
    learner.read(piece);
    rest = rest.subspan(piece.size());
    progress.show(what, 1 - static_cast<double>(rest.size()) / static_cast<double>(tokens.size()));
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
  train::TrainedModel trained = train::load_model(
      arguments.model, parse_name<train::Weights>(arguments.weights, "--weights:"));
  LIOR_CHECK(!train::names_task(trained.config.data),
             "{}: was trained on {}; text needs a model that was trained on text",
             shown_path(arguments.model), shown_path(trained.config.data));

  std::optional<train::DynamicModel> learner;
  if (arguments.adapt) {
    learner.emplace(trained.model, arguments.adapt_rate);
    adapt(*learner, *arguments.adapt, *trained.tokenizer);
  }
  catch_interrupts();
  const Timer timer;
  const std::int64_t drawn = arguments.interactive ? chat(trained, chat_settings(arguments))
                                                   : write_texts(arguments, trained);
  if (interrupted()) return interrupt_status();
  const double seconds = timer.seconds();
  fmt::print(stderr, "{} tokens in {:.3g} s, {:.3g} a second\n", drawn, seconds,
             static_cast<double>(drawn) / seconds);
  return kSuccess;
}

}  // namespace

Run generate_command(Options& options) {
  const auto arguments = std::make_shared<Arguments>();
  options.add_note(kWhat);
  options.require("--model", arguments->model, "DIR", "folder of a run of lior train");
  options.add("--prompt", arguments->prompt, "TEXT", "the text to continue (none)");
  options.add("--prompt-file", arguments->prompt_file, "FILE", "a file with that text");
  options.add("--adapt", arguments->adapt, "FILE",
              "a text that the model learns from first, by counts and by steps (none)");
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
