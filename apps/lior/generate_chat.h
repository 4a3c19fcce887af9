// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A chat on the terminal: `lior generate --interactive`.

#include <string>
#include <vector>

#include "lior/train/checkpoint.h"
#include "lior/train/generate.h"
#include "text_speed.h"

namespace lior::app {

struct ChatSettings {
  std::string system;  ///< what stands before the chat; none: empty
  std::vector<std::string> stops;
  std::int64_t max_tokens = 256;  ///< of an answer
  train::Sampling sampling;
  std::uint64_t seed = 0;
  bool raw = false;  ///< bytes as they come
};

/// Reads lines from stdin and answers each (chat_prompt.h), with one state all along, until stdin
/// ends. Ctrl-C ends an answer; where none is being written, and any other signal, ends the chat,
/// which interrupted() then says. `learner`: as a Generator has it. How fast it was; nobody's
/// typing counts. Throws lior::Error on a line that is not UTF-8.
TextSpeed chat(const train::TrainedModel& trained, const ChatSettings& settings,
               train::DynamicModel* learner);

}  // namespace lior::app
