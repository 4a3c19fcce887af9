// SPDX-License-Identifier: Apache-2.0
#include "lior/train/trainer.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

#include "lior/comm/same_lines.h"
#include "lior/core/available_memory.h"
#include "lior/core/text.h"
#include "lior/core/timer.h"
#include "lior/io/json_lines.h"
#include "lior/linalg/gemm.h"
#include "lior/train/advice.h"
#include "lior/train/checkpoint.h"
#include "lior/train/evaluate.h"
#include "lior/train/generate.h"
#include "lior/train/gradient_sum.h"
#include "lior/train/holding.h"
#include "lior/train/metrics.h"
#include "lior/train/rank_groups.h"
#include "lior/train/run_memory.h"
#include "lior/train/text_counts.h"
#include "lior/train/tokenizer_kinds.h"
#include "train/run_inputs.h"
#include "train/step_batches.h"

namespace lior::train {
namespace {

namespace fs = std::filesystem;

constexpr double kSaveSeconds = 60;  // a checkpoint at least this often, whatever save_every says
constexpr std::uint64_t kEvaluationSeed = 1;  // the same sequences at every evaluation

/// The part of a run that is over: the larger one of its steps and of its minutes.
double part_done(const Config& config, Index step, double seconds) {
  double done = 0;
  if (config.steps) done = static_cast<double>(step) / static_cast<double>(*config.steps);
  if (config.minutes) done = std::max(done, seconds / (60 * *config.minutes));
  return done;
}

/// All that a run holds between its steps.
class Trainer {
 public:
  /// The part that a rank does on its own: settings, data, memory.
  Trainer(std::span<const settings::Setting> settings, const fs::path& folder, bool resume,
          const Hooks& hooks, comm::Communicator& ranks)
      : folder_(folder),
        hooks_(hooks),
        ranks_(ranks),
        inputs_(open_inputs(settings, folder, resume, hooks, ranks)),
        curriculum_(config_.curriculum, data_->shortest_length(), config_.length),
        plan_(plan()),
        model_(config_.model),
        optimizer_(config_.optimizer, tensors_of(model_.parameters()), {}, ranks),
        sum_(config_.accumulate * config_.sequence_ranks, std::ssize(model_.gradients()),
             optimizer_.ends(), ranks) {
    model_.set_kept(plan_.kept);
    if (counts_ != nullptr) model_.set_counts(counts_);
    if (config_.dtype == linalg::Precision::bfloat16) use_bfloat16();
    results_.resize(static_cast<std::size_t>(config_.accumulate * config_.sequence_ranks));
    arena_.emplace(plan_.step_bytes);
    if (keeps_best()) best_ = BestWeights(std::ssize(model_.values()));
    batches_.fill(0, config_.length);  // too little data is found here

    model_.initialize(static_cast<std::uint64_t>(config_.seed));
    if (!resume && !config_.init_from.empty()) {
      load_weights(config_.init_from, Weights::best, model_);
    }
    state_.data_bytes = inputs_.data_bytes;
    state_.data_fingerprint = inputs_.data_fingerprint;
  }

  /// The part that ranks do together before the first step.
  void begin(bool resume) {
    check_settings_are_the_same();
    rank_groups_.emplace(ranks_, config_.sequence_ranks);
    ranks_.together([&] {
      if (evaluates()) prepare_evaluation();
    });
    check_data_are_the_same();
    if (resume) load();
    timer_ = Timer();
    ranks_.together([&] {
      if (ranks_.is_first()) open_folder(resume);
    });
    if (state_.step == 0) save();  // from here on there is always something to go on from
  }

