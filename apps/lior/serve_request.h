// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A request to the completions and chat endpoints.

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "serve_engine.h"

namespace lior::app {

/// A request that cannot be answered, as the API's clients read it.
struct ApiError : std::runtime_error {
  ApiError(int status, const std::string& message, std::string param = "", std::string code = "")
      : std::runtime_error(message),
        status(status),
        param(std::move(param)),
        code(std::move(code)) {}
  int status;
  std::string param, code;
};

enum class Endpoint { completions, chat };

struct RequestLimits {
  std::int64_t max_tokens = 2048;   ///< of a text
  std::int64_t max_prompt = 65536;  ///< tokens of all prompts
  std::int64_t max_choices = 16;
};

struct ApiRequest {
  TextRequest text;  ///< without its deadline
  bool stream = false, include_usage = false;
  std::vector<std::string> echoes{};   ///< a prompt's text, where it is to stand before its texts
  std::vector<std::string> ignored{};  ///< fields that nothing here reads
};

/// Reads the JSON of a request. Throws ApiError. Fields that the API has and the model cannot do
/// are refused where they ask for something; others that are not known are left alone, as
/// llama.cpp's server and vLLM do.
ApiRequest read_request(Endpoint endpoint, const std::string& body, const std::string& model,
                        const train::TrainedModel& trained, const RequestLimits& limits);

}  // namespace lior::app
