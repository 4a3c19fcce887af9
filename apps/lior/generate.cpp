// SPDX-License-Identifier: Apache-2.0
#include "lior/train/generate.h"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <memory>

#include "command.h"
#include "interrupt.h"
#include "lior/io/utf8.h"
#include "lior/train/checkpoint.h"
#include "lior/train/tokenizer.h"

namespace lior::app {
namespace {

struct Arguments {
  std::string model, prompt, weights = "best";
  std::int64_t max_tokens = 256, seed = 0;
  bool raw = false;
  train::Sampling sampling{.temperature = 0.8};
};

/// Ends the text's last line where a shell's prompt would follow it; a file or pipe has the bytes
/// alone.
class TerminalLine {
 public:
  ~TerminalLine() {
    if (begun_ && isatty(STDOUT_FILENO) != 0) std::fputc('\n', stdout);
  }
  void saw(const std::string& text) {
    if (!text.empty()) begun_ = text.back() != '\n';
  }

 private:
  bool begun_ = false;
};

int run(const Arguments& arguments) {
  LIOR_CHECK(!arguments.prompt.empty(),
             "--prompt: is empty; a text of at least one byte is needed");
  LIOR_CHECK(arguments.raw || io::is_utf8(arguments.prompt),
             "--prompt: is not UTF-8; a text in UTF-8 is needed, or --raw, which takes any bytes");
  LIOR_CHECK(arguments.max_tokens >= 0, "--max-tokens: {}; it must be at least 0",
             arguments.max_tokens);
  LIOR_CHECK(arguments.seed >= 0, "--seed: {}; it must be at least 0", arguments.seed);
  const train::TrainedModel trained = train::load_model(
      arguments.model, parse_name<train::Weights>(arguments.weights, "--weights:"));
  LIOR_CHECK(!train::names_task(trained.config.data),
             "{}: was trained on {}; text needs a model that was trained on text",
             shown_path(arguments.model), shown_path(trained.config.data));

  catch_interrupts();
  train::Generator generator(trained.model, arguments.sampling,
                             static_cast<std::uint64_t>(arguments.seed));
  const train::Tokenizer& tokenizer = train::find_tokenizer(trained.config.tokenizer);
  generator.read(train::encode(tokenizer, arguments.prompt));
  using Form = train::Decoder::Form;
  train::Decoder decoder(tokenizer, arguments.raw ? Form::bytes : Form::utf8);
  TerminalLine line;
  const auto write = [&](const std::string& text) {
    line.saw(text);
    std::fwrite(text.data(), 1, text.size(), stdout);
    if (std::fflush(stdout) == 0) return;
    if (errno != EPIPE) throw RunError("cannot write the text; is the disk full?");
    request_interrupt(SIGPIPE);
  };
  for (std::int64_t n = 0; n < arguments.max_tokens; ++n) {
    if (interrupted()) return interrupt_status();
    write(decoder.push(generator.next()));
  }
  write(decoder.finish());
  return kSuccess;
}

}  // namespace

Run generate_command(Options& options) {
  const auto arguments = std::make_shared<Arguments>();
  options.require("--model", arguments->model, "DIR", "folder of a run of lior train");
  options.require("--prompt", arguments->prompt, "TEXT", "the text to continue");
  options.add("--weights", arguments->weights, "WHICH",
              "of the run: best, those of its best val, or last (best)");
  options.add("--max-tokens", arguments->max_tokens, "N",
              "tokens, which are bytes, to write (256)");
  options.add("--temperature", arguments->sampling.temperature, "X",
              "temperature of sampling; 0: always the likeliest (0.8)");
  options.add("--top-k", arguments->sampling.top_k, "N", "only the N likeliest tokens; 0: all (0)");
  options.add("--top-p", arguments->sampling.top_p, "X",
              "only the likeliest tokens whose probabilities reach X (1)");
  options.add("--seed", arguments->seed, "N", "seed of the sampling (0)");
  options.add_switch("--raw", arguments->raw,
                     "bytes as they come; without it invalid UTF-8 becomes U+FFFD");
  return [=] { return run(*arguments); };
}

}  // namespace lior::app
