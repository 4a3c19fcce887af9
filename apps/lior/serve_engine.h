// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Writes the texts of many requests with one model, on one thread: it goes round the requests,
/// some tokens of each in turn, so that a long one does not keep a short one waiting.

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "lior/train/checkpoint.h"
#include "lior/train/generate.h"

namespace lior::app {

struct TextRequest {
  std::vector<std::vector<std::int32_t>> prompts;  ///< each of one token at least
  std::int64_t count = 1;        ///< texts of each prompt; choice = prompt * count + i
  std::int64_t max_tokens = 16;  ///< of each text
  train::Sampling sampling;
  std::uint64_t seed = 0;  ///< choice i is drawn with seed + i
  std::vector<std::string> stops{};
  std::chrono::steady_clock::time_point deadline;
};

enum class Finish { stop, length };
constexpr auto enum_names(Finish) { return enum_words("stop", "length"); }

struct Usage {
  std::int64_t prompt = 0, cached = 0, written = 0;  ///< tokens; `cached` are those of prompts
};

/// What a request is told, on the engine's thread: texts and ends of its choices in turn, then
/// `done`; or `failed`, or `left` where nobody waits any more, after which nothing comes. Each with
/// what was used until then.
class TextListener {
 public:
  virtual ~TextListener() = default;
  /// Well-formed UTF-8, never a part of a character.
  virtual void text(std::int64_t choice, const std::string& piece) = 0;
  virtual void finished(std::int64_t choice, Finish reason) = 0;
  virtual void done(const Usage& usage) = 0;
  virtual void failed(int status, const std::string& message, const Usage& usage) = 0;
  virtual void left(const Usage& usage) = 0;
  /// False once nobody waits for the texts.
  virtual bool wanted() const = 0;
  /// Whether the reader is slow: the request rests meanwhile.
  virtual bool behind() const = 0;
};

/// States after prompts and texts that were read before: a chat that goes on is not read again.
class PrefixCache {
 public:
  explicit PrefixCache(std::size_t bytes) : most_(bytes) {}

  struct Entry {
    std::vector<std::int32_t> tokens;
    train::Generator::Reading reading;
  };
  /// The longest that `tokens` begin with; null where none is. Valid until the next `keep`.
  const Entry* find(std::span<const std::int32_t> tokens);
  /// Drops those that were not used for the longest time where the room does not suffice.
  void keep(Entry entry);

 private:
  std::list<Entry> entries_;  // the last used first
  std::size_t most_, bytes_ = 0;
};

struct EngineLimits {
  std::int64_t parallel = 4;                   ///< requests that are written at a time
  std::int64_t waiting = 64;                   ///< requests that wait for it
  std::size_t cache = std::size_t{256} << 20;  ///< bytes of states
};

class Engine {
 public:
  Engine(const train::TrainedModel& trained, const EngineLimits& limits);
  ~Engine();

  /// False where too many wait already, or after stop().
  bool submit(TextRequest request, std::shared_ptr<TextListener> listener);
  /// Fails all requests with 503 and takes no more.
  void stop();

  /// Since the start.
  struct Counts {
    std::atomic<std::int64_t> prompt_tokens = 0, cached_tokens = 0, written_tokens = 0, running = 0,
                              waiting = 0;
    std::atomic<double> busy_seconds = 0;
  };
  const Counts& counts() const { return counts_; }

 private:
  class Job;

  void run();
  /// Takes waiting requests as far as there is room. False: the end.
  bool take_requests();
  void go_round();

  const train::TrainedModel& trained_;
  EngineLimits limits_;
  PrefixCache cache_;
  Counts counts_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::deque<std::unique_ptr<Job>> waiting_;  // under the mutex, as stopping_
  std::list<std::unique_ptr<Job>> running_;   // of the thread alone
  std::thread thread_;
};

}  // namespace lior::app
