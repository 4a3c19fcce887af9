// SPDX-License-Identifier: Apache-2.0
#include "serve_engine.h"

#include <algorithm>

#include "lior/core/timer.h"
#include "lior/train/tokenizer.h"
#include "text_stop.h"

namespace lior::app {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto kTurn = 5ms;     // how long a request is written before the next one's turn
constexpr auto kPieces = 20ms;  // pieces of a text are put together for so long

}  // namespace

const PrefixCache::Entry* PrefixCache::find(std::span<const std::int32_t> tokens) {
  auto best = entries_.end();
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
    const bool longer = best == entries_.end() || entry->tokens.size() > best->tokens.size();
    if (longer && entry->tokens.size() <= tokens.size() &&
        std::equal(entry->tokens.begin(), entry->tokens.end(), tokens.begin())) {
      best = entry;
    }
  }
  if (best == entries_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, best);
  return &entries_.front();
}

void PrefixCache::keep(Entry entry) {
  const auto size = [](const Entry& e) {
    return sizeof(float) * (e.reading.state.size() + e.reading.scores.size()) +
           sizeof(std::int32_t) * e.tokens.size();
  };
  const Entry* same = find(entry.tokens);
  if (same != nullptr && same->tokens.size() == entry.tokens.size()) return;
  bytes_ += size(entry);
  entries_.push_front(std::move(entry));
  while (bytes_ > most_) {
    bytes_ -= size(entries_.back());
    entries_.pop_back();
  }
}

/// A request on its way: its choices one after the other.
class Engine::Job {
 public:
  Job(Engine& engine, TextRequest request, std::shared_ptr<TextListener> listener)
      : engine_(engine), request_(std::move(request)), listener_(std::move(listener)) {}

  TextListener& listener() { return *listener_; }
  bool rests() const { return listener_->behind(); }

  /// Reads or writes for a turn. False: the request is over, and its listener knows.
  bool go_on();
  /// Ends it where it is.
  void stop() { listener_->failed(503, "the server is being stopped", usage_); }

 private:
  void begin_text();
  void read_some();
  void write_some();
  void end_text(Finish reason);
  void show(const std::string& text, bool all);

  /// A text that is being written.
  struct Text {
    Text(const train::TrainedModel& trained, const TextRequest& request, std::uint64_t seed)
        : generator(trained.model, request.sampling, seed),
          decoder(trained.tokenizer, train::Decoder::Form::utf8),
          stop(request.stops) {}
    train::Generator generator;
    train::Decoder decoder;
    StopAt stop;
    std::vector<std::int32_t> tokens;  // read or written so far
    std::int64_t written = 0;
    std::string ready;  // to be shown with what follows
    Clock::time_point shown{};
  };

  const std::vector<std::int32_t>& prompt() const {
    return request_.prompts[static_cast<std::size_t>(choice_ / request_.count)];
  }
  std::int64_t choices() const {
    return static_cast<std::int64_t>(request_.prompts.size()) * request_.count;
  }

  Engine& engine_;
  TextRequest request_;
  std::shared_ptr<TextListener> listener_;
  std::int64_t choice_ = 0;
  std::optional<Text> text_;
  Usage usage_;
};

bool Engine::Job::go_on() {
  if (!listener_->wanted()) {
    listener_->left(usage_);
    return false;
  }
  if (Clock::now() > request_.deadline) {
    listener_->failed(503, "the request took too long, and was ended", usage_);
    return false;
  }
  try {
    if (!text_) begin_text();
    if (text_->tokens.size() < prompt().size()) {
      read_some();
    } else {
      write_some();
    }
  } catch (const std::exception& error) {  // scores that are not finite; no memory
    listener_->failed(500, error.what(), usage_);
    return false;
  }
  if (choice_ < choices()) return true;
  listener_->done(usage_);
  return false;
}

/// Starts from what was read before, as far as the prompt agrees with it.
void Engine::Job::begin_text() {
  const auto seed = request_.seed + static_cast<std::uint64_t>(choice_);
  text_.emplace(engine_.trained_, request_, seed);
  const bool again = choice_ % request_.count != 0;  // another text of the same prompt
  if (!again) usage_.prompt += static_cast<std::int64_t>(prompt().size());
  const PrefixCache::Entry* known = engine_.cache_.find(prompt());
  if (known == nullptr) return;
  text_->generator.resume(known->reading, known->tokens);
  text_->tokens = known->tokens;
  if (again) return;
  usage_.cached += static_cast<std::int64_t>(known->tokens.size());
  engine_.counts_.cached_tokens += static_cast<std::int64_t>(known->tokens.size());
}

