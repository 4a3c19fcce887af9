// SPDX-License-Identifier: Apache-2.0
#include "serve_request.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <limits>
#include <random>

#include "chat_prompt.h"
#include "lior/core/text.h"
#include "lior/train/tokenizer.h"

namespace lior::app {
namespace {

using nlohmann::json;

constexpr int kDeepest = 32;  // levels of a request's JSON
constexpr std::size_t kMostStops = 16, kLongestStop = 1024;

/// Fields that would change the answer, which nothing here can do, and their values that ask for
/// nothing.
struct Refused {
  const char *name, *neutral;
};
constexpr Refused kRefused[] = {
    {"presence_penalty", "0"},
    {"frequency_penalty", "0"},
    {"logit_bias", "{}"},
    {"suffix", "\"\""},
    {"best_of", "1"},
    {"logprobs", "false"},
    {"top_logprobs", "0"},
    {"tools", "[]"},
    {"functions", "[]"},
    {"modalities", "[\"text\"]"},
    {"response_format", "{\"type\":\"text\"}"},
};
/// Fields that are read, or that ask for nothing that a text depends on.
constexpr const char* kKnown[] = {"model",
                                  "max_tokens",
                                  "max_completion_tokens",
                                  "temperature",
                                  "top_p",
                                  "top_k",
                                  "min_p",
                                  "repetition_penalty",
                                  "repeat_penalty",
                                  "n",
                                  "stop",
                                  "seed",
                                  "stream",
                                  "stream_options",
                                  "prompt",
                                  "messages",
                                  "echo",
                                  "user",
                                  "store",
                                  "metadata",
                                  "tool_choice",
                                  "function_call",
                                  "parallel_tool_calls",
                                  "cache_prompt"};

json parse(const std::string& body) {
  const auto depth = [](int level, json::parse_event_t, json&) {
    if (level > kDeepest) {
      throw ApiError(400, fmt::format("the JSON nests deeper than {} levels", kDeepest));
    }
    return true;
  };
  try {
    json request = json::parse(body, depth);
    if (!request.is_object()) throw ApiError(400, "the body must be a JSON object");
    return request;
  } catch (const json::exception& error) {
    throw ApiError(400, "the body is not JSON in UTF-8: " + shown(error.what(), 200));
  }
}

/// The fields of a request by name; null counts as absent.
class Fields {
 public:
  explicit Fields(const json& object) : object_(object) {}

  const json* find(const char* name) const {
    const auto found = object_.find(name);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }
  double number(const char* name, double fallback, double least, double most) const {
    const json* value = find(name);
    if (value == nullptr) return fallback;
    const double given = value->is_number() ? value->get<double>() : std::nan("");
    if (!(given >= least && given <= most)) {
      throw ApiError(400, fmt::format("{}: must be a number from {} to {}", name, least, most),
                     name);
    }
    return given;
  }
  std::int64_t integer(const char* name, std::int64_t fallback, std::int64_t least,
                       std::int64_t most) const {
    const json* value = find(name);
    if (value == nullptr) return fallback;
    // A number past 2^63 is unsigned there, and would wrap.
    const bool fits = value->is_number_integer() &&
                      !(value->is_number_unsigned() &&
                        value->get<std::uint64_t>() >
                            static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()));
    const std::int64_t given = fits ? value->get<std::int64_t>() : least - 1;
    if (given < least || given > most) {
      throw ApiError(400, fmt::format("{}: must be an integer from {} to {}", name, least, most),
                     name);
    }
    return given;
  }
  bool flag(const char* name) const {
    const json* value = find(name);
    if (value == nullptr) return false;
    if (!value->is_boolean())
      throw ApiError(400, fmt::format("{}: must be true or false", name), name);
    return value->get<bool>();
  }

