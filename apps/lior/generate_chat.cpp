// SPDX-License-Identifier: Apache-2.0
#include "generate_chat.h"

#include <fmt/core.h>
#include <poll.h>
#include <unistd.h>

#include <cstdio>
#include <optional>

#include "chat_prompt.h"
#include "interrupt.h"
#include "lior/core/error.h"
#include "lior/io/utf8.h"
#include "lior/train/tokenizer.h"
#include "text_output.h"
#include "text_stop.h"

namespace lior::app {
namespace {

/// Lines of stdin. Waiting for one ends when a signal comes.
class Lines {
 public:
  /// None after the last line, or when a signal came.
  std::optional<std::string> next() {
    std::size_t end = waiting_.find('\n');
    while (end == std::string::npos && !interrupted() && read_some()) end = waiting_.find('\n');
    if (interrupted() || waiting_.empty()) return {};
    std::string line = waiting_.substr(0, end);
    waiting_.erase(0, end == std::string::npos ? end : end + 1);
    return line;
  }

 private:
  /// False at the end of stdin.
  bool read_some() {
    constexpr int kLookMilliseconds = 100;
    pollfd input{STDIN_FILENO, POLLIN, 0};
    if (poll(&input, 1, kLookMilliseconds) == 0) return true;
    char bytes[4096];
    const ssize_t got = read(STDIN_FILENO, bytes, sizeof(bytes));
    if (got <= 0) return false;
    waiting_.append(bytes, static_cast<std::size_t>(got));
    return true;
  }

  std::string waiting_;
};

class Chat {
 public:
  Chat(const train::TrainedModel& trained, const ChatSettings& settings,
       train::DynamicModel* learner)
      : settings_(settings),
        tokenizer_(trained.tokenizer),
        generator_(trained.model, settings.sampling, settings.seed, learner) {
    if (!settings.system.empty()) before_ = settings.system + kBetweenMessages;
    for (const std::string& stop : chat_stops()) settings_.stops.push_back(stop);
  }

  void answer(const std::string& line) {
    const std::string named = std::exchange(named_, false) ? "" : kUserSays;
    const std::vector<std::int32_t> tokens = train::encode(
        *tokenizer_, before_ + named + " " + line + kBetweenMessages + kAssistantSays);
    speed_.read(std::ssize(tokens), [&] { generator_.read(tokens); });
    before_ = kBetweenMessages;
    StopAt stop(settings_.stops);
    speed_.write([&] { return write(stop); });
    // Where the model itself began what comes next, it is not said again.
    for (const std::string& begun : chat_stops()) {
      if (stop.rest() == begun) before_.clear(), named_ = true;
    }
  }

  const TextSpeed& speed() const { return speed_; }

 private:
  /// The number of tokens of the answer.
  std::int64_t write(StopAt& stop) {
    using Form = train::Decoder::Form;
    train::Decoder decoder(tokenizer_, settings_.raw ? Form::bytes : Form::utf8);
    bool begun = false;
    const auto show = [&](std::string text) {
      if (!begun) text.erase(0, text.find_first_not_of(" \n"));
      begun = begun || !text.empty();
      write_text(text);
    };
    std::int64_t written = 0;
    while (written < settings_.max_tokens && !stop.reached() && !interrupted()) {
      ++written;
      show(stop.push(decoder.push(generator_.next())));
    }
    if (!stop.reached()) show(stop.push(decoder.finish()) + stop.finish());
    write_text("\n");
    return written;
  }

  ChatSettings settings_;
  train::TokenizerPtr tokenizer_;
  train::Generator generator_;
  TextSpeed speed_;
  std::string before_;  // what stands before the next line
  bool named_ = false;  // whether the model has said "User:" already
};

}  // namespace

TextSpeed chat(const train::TrainedModel& trained, const ChatSettings& settings,
               train::DynamicModel* learner) {
  const bool asks = isatty(STDIN_FILENO) != 0;  // somebody types
  Chat chat(trained, settings, learner);
  Lines lines;
  std::int64_t number = 0;
  while (!interrupted()) {
    if (asks) fmt::print(stderr, "> ");
    const std::optional<std::string> line = lines.next();
    if (!line) break;
    ++number;
    if (line->empty()) continue;
    LIOR_CHECK(settings.raw || io::is_utf8(*line),
               "line {} of stdin: is not UTF-8; a text in UTF-8 is needed, or --raw, which takes "
               "any bytes",
               number);
    chat.answer(*line);
    forgive_interrupt();
  }
  if (asks) fmt::print(stderr, "\n");
  return chat.speed();
}

}  // namespace lior::app
