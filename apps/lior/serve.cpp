// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>

#include "command.h"
#include "interrupt.h"
#include "lior/core/text.h"
#include "serve_answer.h"
#include "serve_api.h"

namespace lior::app {
namespace {

constexpr const char* kWhat =
    R"(What OpenAI's clients and those of llama.cpp's server ask for: /v1/models, /v1/completions and
/v1/chat/completions, with stream, at http://HOST:PORT/v1; /health, and /metrics for Prometheus. A page to type into is
at http://HOST:PORT/.

A model that was trained on a text knows no chats. What it reads of one is
  (what the system says, an empty line,) User: QUESTION, an empty line, Assistant: ANSWER, an empty line, ... Assistant:
and its answer ends where it would say "User:" on a new line.
)";

constexpr auto kGrace = std::chrono::seconds(2);  // for answers to end, after an interrupt

struct Arguments {
  std::string model, weights = "best", host = "127.0.0.1";
  std::optional<std::string> key;
  std::int64_t port = 8080, max_tokens = 2048, max_prompt = 65536, parallel = 4, timeout = 600;
};

/// A key in the environment is not seen by others of the machine, one on the command line is.
std::string key_of(const Arguments& arguments) {
  const char* variable = std::getenv("LIOR_API_KEY");
  const std::string key = arguments.key ? *arguments.key : variable != nullptr ? variable : "";
  LIOR_CHECK(!arguments.key || !key.empty(), "--api-key: is empty; give a key, or leave it out");
  return key;
}

std::string name_of(const std::string& folder) {
  std::filesystem::path path = std::filesystem::weakly_canonical(folder);
  return shown(path.filename().string());
}

void check_range(const char* flag, std::int64_t value, std::int64_t least, std::int64_t most) {
  LIOR_CHECK(value >= least && value <= most, "{}: {}; it must be from {} to {}", flag, value,
             least, most);
}

int run(const Arguments& arguments) {
  check_range("--port", arguments.port, 0, 65535);
  check_range("--max-tokens", arguments.max_tokens, 1, 1 << 20);
  check_range("--max-prompt", arguments.max_prompt, 1, 1 << 24);
  check_range("--parallel", arguments.parallel, 1, 64);
  check_range("--timeout", arguments.timeout, 1, 86400);
  const std::string key = key_of(arguments);
  const train::TrainedModel trained = train::load_model(
      arguments.model, parse_name<train::Weights>(arguments.weights, "--weights:"));
  LIOR_CHECK(!train::names_task(trained.config.data),
             "{}: was trained on {}; text needs a model that was trained on text",
             shown_path(arguments.model), shown_path(trained.config.data));
  Engine engine(trained, {.parallel = arguments.parallel});
  Api api(trained, engine,
          {.model = name_of(arguments.model),
           .key = key,
           .limits = {.max_tokens = arguments.max_tokens, .max_prompt = arguments.max_prompt},
           .timeout = std::chrono::seconds(arguments.timeout)});
  HttpServer server(
      arguments.host, static_cast<int>(arguments.port), key.empty(), {},
      [&](HttpRequest request, const std::shared_ptr<HttpAnswer>& answer) {
        api.answer(std::move(request), answer);
      },
      [](int status, const std::string& message) {
        return error_json({status, message});
      });
  api.set_connections([&] { return server.connections(); });

  catch_interrupts();
  fmt::print(stderr, "{} at http://{}/ and http://{}/v1; Ctrl-C ends\n", name_of(arguments.model),
             server.address(), server.address());
  while (!interrupted()) usleep(50000);
  engine.stop();
  server.stop(kGrace);
  return interrupt_status();
}

}  // namespace

Run serve_command(Options& options) {
  const auto arguments = std::make_shared<Arguments>();
  options.add_note(kWhat);
  options.require("--model", arguments->model, "DIR", "folder of a run of lior train");
  options.add("--weights", arguments->weights, "WHICH",
              "of the run: best, those of its best val, or last (best)");
  options.add("--host", arguments->host, "HOST",
              "address to listen on; others than this machine's own need a key (127.0.0.1)");
  options.add("--port", arguments->port, "N", "port to listen on; 0: a free one (8080)");
  options.add(
      "--api-key", arguments->key, "KEY",
      "what clients have to say; better in the variable LIOR_API_KEY, which others do not see");
  options.add("--max-tokens", arguments->max_tokens, "N", "longest text that is written (2048)");
  options.add("--max-prompt", arguments->max_prompt, "N", "longest prompt in tokens (65536)");
  options.add("--parallel", arguments->parallel, "N",
              "requests that are written at a time; 64 more wait (4)");
  options.add("--timeout", arguments->timeout, "SECONDS", "longest time for an answer (600)");
  return [=] { return run(*arguments); };
}

}  // namespace lior::app
