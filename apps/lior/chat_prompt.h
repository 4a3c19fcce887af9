// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The text that stands for a chat, for models that know no chats:
///
///     what the system says
///
///     User: first question
///
///     Assistant: first answer
///
///     User: second question
///
///     Assistant:
///
/// An answer ends where the model would say "User:" on a new line.

#include <string>
#include <vector>

namespace lior::app {

inline constexpr const char *kUserSays = "User:", *kAssistantSays = "Assistant:",
                            *kBetweenMessages = "\n\n";

/// Where an answer ends.
inline std::vector<std::string> chat_stops() { return {"\n\nUser:", "\nUser:"}; }

struct ChatMessage {
  std::string role, content;  ///< role: "user", "assistant"; others speak without a name
};
std::string chat_prompt(const std::vector<ChatMessage>& messages);

}  // namespace lior::app
