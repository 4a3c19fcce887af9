// SPDX-License-Identifier: Apache-2.0
#include "serve_answer.h"

#include <nlohmann/json.hpp>

#include <ctime>
#include <random>

namespace lior::app {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kClientLeft = 499;  // nginx's number for it; nobody receives it

std::string dump(const Json& object) {
  return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string error_type(int status) {
  if (status == 401) return "authentication_error";
  if (status == 403) return "permission_error";
  if (status == 429) return "rate_limit_error";
  return status < 500 ? "invalid_request_error" : "server_error";
}

std::string new_id(Endpoint endpoint) {
  std::random_device random;
  return fmt::format("{}-{:08x}{:08x}{:08x}", endpoint == Endpoint::chat ? "chatcmpl" : "cmpl",
                     random(), random(), random());
}

Json usage_json(const Usage& usage) {
  return {{"prompt_tokens", usage.prompt},
          {"completion_tokens", usage.written},
          {"total_tokens", usage.prompt + usage.written},
          {"prompt_tokens_details", {{"cached_tokens", usage.cached}}}};
}

/// The fields that both forms share.
class Answer : public TextListener {
 public:
  Answer(AnswerForm form, std::shared_ptr<HttpAnswer> http, AnswerEnd end)
      : form_(std::move(form)),
        http_(std::move(http)),
        end_(std::move(end)),
        id_(new_id(form_.endpoint)),
        created_(std::time(nullptr)),
        begun_(static_cast<std::size_t>(form_.choices), false) {}
  ~Answer() override {
    if (end_) end_(kClientLeft, {});  // before it was begun
  }

  void text(std::int64_t choice, const std::string& piece) override {
    std::string shown = piece;
    if (chat() && !begun_[choice]) shown.erase(0, shown.find_first_not_of(" \n"));
    if (shown.empty()) return;
    begin(choice);
    add(choice, shown);
  }
  void finished(std::int64_t choice, Finish reason) override {
    begin(choice);
    close(choice, reason);
  }
  void left(const Usage& usage) override { ended(kClientLeft, usage); }
  bool wanted() const override { return !http_->gone(); }
  bool behind() const override { return http_->behind(); }

 protected:
  virtual void add(std::int64_t choice, const std::string& piece) = 0;
  virtual void close(std::int64_t choice, Finish reason) = 0;

  bool chat() const { return form_.endpoint == Endpoint::chat; }
  Json object(bool piece) const {
    return {{"id", id_},
            {"object",
             chat() ? (piece ? "chat.completion.chunk" : "chat.completion") : "text_completion"},
            {"created", created_},
            {"model", form_.model}};
  }
  void ended(int status, const Usage& usage) { std::exchange(end_, nullptr)(status, usage); }

  AnswerForm form_;
  std::shared_ptr<HttpAnswer> http_;

 private:
  void begin(std::int64_t choice) {
    if (begun_[choice]) return;
    begun_[choice] = true;
    if (!form_.echoes.empty()) add(choice, form_.echoes[choice / form_.count]);
  }

  AnswerEnd end_;
  std::string id_;
  std::int64_t created_;
  std::vector<bool> begun_;  // of each choice, whether a piece of it was added
};

class WholeAnswer : public Answer {
 public:
  using Answer::Answer;

  void done(const Usage& usage) override {
    Json answer = object(false);
    answer["choices"] = choices_;
    answer["usage"] = usage_json(usage);
    http_->send(200, "application/json", dump(answer));
    ended(200, usage);
  }
  void failed(int status, const std::string& message, const Usage& usage) override {
    http_->send(status, "application/json", error_json({status, message}));
    ended(status, usage);
  }

 protected:
  void add(std::int64_t, const std::string& piece) override { text_ += piece; }
  void close(std::int64_t choice, Finish reason) override {
    Json made = {{"index", choice}};
    if (chat()) {
      made["message"] = {{"role", "assistant"}, {"content", text_}, {"refusal", nullptr}};
    } else {
      made["text"] = text_;
    }
    made["logprobs"] = nullptr;
    made["finish_reason"] = name(reason);
    choices_.push_back(std::move(made));
    text_.clear();
  }

 private:
  Json choices_ = Json::array();
  std::string text_;
};

class StreamedAnswer : public Answer {
 public:
  StreamedAnswer(AnswerForm form, std::shared_ptr<HttpAnswer> http, AnswerEnd end)
      : Answer(std::move(form), std::move(http), std::move(end)) {
    http_->begin("text/event-stream; charset=utf-8");
  }

  void done(const Usage& usage) override {
    if (form_.include_usage) {
      Json last = object(true);
      last["choices"] = Json::array();
      last["usage"] = usage_json(usage);
      event(dump(last));
    }
    event("[DONE]");
    http_->end();
    ended(200, usage);
  }
  void failed(int status, const std::string& message, const Usage& usage) override {
    event(error_json({status, message}));
    http_->end();
    ended(status, usage);
  }

 protected:
  void add(std::int64_t choice, const std::string& piece) override {
    if (chat() && std::exchange(role_of_, choice) != choice) {
      send(choice, {{"role", "assistant"}, {"content", ""}}, nullptr);
    }
    send(choice, chat() ? Json{{"content", piece}} : Json(piece), nullptr);
  }
  void close(std::int64_t choice, Finish reason) override {
    send(choice, chat() ? Json::object() : Json(""), name(reason));
  }

 private:
  void event(const std::string& data) { http_->push("data: " + data + "\n\n"); }
  void send(std::int64_t choice, Json piece, const Json& reason) {
    Json sent = object(true);
    sent["choices"] = Json::array({{{"index", choice},
                                    {chat() ? "delta" : "text", std::move(piece)},
                                    {"logprobs", nullptr},
                                    {"finish_reason", reason}}});
    if (form_.include_usage) sent["usage"] = nullptr;
    event(dump(sent));
  }

  std::int64_t role_of_ = -1;  // the choice whose role was said
};

}  // namespace

std::string error_json(const ApiError& error) {
  const auto or_null = [](const std::string& text) { return text.empty() ? Json() : Json(text); };
  return dump({{"error",
                {{"message", error.what()},
                 {"type", error_type(error.status)},
                 {"param", or_null(error.param)},
                 {"code", or_null(error.code)}}}});
}

std::string model_json(const std::string& name, std::int64_t created) {
  return dump({{"id", name}, {"object", "model"}, {"created", created}, {"owned_by", "lior"}});
}

std::shared_ptr<TextListener> make_answer(AnswerForm form, std::shared_ptr<HttpAnswer> answer,
                                          AnswerEnd end) {
  if (form.stream) {
    return std::make_shared<StreamedAnswer>(std::move(form), std::move(answer), std::move(end));
  }
  return std::make_shared<WholeAnswer>(std::move(form), std::move(answer), std::move(end));
}

}  // namespace lior::app