void Engine::Job::read_some() {
  const std::size_t begin = text_->tokens.size();
  const std::size_t size =
      std::min(prompt().size() - begin, static_cast<std::size_t>(train::Generator::kWindow));
  const std::span<const std::int32_t> part(prompt().data() + begin, size);
  text_->generator.read(part);
  text_->tokens.insert(text_->tokens.end(), part.begin(), part.end());
  engine_.counts_.prompt_tokens += static_cast<std::int64_t>(size);
  if (text_->tokens.size() == prompt().size()) {
    engine_.cache_.keep({text_->tokens, text_->generator.reading()});
  }
}

void Engine::Job::write_some() {
  const auto end = Clock::now() + kTurn;
  do {
    if (text_->written == request_.max_tokens) {
      const std::string last = text_->stop.push(text_->decoder.finish());
      show(last + text_->stop.finish(), true);
      end_text(text_->stop.reached() ? Finish::stop : Finish::length);
      return;
    }
    const std::int32_t token = text_->generator.next();
    text_->tokens.push_back(token);
    ++text_->written;
    ++usage_.written;
    ++engine_.counts_.written_tokens;
    const std::string text = text_->stop.push(text_->decoder.push(token));
    show(text, text_->stop.reached());
    if (text_->stop.reached()) {
      end_text(Finish::stop);
      return;
    }
  } while (Clock::now() < end);
}

void Engine::Job::show(const std::string& text, bool all) {
  text_->ready += text;
  const auto now = Clock::now();
  if (text_->ready.empty() || (!all && now - text_->shown < kPieces)) return;
  listener_->text(choice_, std::exchange(text_->ready, {}));
  text_->shown = now;
}

void Engine::Job::end_text(Finish reason) {
  engine_.cache_.keep({std::move(text_->tokens), text_->generator.reading()});
  text_.reset();
  listener_->finished(choice_++, reason);
}

Engine::Engine(const train::TrainedModel& trained, const EngineLimits& limits)
    : trained_(trained), limits_(limits), cache_(limits.cache), thread_([this] { run(); }) {}

Engine::~Engine() { stop(); }

bool Engine::submit(TextRequest request, std::shared_ptr<TextListener> listener) {
  const std::lock_guard lock(mutex_);
  if (stopping_ || static_cast<std::int64_t>(waiting_.size()) >= limits_.waiting) return false;
  waiting_.push_back(std::make_unique<Job>(*this, std::move(request), std::move(listener)));
  counts_.waiting = static_cast<std::int64_t>(waiting_.size());
  changed_.notify_one();
  return true;
}

void Engine::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

bool Engine::take_requests() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return stopping_ || !waiting_.empty() || !running_.empty(); });
  if (stopping_) return false;
  while (!waiting_.empty() && static_cast<std::int64_t>(running_.size()) < limits_.parallel) {
    running_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  counts_.waiting = static_cast<std::int64_t>(waiting_.size());
  counts_.running = static_cast<std::int64_t>(running_.size());
  return true;
}

void Engine::go_round() {
  bool all_rest = true;
  for (auto job = running_.begin(); job != running_.end();) {
    if ((*job)->listener().wanted() && (*job)->rests()) {
      ++job;
      continue;
    }
    all_rest = false;
    job = (*job)->go_on() ? std::next(job) : running_.erase(job);
  }
  counts_.running = static_cast<std::int64_t>(running_.size());
  if (all_rest) std::this_thread::sleep_for(kTurn);
}

void Engine::run() {
  while (take_requests()) {
    const Timer timer;
    go_round();
    counts_.busy_seconds = counts_.busy_seconds + timer.seconds();
  }
  for (const auto& job : running_) job->stop();
  running_.clear();
  const std::lock_guard lock(mutex_);
  for (const auto& job : waiting_) job->stop();
  waiting_.clear();
}

}  // namespace lior::app