  Outcome run() {
    const Index first_step = state_.step;
    timer_ = Timer();  // the run's minutes are those of its steps
    agree_on_the_time();
    bool stopped = false;
    while (!stopped && (state_.step == 0 || !ended())) {
      try {
        step();
        if (tries_exactness()) make_exact();
        if (tries_longer_words()) learn_longer();
        const bool last = ended();
        const bool evaluation_due = evaluates() && (last || state_.step % config_.eval_every == 0);
        const bool evaluated = evaluation_due && evaluate();
        stopped = any_interrupted() && (!last || evaluated != evaluation_due);
        if (last || evaluated || state_.step % config_.log_every == 0) log(evaluated);
        const bool due = now_ - saved_at_ >= kSaveSeconds;
        if (last || stopped || due || state_.step % config_.save_every == 0) save();
      } catch (const TextLost& lost) {
        save();
        ranks_.together([&] {
          if (std::string_view(lost.what()).empty()) return;  // another rank says it
          throw TextLost(
              fmt::format("{}; the run is saved in {} at step {}, and goes on with "
                          "--resume when the text is whole again",
                          lost.what(), shown_path(folder_.string()), state_.step));
        });
      }
      hooks_.after_step(progress(first_step));
    }
    return {.interrupted = stopped,
            .steps_made = state_.step - first_step,
            .step = state_.step,
            .seconds = clock(),
            .lost_patience = lost_patience(),
            .best = best_.best(),
            .val_loss = line_.val_loss,
            .tokens_per_byte = tokens_per_byte(),
            .exact = exact_,
            .longer = longer_,
            .config = config_};
  }

 private:
  void advise() const {
    if (!inputs_.chosen.empty()) hooks_.say(inputs_.chosen);
    if (const TextBytes* text = data_->text()) advise_on(*text);
    if (const Task* task = data_->task()) {
      for (const std::string& advice : advice_on_machine(*task, config_.model)) hooks_.say(advice);
    }
  }

  void advise_on(const TextBytes& text) const {
    if (const auto advice = advice_on_bytes(text)) hooks_.say(*advice);
    if (const auto advice = advice_on_vocabulary(config_)) hooks_.say(*advice);
    if (!inputs_.chosen.empty()) return;  // with the size in view
    if (const auto advice = advice_on_size(config_, std::ssize(model_.gradients()),
                                           training_bytes(config_, text))) {
      hooks_.say(*advice);
    }
  }

  std::optional<double> tokens_per_byte() const {
    if (!line_.val_nats_per_byte) return {};
    return *line_.val_nats_per_byte / *line_.val_loss;
  }

  bool evaluates() const { return data_->has_held_out(); }
  /// A task has new sequences for every step, so that the last weights are its best.
  bool keeps_best() const { return evaluates() && data_->text() != nullptr; }
  Index eval_batch() const { return std::min(config_.batch, config_.eval_count); }
  std::unique_ptr<Stream> evaluation() const {
    return data_->sample(kEvaluationSeed, config_.eval_count, config_.length, eval_batch());
  }

  void prepare_evaluation() {
    evaluator_.emplace(model_, eval_batch(), config_.length, rank_groups_->along());
    evaluator_->stop_when([this](double done) {
      hooks_.evaluating(done);
      return hooks_.interrupted();
    });
    const auto stream = evaluation();
    const double evaluated =
        static_cast<double>(stream->count()) * static_cast<double>(stream->length());
    const double trained = static_cast<double>(config_.eval_every) *
                           static_cast<double>(config_.accumulate) *
                           static_cast<double>(config_.batch) * static_cast<double>(config_.length);
    if (evaluated <= trained) return;
    hooks_.say(
        fmt::format("each evaluation reads {:.3g} times the tokens that are trained on between "
                    "two: most of the "
                    "time goes there; a smaller eval_count or a larger eval_every takes less",
                    evaluated / trained));
  }

  void use_bfloat16() {
    if (linalg::bf16_is_native()) {
      model_.set_precision(linalg::Precision::bfloat16);
    } else {
      hooks_.say("this processor does not multiply bfloat16 itself; the run goes on in float32");
    }
  }

  RunMemory plan() const {
    std::vector<Shape<2>> batches;
    for (const Index length : curriculum_.lengths()) {
      const Index batch = curriculum_.batch(config_.batch, length);
      batches.push_back({batch, length});
      if (StepBatches::packs(config_, *data_, length)) {
        const Index most = most_packed(batch * length);
        batches.push_back({most, batch * length / most});
      }
    }
    RunMemory plan = plan_memory(config_, batches, evaluates() ? eval_batch() : 0, keeps_best(),
                                 data_->held_bytes() + (counts_ != nullptr ? counts_->bytes() : 0),
                                 ranks_.size());
    if (config_.memory_budget) {
      hooks_.say(fmt::format(
          "memory: {} planned; of {} blocks {} compute norms and gates again, {} everything",
          bytes_text(static_cast<double>(plan.bytes)), plan.kept.size(),
          plan.blocks_that_keep(nn::Keep::products), plan.blocks_that_keep(nn::Keep::input)));
    }
    return plan;
  }