 private:
  const json& object_;
};

void refuse_what_cannot_be(const Fields& fields) {
  for (const auto& [name, neutral] : kRefused) {
    const json* value = fields.find(name);
    if (value == nullptr || *value == json::parse(neutral)) continue;
    throw ApiError(
        400, fmt::format("{}: this server cannot do that; leave it out, or give {}", name, neutral),
        name, "unsupported_parameter");
  }
}

std::vector<std::string> unknown_fields(const json& request) {
  std::vector<std::string> unknown;
  for (const auto& [name, value] : request.items()) {
    const bool known =
        std::ranges::any_of(kKnown, [&](const char* k) { return name == k; }) ||
        std::ranges::any_of(kRefused, [&](const Refused& r) { return name == r.name; });
    if (!known) unknown.push_back(name);
  }
  return unknown;
}

std::vector<std::string> read_stops(const Fields& fields) {
  const json* value = fields.find("stop");
  if (value == nullptr) return {};
  const json list = value->is_array() ? *value : json::array({*value});
  const bool right =
      list.size() <= kMostStops && std::ranges::all_of(list, [](const json& stop) {
        return stop.is_string() && stop.get_ref<const std::string&>().size() <= kLongestStop;
      });
  if (!right) {
    throw ApiError(400,
                   fmt::format("stop: must be a text, or a list of at most {}, each of at most {} "
                               "bytes",
                               kMostStops, kLongestStop),
                   "stop");
  }
  return list.get<std::vector<std::string>>();
}

using Tokens = std::vector<std::int32_t>;

/// An empty text begins as after a line break, as with lior generate.
Tokens tokens_of(const train::TrainedModel& trained, const std::string& text) {
  return train::encode(*trained.tokenizer, text.empty() ? "\n" : text);
}

std::string text_of(const train::TrainedModel& trained, const Tokens& tokens) {
  train::Decoder decoder(trained.tokenizer, train::Decoder::Form::utf8);
  std::string text;
  for (const std::int32_t token : tokens) text += decoder.push(token);
  return text + decoder.finish();
}

Tokens read_tokens(const json& list, std::int64_t vocabulary) {
  Tokens tokens;
  for (const json& token : list) {
    if (!token.is_number_unsigned() ||
        token.get<std::uint64_t>() >= static_cast<std::uint64_t>(vocabulary)) {
      throw ApiError(400,
                     fmt::format("prompt: tokens must be integers from 0 to {}", vocabulary - 1),
                     "prompt");
    }
    tokens.push_back(token.get<std::int32_t>());
  }
  return tokens;
}

/// A text, tokens, or a list of either.
void read_prompts(const Fields& fields, const train::TrainedModel& trained,
                  const RequestLimits& limits, ApiRequest& request) {
  const json* value = fields.find("prompt");
  if (value == nullptr) {
    throw ApiError(400, "you must provide a prompt parameter", "prompt");
  }
  const bool one =
      value->is_string() || (value->is_array() && !value->empty() && value->front().is_number());
  const json list = one ? json::array({*value}) : *value;
  if (!list.is_array() || list.empty() ||
      static_cast<std::int64_t>(list.size()) > limits.max_choices) {
    throw ApiError(400,
                   fmt::format("prompt: must be a text, a list of tokens, or a list of 1 to {} of "
                               "them",
                               limits.max_choices),
                   "prompt");
  }
  const bool echo = fields.flag("echo");
  for (const json& prompt : list) {
    if (!prompt.is_string() && !(prompt.is_array() && !prompt.empty())) {
      throw ApiError(400, "prompt: must be a text, a list of tokens, or a list of them", "prompt");
    }
    const bool is_text = prompt.is_string();
    request.text.prompts.push_back(is_text
                                       ? tokens_of(trained, prompt.get<std::string>())
                                       : read_tokens(prompt, trained.model.config().vocabulary));
    if (echo) {
      request.echoes.push_back(is_text ? prompt.get<std::string>()
                                       : text_of(trained, request.text.prompts.back()));
    }
  }
}

/// A text, or a list of parts that are texts.
std::string read_content(const json& message) {
  const auto content = message.find("content");
  // Without it a client's misspelt field would be answered at full length.
  if (content == message.end() || !(content->is_string() || content->is_array())) {
    throw ApiError(400,
                   "messages: each must have a content, a text or a list of parts of type text",
                   "messages");
  }
  if (content->is_string()) return content->get<std::string>();
  std::string text;
  for (const json& part : *content) {
    if (!part.is_object() || part.value("type", json()) != "text" || !part.contains("text") ||
        !part["text"].is_string()) {
      throw ApiError(400, "messages: content must be a text, or a list of parts of type text",
                     "messages");
    }
    text += part["text"].get<std::string>();
  }
  return text;
}

std::vector<ChatMessage> read_messages(const Fields& fields) {
  const json* list = fields.find("messages");
  if (list == nullptr || !list->is_array() || list->empty()) {
    throw ApiError(400, "messages: must be a list of at least one message", "messages");
  }
  std::vector<ChatMessage> messages;
  for (const json& message : *list) {
    if (!message.is_object() || !message.contains("role") || !message["role"].is_string()) {
      throw ApiError(400, "messages: each must be an object with a role", "messages");
    }
    const auto role = message["role"].get<std::string>();
    constexpr const char* kRoles[] = {"system", "developer", "user", "assistant"};
    if (std::ranges::none_of(kRoles, [&](const char* known) { return role == known; })) {
      throw ApiError(400,
                     fmt::format("messages: role '{}' is unknown; expected one of: system, "
                                 "developer, user, assistant",
                                 shown(role)),
                     "messages");
    }
    messages.push_back({role, read_content(message)});
  }
  return messages;
}

void read_sampling(const Fields& fields, TextRequest& text) {
  constexpr double kLarge = 1e6;
  text.sampling.temperature = fields.number("temperature", 1, 0, 2);
  text.sampling.top_p = fields.number("top_p", 1, 0, 1);
  if (text.sampling.top_p == 0) text.sampling.temperature = 0, text.sampling.top_p = 1;
  text.sampling.min_p = fields.number("min_p", 0, 0, 1);
  text.sampling.top_k = std::max<std::int64_t>(0, fields.integer("top_k", 0, -1, 1 << 30));
  // llama.cpp's word for it, then vLLM's.
  const double penalty = fields.number("repeat_penalty", 1, 1e-3, kLarge);
  text.sampling.repetition_penalty = fields.number("repetition_penalty", penalty, 1e-3, kLarge);
  constexpr auto kSeeds = std::numeric_limits<std::int64_t>::max();
  const std::int64_t chosen = std::random_device()();
  text.seed = static_cast<std::uint64_t>(fields.integer("seed", chosen, -kSeeds, kSeeds));
}

}  // namespace

