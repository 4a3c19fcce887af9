// SPDX-License-Identifier: Apache-2.0
#include "chat_prompt.h"

#include <fmt/core.h>

namespace lior::app {

std::string chat_prompt(const std::vector<ChatMessage>& messages) {
  std::string prompt;
  for (const auto& [role, content] : messages) {
    if (role == "user") prompt += fmt::format("{} ", kUserSays);
    if (role == "assistant") prompt += fmt::format("{} ", kAssistantSays);
    prompt += content + kBetweenMessages;
  }
  return prompt + kAssistantSays;
}

}  // namespace lior::app