  /// A file on the disk of each host, or a variable of one host's environment, may differ. Threads
  /// may as well, and the data's place, whose contents have to be the same.
  void check_settings_are_the_same() {
    Config config = config_;
    config.threads = {};
    config.data = {};
    comm::check_same_lines(ranks_, "the settings", settings::to_toml(fields(config)));
  }

  /// Copies of a text, or of a machine's table, on the disks of several hosts may differ.
  void check_data_are_the_same() {
    std::vector<std::uint64_t> fingerprints(static_cast<std::size_t>(ranks_.size()));
    ranks_.all_gather(state_.data_fingerprint, std::span(fingerprints));
    ranks_.together([&] {
      LIOR_CHECK(state_.data_fingerprint == fingerprints[0],
                 "{}: is not what rank 0 has; all ranks need the same", shown_path(config_.data));
    });
  }

  void load() {
    const auto saved = load_checkpoint(folder_, model_, optimizer_, ranks_);
    if (!saved) return;
    if (const TextBytes* text = data_->text(); text != nullptr && text->is_sampled()) {
      hooks_.say(
          fmt::format("the text is taken to be the run's: its size is, and so are the samples "
                      "of it that were compared, 4 MB of {}",
                      bytes_text(static_cast<double>(text->size()))));
    }
    state_ = *saved;
    curriculum_.restore(saved->curriculum);
    best_.restore(saved->best);
    seconds_before_ = now_ = saved_at_ = saved->seconds;
    tokens_before_ = saved->tokens;
    say_how_the_rate_moves();
  }

  /// Where the run has another end than before, its schedule stands elsewhere.
  void say_how_the_rate_moves() const {
    const auto rate = [&](const Config& config) {
      return config.lr *
             schedule_factor(config.schedule, part_done(config, state_.step, state_.seconds));
    };
    const double old_rate = rate(*inputs_.before), new_rate = rate(config_);
    if (state_.step == 0 || ended() || std::abs(new_rate - old_rate) <= 0.01 * old_rate) return;
    hooks_.say(
        fmt::format("the learning rate goes on at {:.3g}, from {:.3g}: its schedule ends with "
                    "the run, which ends elsewhere now{}",
                    new_rate, old_rate, new_rate > old_rate ? "; the loss may rise at first" : ""));
  }

  /// The time by this rank's clock.
  double clock() const { return seconds_before_ + timer_.seconds(); }
  double done() const { return part_done(config_, state_.step, now_); }
  /// The run's time is the first rank's, as it was at the end of the latest step.
  void agree_on_the_time() {
    now_ = clock();
    ranks_.broadcast(std::span(&now_, 1));
  }
  bool any_interrupted() {
    interrupted_.resize(static_cast<std::size_t>(ranks_.size()));
    ranks_.all_gather(static_cast<char>(hooks_.interrupted()), std::span(interrupted_));
    return std::ranges::count(interrupted_, 1) > 0;
  }

  bool ended() const {
    return (config_.steps && state_.step >= *config_.steps) ||
           (config_.minutes && now_ >= 60 * *config_.minutes) || curriculum_.finished() ||
           lost_patience() || exact_;
  }
  /// Whether `patience` evaluations have come after the best one.
  bool lost_patience() const {
    return config_.patience > 0 && best_.best() &&
           state_.step - best_.best()->step >= config_.patience * config_.eval_every;
  }

  /// What a step takes was planned; of packed sequences, by the most that a batch has.
  void make_room(std::span<const Index> lengths) {
    if (lengths.empty()) return;
    const std::size_t bytes = model_.training_bytes(lengths);
    if (bytes > arena_->capacity()) arena_.emplace(bytes);
  }

