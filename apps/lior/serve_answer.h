// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Texts as the API's clients read them: one JSON object, or server-sent events.

#include <functional>
#include <memory>
#include <string>

#include "serve_http.h"
#include "serve_request.h"

namespace lior::app {

/// {"error": {"message", "type", "param", "code"}}.
std::string error_json(const ApiError& error);

/// A model as /v1/models lists it.
std::string model_json(const std::string& name, std::int64_t created);

struct AnswerForm {
  Endpoint endpoint;
  std::string model;
  bool stream, include_usage;
  std::vector<std::string> echoes;
  std::int64_t count, choices;  ///< texts of a prompt, and in all
};

/// Called once, when an answer ends: its status (499 where the client left), and its tokens.
using AnswerEnd = std::function<void(int status, const Usage& usage)>;

/// A listener that writes into `answer`.
std::shared_ptr<TextListener> make_answer(AnswerForm form, std::shared_ptr<HttpAnswer> answer,
                                          AnswerEnd end);

}  // namespace lior::app