ApiRequest read_request(Endpoint endpoint, const std::string& body, const std::string& model,
                        const train::TrainedModel& trained, const RequestLimits& limits) {
  const json object = parse(body);
  const Fields fields(object);
  if (const json* name = fields.find("model"); name != nullptr && *name != model) {
    throw ApiError(404,
                   fmt::format("the model {} does not exist; this server has '{}'",
                               shown(name->dump(-1, ' ', true)), model),
                   "model", "model_not_found");
  }
  refuse_what_cannot_be(fields);
  ApiRequest request;
  request.ignored = unknown_fields(object);
  request.stream = fields.flag("stream");
  if (const json* options = fields.find("stream_options"); options != nullptr) {
    if (!options->is_object())
      throw ApiError(400, "stream_options: must be an object", "stream_options");
    request.include_usage = Fields(*options).flag("include_usage");
  }
  read_sampling(fields, request.text);
  request.text.count = fields.integer("n", 1, 1, limits.max_choices);
  request.text.stops = read_stops(fields);
  if (endpoint == Endpoint::completions) {
    request.text.max_tokens = fields.integer(
        "max_tokens", std::min<std::int64_t>(16, limits.max_tokens), 0, limits.max_tokens);
    read_prompts(fields, trained, limits, request);
  } else {
    const std::int64_t most = fields.integer("max_tokens", limits.max_tokens, 1, limits.max_tokens);
    request.text.max_tokens = fields.integer("max_completion_tokens", most, 1, limits.max_tokens);
    request.text.prompts = {tokens_of(trained, chat_prompt(read_messages(fields)))};
    for (const std::string& stop : chat_stops()) request.text.stops.push_back(stop);
  }
  std::int64_t tokens = 0;
  for (const Tokens& prompt : request.text.prompts)
    tokens += static_cast<std::int64_t>(prompt.size());
  if (tokens > limits.max_prompt) {
    throw ApiError(400,
                   fmt::format("the prompt has {} tokens; this server takes at most {}", tokens,
                               limits.max_prompt),
                   endpoint == Endpoint::chat ? "messages" : "prompt", "context_length_exceeded");
  }
  if (request.text.count * static_cast<std::int64_t>(request.text.prompts.size()) >
      limits.max_choices) {
    throw ApiError(
        400,
        fmt::format("n: {} texts are asked for in all; at most {}",
                    request.text.count * static_cast<std::int64_t>(request.text.prompts.size()),
                    limits.max_choices),
        "n");
  }
  return request;
}

}  // namespace lior::app