  /// The sums of losses over the whole step, and this rank's range of the gradient of its mean.
  nn::LossResult take_gradients(Index targets) {
    for (Index g = sum_.first(); g < sum_.last(); ++g) {
      arena_->reset();
      model_.set_dropout({.rate = config_.dropout,
                          .seed = static_cast<std::uint64_t>(config_.seed),
                          .step = state_.step * config_.accumulate + batches_.number_of(g)});
      const auto [tokens, labels, places, lengths] = batches_.of(g);
      make_room(lengths);
      results_[static_cast<std::size_t>(g)] = model_.loss_and_gradients(
          View<const std::int32_t, 2>(tokens), View<const std::int32_t, 2>(labels), *arena_, places,
          targets, rank_groups_->along(), lengths);
      sum_.add(model_.gradients(), model_.row_gradients());
    }
    sum_.finish(model_.gradients());
    ranks_.all_gather(std::span(results_), batches_.ends());
    nn::LossResult all;
    for (const nn::LossResult& result : results_) {
      all.loss_sum += result.loss_sum;
      all.correct += result.correct;
    }
    all.targets = targets;
    return all;
  }

  /// One update: batches, gradients, clipping, optimiser.
  void step() {
    const Profile::Scope profiled(warm_ ? hooks_.profile : nullptr);
    warm_ = true;
    const nn::LossResult result = take_gradients(batches_.take(state_.step));
    const auto targets = static_cast<double>(result.targets);
    line_.loss = result.loss_sum / targets;
    line_.accuracy = static_cast<double>(result.correct) / targets;
    line_.length = curriculum_.length();
    over_generators_ = curriculum_.over_generators();
    line_.grad_norm = optimizer_.measure(model_.gradients(), sum_.rows());
    check_finite();

    const bool clips = config_.clip > 0 && line_.grad_norm > config_.clip;
    const double clip = clips ? config_.clip / line_.grad_norm : 1;
    // Step s of S ends at (s + 1)/S of the run: the first step has a rate above zero.
    agree_on_the_time();
    const double at = part_done(config_, state_.step + 1, now_);
    line_.lr = config_.lr * schedule_factor(config_.schedule, at);
    optimizer_.step(line_.lr, clip, model_.values(), model_.gradients(), sum_.rows());

    ++state_.step;
    state_.tokens += result.targets;
    curriculum_.observe(line_.accuracy);
    agree_on_the_time();
  }

  /// Those that model_.gradients() has.
  std::span<const nn::Parameter> flat_parameters() const {
    return model_.parameters().first(model_.parameters().size() - model_.row_gradients().size());
  }

  /// Whether this is a step at which the model may be good enough to be made exact. A function of
  /// the steps alone, so that a resumed run tries when the uninterrupted one does.
  bool tries_exactness() const {
    constexpr Index kFirstTry = 100, kShortestExact = 8;
    constexpr double kLeastAccuracy = 0.5;
    const Index tries = state_.step / kFirstTry;  // at 100, 200, 400, 800, ... steps
    const bool due =
        state_.step % kFirstTry == 0 && std::has_single_bit(static_cast<std::uint64_t>(tries));
    return config_.crystallise == Exactness::automatic && data_->text() == nullptr &&
           !why_not_exact(config_.model) && (due || ended()) && !over_generators_ &&
           line_.length >= std::min(kShortestExact, config_.length) &&
           line_.accuracy >= kLeastAccuracy;
  }

  /// Makes the model exact, which ends the run; else it goes on, and says at its end why not.
  void make_exact() {
    try {
      exact_ = crystallise(model_, {.thorough = ended()});
    } catch (const RunError& why) {
      if (ended()) hooks_.say(fmt::format("the model was not made exact: {}", why.what()));
    }
  }

  /// Whether the run is over, and its model a machine's that cannot be exact, and has learnt it.
  bool tries_longer_words() const {
    constexpr double kLeastAccuracy = 0.9;
    const Task* task = data_->task();
    return config_.crystallise == Exactness::automatic && task != nullptr &&
           task->problem != nullptr && why_not_exact(config_.model) && ended() &&
           line_.length == config_.length && line_.accuracy >= kLeastAccuracy;
  }

