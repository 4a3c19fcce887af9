// SPDX-License-Identifier: Apache-2.0
#include "serve_api.h"

#include <fmt/core.h>

#include <algorithm>
#include <ctime>

#include "lior/core/text.h"
#include "lior/core/timer.h"
#include "lior/core/version.h"
#include "serve_answer.h"

namespace lior::app {
namespace {

constexpr const char* kJson = "application/json";
constexpr const char *kCompletions = "/v1/completions", *kChat = "/v1/chat/completions",
                     *kModels = "/v1/models", *kHealth = "/health", *kMetrics = "/metrics";

struct Path {
  const char *path, *method;
  bool open;  ///< without a key
};
constexpr Path kPaths[] = {
    {"/", "GET", true},       {kHealth, "GET", true},        {kModels, "GET", false},
    {kMetrics, "GET", false}, {kCompletions, "POST", false}, {kChat, "POST", false}};

/// Takes as long for every wrong key of a length.
bool same(std::string_view a, std::string_view b) {
  unsigned char differ = a.size() != b.size();
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) differ |= a[i] ^ b[i];
  return differ == 0;
}

/// "host:port" or "[::1]:port" without the port.
std::string_view without_port(std::string_view host) {
  const std::size_t colon = host.rfind(':'), bracket = host.rfind(']');
  if (colon == host.npos || (bracket != host.npos && colon < bracket)) return host;
  return host.substr(0, colon);
}

bool names_loopback(std::string_view host) {
  host = without_port(host);
  return host.empty() || host == "localhost" || host == "[::1]" || host.starts_with("127.");
}

}  // namespace

Api::Api(const train::TrainedModel& trained, Engine& engine, ApiOptions options)
    : trained_(trained),
      engine_(engine),
      options_(std::move(options)),
      started_(std::time(nullptr)) {}

void Api::set_connections(std::function<std::size_t()> connections) {
  options_.connections = std::move(connections);
}

void Api::answer(HttpRequest request, const std::shared_ptr<HttpAnswer>& answer) {
  const std::string path = request.target.substr(0, request.target.find('?'));
  try {
    check_who_asks(request, path);
    route(request, path, answer);
  } catch (const ApiError& error) {
    send(path, *answer, error.status, kJson, error_json(error));
  } catch (const std::exception& error) {
    send(path, *answer, 500, kJson, error_json({500, error.what()}));
  }
}

/// Without a key only this machine may ask; pages of other sites in a browser of this machine may
/// not, whether they name it by a name of theirs (DNS rebinding) or send it forms.
void Api::check_who_asks(const HttpRequest& request, const std::string& path) const {
  if (options_.key.empty()) {
    const std::size_t scheme = request.origin.find("://");
    const bool stranger = !request.origin.empty() &&
                          (scheme == std::string::npos ||
                           !names_loopback(std::string_view(request.origin).substr(scheme + 3)));
    if (!names_loopback(request.host) || stranger) {
      throw ApiError(403,
                     "without a key only this machine is served; start the server with --api-key");
    }
    return;
  }
  const bool open =
      std::ranges::any_of(kPaths, [&](const Path& p) { return p.open && path == p.path; });
  if (!open && !same(request.authorization, "Bearer " + options_.key)) {
    throw ApiError(401,
                   "the key is missing or wrong; it goes into the header Authorization: Bearer KEY",
                   "", "invalid_api_key");
  }
}

void Api::route(const HttpRequest& request, const std::string& path,
                const std::shared_ptr<HttpAnswer>& answer) {
  const bool one_model = path == kModels + ("/" + options_.model);
  const auto known = std::ranges::find_if(
      kPaths, [&](const Path& p) { return path == p.path || (one_model && p.path == kModels); });
  if (known == std::end(kPaths)) {
    throw ApiError(404,
                   fmt::format("unknown request URL: {} {}", shown(request.method), shown(path)),
                   "", path.starts_with(kModels) ? "model_not_found" : "unknown_url");
  }
  if (request.method != known->method) {
    throw ApiError(405, fmt::format("{} takes {}", known->path, known->method), "",
                   "method_not_allowed");
  }
  if (path == kCompletions) return write_text(Endpoint::completions, request, path, answer);
  if (path == kChat) return write_text(Endpoint::chat, request, path, answer);
  if (path == "/") {
    send(path, *answer, 200, "text/html; charset=utf-8", std::string(serve_page()));
  } else if (path == kHealth) {
    send(path, *answer, 200, kJson, R"({"status":"ok"})");
  } else if (path == kMetrics) {
    send(path, *answer, 200, "text/plain; version=0.0.4; charset=utf-8", metrics());
  } else {
    const std::string model = model_json(options_.model, started_);
    send(kModels, *answer, 200, kJson,
         one_model ? model : fmt::format(R"({{"object":"list","data":[{}]}})", model));
  }
}