  void learn_longer() {
    hooks_.say(
        fmt::format("the model cannot be made exact: {}; where it loses track it is trained "
                    "on, along longer words of its own automaton",
                    *why_not_exact(config_.model)));
    try {
      arena_.reset();  // no step follows
      longer_ = learn_longer_words(model_, data_->task()->problem->machine,
                                   {.trained_length = config_.length,
                                    .most_bytes = plan_.left_between_steps(config_),
                                    .stopped = [this] { return any_interrupted(); },
                                    .stepping = hooks_.learning_longer});
    } catch (const RunError& why) {
      hooks_.say(fmt::format("it was not: {}", why.what()));
    }
  }

  /// Throws the same on all ranks, whose loss and norm are the same.
  void check_finite() {
    if (std::isfinite(line_.loss) && std::isfinite(line_.grad_norm)) return;
    std::string what = "the loss";
    if (const auto value = first_not_finite(model_.parameters(), model_.values())) {
      what = *value;
    } else if (const auto gradient = first_gradient_not_finite()) {
      what = "the gradient of " + *gradient;
    }
    ranks_.together([&] {
      throw RunError(
          fmt::format("step {}: loss {}, gradient norm {}; the first that is not finite is {}; a "
                      "lower lr or clip "
                      "may help, and {} keeps the last checkpoint",
                      state_.step, line_.loss, line_.grad_norm, what, folder_.string()));
    });
  }
  /// Of the first rank whose range has one.
  std::optional<std::string> first_gradient_not_finite() {
    std::vector<float> gradients(model_.gradients().begin(), model_.gradients().end());
    ranks_.all_gather(std::span(gradients), optimizer_.ends());
    return first_not_finite(flat_parameters(), gradients);
  }

  /// False where the run was interrupted meanwhile; nothing is kept then.
  bool evaluate() {
    const auto stream = evaluation();
    const EvalResult result = evaluator_->run(*stream, rank_groups_->across());
    if (any_interrupted()) return false;
    line_.val_loss = result.loss;
    line_.val_accuracy = result.accuracy;
    if (const TokenizerPtr tokenizer = data_->tokenizer(); tokenizer != byte_tokenizer()) {
      line_.val_nats_per_byte = result.nats_per_byte();
    }
    if (keeps_best()) compare_with_best({.step = state_.step, .val_loss = result.loss});
    if (config_.samples > 0 && ranks_.is_first()) keep_sample();
    return true;
  }

  /// Appends a text of the model as it is now to samples.jsonl.
  void keep_sample() {
    if (!samples_) samples_.emplace((folder_ / "samples.jsonl").string());
    const std::string text =
        write_text(model_, data_->tokenizer(), {.temperature = 0.8}, 0, config_.samples);
    samples_->append({{"step", state_.step}, {"text", text}});
  }

  void compare_with_best(const Best& now) {
    best_.observe(now, model_.values());
    const auto advice = advice_on_val(config_, *best_.best(), now);
    if (advice && !std::exchange(has_advised_on_val_, true)) hooks_.say(*advice);
  }

  void log(bool evaluated) {
    if (!ranks_.is_first()) return;
    MetricsLine line = line_;
    line.step = state_.step;
    line.tokens = state_.tokens;
    line.seconds = clock();
    line.planned_bytes = static_cast<Index>(plan_.bytes);
    if (!evaluated) line.val_loss = line.val_accuracy = line.val_nats_per_byte = std::nullopt;
    metrics_->write(line);
    hooks_.logged(line);
  }

  void save() {
    state_.seconds = clock();
    state_.curriculum = curriculum_.state();
    state_.best = best_.best();
    save_checkpoint(folder_, model_, optimizer_, state_, best_.unsaved(), ranks_);
    best_.saved();
    saved_at_ = now_;
  }

  /// The files that are the first rank's.
  void open_folder(bool resume) {
    if (!resume || !ended()) write_folder(resume);
    if (!resume) advise();  // the run can begin
    metrics_.emplace(folder_ / "metrics.jsonl", state_.step);
    if (const Index damaged = metrics_->damaged_lines(); damaged > 0) {
      hooks_.say(fmt::format("metrics.jsonl: {} damaged {} left out; the others stay", damaged,
                             damaged == 1 ? "line was" : "lines were"));
    }
  }

  /// Makes the folder, and writes what a run has there from its start.
  void write_folder(bool resume) {
    const Corpus* const corpus = data_->corpus();
    const bool is_pipe = corpus != nullptr && corpus->is_pipe();
    if (is_pipe) config_.data = absolute_names((folder_ / kTextFile).string());
    static_cast<void>(settings::to_json(fields(config_)));  // what cannot be kept is found here
    std::error_code error;
    fs::create_directories(folder_, error);
    LIOR_CHECK(!error, "--out \"{}\": cannot be made ({}); expected a folder that may be written",
               shown_path(folder_.string()), error.message());
    if (!resume) {
      inputs_.lock = std::make_unique<io::FolderLock>(folder_.string());
      check_unused(folder_);  // another run may have begun since
    }
    if (is_pipe || (corpus != nullptr && corpus->is_decoded())) corpus->keep(folder_);
    if (corpus != nullptr && !resume) keep_tokenizer(*data_->tokenizer(), folder_);
    write_config(config_, folder_ / "config.json");
    if (counts_ != nullptr && (!resume || !has_counts(folder_))) {
      save_counts(folder_, counts_->all, config_.model.vocabulary, state_.data_fingerprint);
    }
  }

  Progress progress(Index first_step) const {
    const double here = timer_.seconds();
    const double part = std::min(done(), 1.0);
    double left = config_.steps ? static_cast<double>(*config_.steps - state_.step) * here /
                                      static_cast<double>(state_.step - first_step)
                                : 60 * *config_.minutes - now_;
    if (config_.minutes) left = std::min(left, 60 * *config_.minutes - now_);
    return {.step = state_.step,
            .last_step = config_.steps,
            .done = part,
            .seconds_left = std::max(left, 0.0),
            .tokens_per_second = static_cast<double>(state_.tokens - tokens_before_) / here,
            .length = line_.length,
            .loss = line_.loss,
            .accuracy = data_->text() != nullptr ? std::nullopt : std::optional(line_.accuracy),
            .val_loss = line_.val_loss,
            .val_nats_per_byte = line_.val_nats_per_byte};
  }

  fs::path folder_;
  const Hooks& hooks_;
  comm::Communicator& ranks_;
  std::optional<RankGroups> rank_groups_;
  RunInputs inputs_;
  Config& config_ = inputs_.config;
  const Source* data_ = inputs_.data.get();
  const std::shared_ptr<const nn::TextCounts>& counts_ = inputs_.counts;
  RunState state_;
  Curriculum curriculum_;
  RunMemory plan_;
  nn::Model<float> model_;
  Optimizer<float> optimizer_;
  GradientSum sum_;
  StepBatches batches_{config_, *data_, curriculum_, counts_ != nullptr, ranks_};
  std::vector<nn::LossResult> results_;  // of each leaf of the sum_
  std::vector<char> interrupted_;        // ranks
  std::optional<Arena> arena_;
  std::optional<Evaluator> evaluator_;
  std::optional<Metrics> metrics_;
  std::optional<io::JsonLines> samples_;
  MetricsLine line_;  // of the latest step; its evaluation: the latest
  BestWeights best_;
  bool has_advised_on_val_ = false;
  std::optional<Crystal> exact_;
  std::optional<LongerWords> longer_;
  double seconds_before_ = 0;  // of earlier parts of the run
  Index tokens_before_ = 0;
  bool over_generators_ = false;  // of the latest step
  bool warm_ = false;  // the first step of a process also starts threads and makes kernels
  Timer timer_;
  double now_ = 0;       // seconds of the run, on all ranks
  double saved_at_ = 0;  // when the last checkpoint was written
};

}  // namespace

Outcome train(std::span<const settings::Setting> settings, const fs::path& folder, bool resume,
              const Hooks& hooks, comm::Communicator& ranks) {
  const Hooks quiet{.interrupted = hooks.interrupted};
  std::optional<Trainer> trainer;
  bool interrupted = false;
  ranks.together([&] {
    try {
      trainer.emplace(settings, folder, resume, ranks.is_first() ? hooks : quiet, ranks);
    } catch (const Interrupted&) {
      interrupted = true;
    }
  });
  std::vector<char> any(static_cast<std::size_t>(ranks.size()));
  ranks.all_gather(static_cast<char>(interrupted), std::span(any));
  if (std::ranges::count(any, 1) > 0) return {.interrupted = true};
  trainer->begin(resume);
  return trainer->run();
}

}  // namespace lior::train