void Api::write_text(Endpoint endpoint, const HttpRequest& request, const std::string& path,
                     const std::shared_ptr<HttpAnswer>& answer) {
  ApiRequest asked =
      read_request(endpoint, request.body, options_.model, trained_, options_.limits);
  asked.text.deadline = std::chrono::steady_clock::now() + options_.timeout;
  std::string ignored;
  for (const std::string& name : asked.ignored) {
    ignored += (ignored.empty() ? ", ignored: " : " ") + shown(name, 40);
  }
  const auto end = [this, path, ignored, timer = Timer()](int status, const Usage& usage) {
    count(path, status);
    fmt::print(stderr, "{} {}: read {} tokens ({} known), wrote {}, {:.3g} s{}\n", path, status,
               usage.prompt, usage.cached, usage.written, timer.seconds(), ignored);
  };
  const std::int64_t count = asked.text.count;
  const auto choices = count * static_cast<std::int64_t>(asked.text.prompts.size());
  const auto listener = make_answer({endpoint, options_.model, asked.stream, asked.include_usage,
                                     std::move(asked.echoes), count, choices},
                                    answer, end);
  if (!engine_.submit(std::move(asked.text), listener)) {
    listener->failed(503, "too many requests are waiting; try again later", {});
  }
}

void Api::send(const std::string& path, HttpAnswer& answer, int status, std::string_view type,
               std::string body) {
  answer.send(status, type, std::move(body));
  count(path, status);
}

void Api::count(const std::string& path, int status) {
  const bool known = std::ranges::any_of(kPaths, [&](const Path& p) { return path == p.path; });
  const std::lock_guard lock(mutex_);
  ++counts_[{known ? path : "other", status}];
}

std::string Api::metrics() const {
  std::string text;
  const auto family = [&](const char* name, const char* type, const char* help) {
    text += fmt::format("# HELP lior_{0} {2}\n# TYPE lior_{0} {1}\n", name, type, help);
  };
  const auto value = [&](const char* name, const char* type, const char* help, double number) {
    family(name, type, help);
    text += fmt::format("lior_{} {}\n", name, number);
  };
  family("build_info", "gauge", "Version of the program.");
  text += fmt::format("lior_build_info{{version=\"{}\"}} 1\n", version());
  family("requests_total", "counter", "Requests that were answered, by path and status.");
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, number] : counts_) {
      text += fmt::format("lior_requests_total{{path=\"{}\",status=\"{}\"}} {}\n", key.first,
                          key.second, number);
    }
  }
  const Engine::Counts& counts = engine_.counts();
  const auto of = [](const std::atomic<std::int64_t>& n) { return static_cast<double>(n.load()); };
  value("prompt_tokens_total", "counter", "Tokens of prompts that were read.",
        of(counts.prompt_tokens));
  value("cached_tokens_total", "counter", "Tokens of prompts that were known from before.",
        of(counts.cached_tokens));
  value("written_tokens_total", "counter", "Tokens that were written.", of(counts.written_tokens));
  value("busy_seconds_total", "counter", "Seconds spent reading and writing.", counts.busy_seconds);
  value("requests_running", "gauge", "Requests whose texts are being written.", of(counts.running));
  value("requests_waiting", "gauge", "Requests that wait to be written.", of(counts.waiting));
  value("connections", "gauge", "Open connections.", static_cast<double>(options_.connections()));
  return text;
}

}  // namespace lior::app
