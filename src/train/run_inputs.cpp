// SPDX-License-Identifier: Apache-2.0
#include "train/run_inputs.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "lior/core/parallel.h"
#include "lior/core/text.h"
#include "lior/core/timer.h"
#include "lior/train/auto_preset.h"
#include "lior/train/checkpoint.h"
#include "lior/train/rank_groups.h"
#include "lior/train/text_counts.h"
#include "lior/train/tokenizer_kinds.h"

namespace lior::train {
namespace {

namespace fs = std::filesystem;

/// Whether `folder` holds nothing, or what a run leaves that was killed as it wrote its settings.
bool is_unused(const fs::path& folder) {
  return std::all_of(
      fs::directory_iterator(folder), fs::directory_iterator(),
      [](const auto& entry) { return entry.path().filename() == "config.json.partial"; });
}

/// Before a text is read, which may take minutes.
void check_can_be_made(const fs::path& folder) {
  fs::path above = fs::absolute(folder);
  std::error_code error;
  while (!fs::exists(above, error) && above.has_parent_path()) above = above.parent_path();
  LIOR_CHECK(::access(above.c_str(), W_OK | X_OK) == 0,
             "--out \"{}\": cannot be made ({}); expected a folder that may be written",
             shown_path(folder.string()), std::generic_category().message(errno));
}

/// Fills in the model's vocabulary and classes, or sees that they are the data's; begins with
/// generators only where the data have them.
void fit_to_data(Config& config, const Source& data) {
  const auto fit = [&](Index& setting, Index needed, const char* key) {
    LIOR_CHECK(setting == 0 || setting == needed, "{} is {}; data \"{}\" need {}", key, setting,
               shown_path(config.data), needed);
    setting = needed;
  };
  fit(config.model.vocabulary, data.vocabulary(), "model.vocabulary");
  fit(config.model.classes, data.classes(), "model.classes");
  if (!data.has_generators()) config.curriculum.generators = 0;
}

/// Asked while the data are read: whether to stop. Says once what takes so long.
class SlowWork {
 public:
  SlowWork(const Hooks& hooks, std::string what) : hooks_(hooks), what_(std::move(what)) {}

  bool operator()() {
    constexpr double kSilence = 0.5;  // seconds
    if (!said_ && timer_.seconds() > kSilence) {
      said_ = true;
      hooks_.say(what_);
    }
    return hooks_.interrupted();
  }

 private:
  const Hooks& hooks_;
  std::string what_;
  Timer timer_;
  bool said_ = false;
};

class Opening {
 public:
  Opening(std::span<const settings::Setting> settings, const fs::path& folder, bool resume,
          const Hooks& hooks, const comm::Communicator& ranks)
      : settings_(settings), folder_(folder), resume_(resume), hooks_(hooks), ranks_(ranks) {}

  RunInputs run() {
    take_settings();
    check_ranks();
    set_threads(static_cast<int>(inputs_.config.threads));
    open_data();
    if (resume_) check_data_are_the_runs();
    check_text_settings();
    count();
    return std::move(inputs_);
  }

 private:
  /// Of the run in the folder: from scratch, or from where it was left.
  void take_settings() {
    if (!resume_) {
      if (ranks_.is_first()) check_unused(folder_);
      inputs_.config = new_config(settings_);
      return;
    }
    const fs::path file = folder_ / "config.json";
    std::error_code error;
    LIOR_CHECK(!folder_.empty() && fs::is_regular_file(file, error),
               "{}: no such file; a run's folder holds config.json",
               shown_path(folder_.empty() ? folder_.string() : file.string()));
    if (ranks_.is_first()) inputs_.lock = std::make_unique<io::FolderLock>(folder_.string());
    inputs_.before = read_run_config(folder_);
    inputs_.config = resumed_config(*inputs_.before, settings_);
  }

  void check_ranks() const {
    const Config& config = inputs_.config;
    LIOR_CHECK(
        ranks_.size() == 1 || config.data != "-",
        "--data -: one process reads the standard input, and there are {} ranks; write it to a "
        "file that all can read",
        ranks_.size());
    RankGroups::check(ranks_.size(), config.sequence_ranks);
    const Index groups = ranks_.size() / config.sequence_ranks;
    LIOR_CHECK(
        config.accumulate % groups == 0,
        "accumulate = {}: {} ranks share the micro-batches of a step; expected a multiple of "
        "{}",
        config.accumulate, groups, groups);
  }

  void open_data() {
    DataChoice choice = data_choice(inputs_.config);
    choice.made = tokenizer_before();
    if (inputs_.before) choice.cache = folder_;
    choice.corpus.is_the_runs = inputs_.before && inputs_.before->data == inputs_.config.data;
    inputs_.data = open_source(choice, reading());
    if (hooks_.interrupted()) throw Interrupted();
    if (const Corpus* corpus = inputs_.data->corpus()) take(*corpus);
    const Task* task = inputs_.data->task();
    if (task != nullptr && task->problem != nullptr) {
      inputs_.config.data = data_of_task(*task);
      inputs_.data_fingerprint = task->problem->fingerprint;
    }
    fit_to_data(inputs_.config, *inputs_.data);
  }

  SlowWork reading() const {
    const std::string& data = inputs_.config.data;
    return {hooks_, data == "-" ? "reading the standard input to its end"
                                : fmt::format("reading {}", shown_names(data))};
  }

  void take(const Corpus& corpus) {
    if (!inputs_.before && leaves_preset(settings_)) choose(corpus);
    Config& config = inputs_.config;
    inputs_.data_bytes = corpus.text().size();
    inputs_.data_fingerprint = corpus.fingerprint(reading());
    if (hooks_.interrupted()) throw Interrupted();
    if (!corpus.is_pipe()) config.data = absolute_names(config.data);
    if (!corpus.note().empty()) hooks_.say(corpus.note());
  }

  /// Before anything else that another text would make wrong, such as its counts.
  void check_data_are_the_runs() const {
    const auto saved = read_run_state(folder_);
    if (!saved) return;
    const bool is_same_table = saved->data_fingerprint == inputs_.data_fingerprint;
    LIOR_CHECK(inputs_.data->text() != nullptr || is_same_table,
               "data \"{}\": the table is not the one that the run was trained on; a resumed run "
               "needs the same machine",
               shown_path(inputs_.config.data));
    LIOR_CHECK(saved->data_bytes == inputs_.data_bytes && is_same_table,
               "{}: has {} bytes and is not the text that the run was trained on ({} bytes); a "
               "resumed run needs the same text, wherever it lies now",
               shown_names(inputs_.config.data), inputs_.data_bytes, saved->data_bytes);
  }

  /// Settings that only a text has.
  void check_text_settings() const {
    const Config& config = inputs_.config;
    const bool is_text = inputs_.data->text() != nullptr;
    LIOR_CHECK(config.patience == 0 || (is_text && inputs_.data->has_held_out()),
               "patience = {} counts evaluations on the held-out part of a text, and data \"{}\" "
               "with val_fraction = {} have none; 0 is right here",
               config.patience, shown_path(config.data), config.val_fraction);
    LIOR_CHECK(config.samples == 0 || is_text,
               "samples = {}: a model writes them that is trained on a text, and data \"{}\" is "
               "none; 0 is right here",
               config.samples, shown_path(config.data));
  }

  /// Takes what the preset "auto" takes for this text.
  void choose(const Corpus& corpus) {
    Config& config = inputs_.config;
    const Index bytes = training_bytes(config, corpus.text());
    const PresetChoice choice = choose_preset(config, {.training_bytes = bytes,
                                                       .bytes_per_token = bytes_per_token(bytes),
                                                       .entropy = corpus.text().entropy(),
                                                       .documents = std::ssize(corpus.documents()),
                                                       .holds_out = inputs_.data->has_held_out()});
    config = new_config(settings_, &choice);
    inputs_.chosen = choice_text(config, choice);
  }

  /// Of so many bytes to train on.
  double bytes_per_token(Index bytes) const {
    if (inputs_.data->tokenizer() == byte_tokenizer()) return 1;
    Index tokens = 0;
    for (const Range& part : inputs_.data->training_parts()) tokens += part.size();
    return static_cast<double>(bytes) / static_cast<double>(std::max<Index>(tokens, 1));
  }

  /// The counts of the training text; of a run that goes on those that it saved.
  void count() {
    const nn::ModelConfig& model = inputs_.config.model;
    LIOR_CHECK(model.count_orders > 0 || inputs_.config.count_tokens == 0,
               "count_tokens = {} of the text are to be counted, and the model has no counts "
               "(model.count_orders = 0); 0 is right here",
               inputs_.config.count_tokens);
    if (model.count_orders == 0) return;
    const Source& data = *inputs_.data;
    LIOR_CHECK(
        data.text() != nullptr,
        "model.count_orders = {} counts what follows what in a text; data \"{}\" are made as "
        "they are needed, and 0 is right here",
        model.count_orders, inputs_.config.data);
    // A model with a window learns from what stands there.
    const CountChoice choice{.tokens = inputs_.config.count_tokens,
                             .recent_orders = model.recent_window > 0 ? 0 : model.recent_orders};
    nn::TextCounts counts;
    const SlowWork interrupted(hooks_, "counting what follows what in the text");
    if (resume_ && (has_counts(folder_) || has_checkpoint(folder_))) {
      nn::Counts saved =
          load_counts(folder_, model.count_orders, model.vocabulary, inputs_.data_fingerprint);
      counts = count_parts(data, std::move(saved), choice, interrupted);
    } else {
      counts = count_text(data, nn::Counts(model.count_orders), choice, interrupted);
      if (const auto before = counts_before()) add_if_better(*before, choice, counts);
    }
    if (hooks_.interrupted()) throw Interrupted();
    inputs_.counts = std::make_shared<nn::TextCounts>(std::move(counts));
  }

  /// Those of the run that this one begins with, where it has them.
  std::optional<nn::Counts> counts_before() const {
    const nn::ModelConfig& model = inputs_.config.model;
    const fs::path folder = inputs_.config.init_from;
    if (folder.empty() || !has_counts(folder)) return {};
    return load_counts(folder, model.count_orders, model.vocabulary);
  }

  /// Counts of another text help with one of its kind, and stand in the way of one of another kind.
  void add_if_better(const nn::Counts& before, const CountChoice& choice,
                     nn::TextCounts& counts) const {
    const SlowWork interrupted(hooks_, "counting it on top of the counts of the run before");
    const Source& data = *inputs_.data;
    nn::TextCounts both = count_text(data, before, choice, interrupted);
    if (hooks_.interrupted()) return;
    const double of_both = count_loss(data, both), of_text = count_loss(data, counts);
    const bool keeps = of_both <= of_text;
    if (keeps) counts = std::move(both);
    hooks_.say(fmt::format(
        "the counts of {} are {}: with them the text's own predict it at {:.3f} nats "
        "a token, alone at {:.3f}",
        shown_path(inputs_.config.init_from), keeps ? "kept" : "left out", of_both, of_text));
  }

  /// The tokenizer of the run that goes on, or that this one begins with; null where there is none.
  TokenizerPtr tokenizer_before() const {
    if (names_task(inputs_.config.data)) return nullptr;
    if (inputs_.before) return read_tokenizer(inputs_.config.tokenizer, folder_);
    if (inputs_.config.init_from.empty()) return nullptr;
    const fs::path folder = inputs_.config.init_from;
    const std::string name = read_run_config(folder).tokenizer;
    LIOR_CHECK(name == inputs_.config.tokenizer,
               "tokenizer is {}; the weights of the run in {} are of the tokens of {}",
               shown(inputs_.config.tokenizer), shown_path(inputs_.config.init_from), shown(name));
    return read_tokenizer(name, folder);
  }

  std::span<const settings::Setting> settings_;
  const fs::path& folder_;
  bool resume_;
  const Hooks& hooks_;
  const comm::Communicator& ranks_;
  RunInputs inputs_;
};

}  // namespace

void check_unused(const fs::path& folder) {
  std::error_code error;
  const fs::file_status status = fs::status(folder, error);
  LIOR_CHECK(!error || status.type() == fs::file_type::not_found,
             "--out \"{}\": cannot be used ({}); expected a folder that may be written",
             shown_path(folder.string()), error.message());
  if (status.type() == fs::file_type::not_found) return check_can_be_made(folder);
  LIOR_CHECK(fs::is_directory(status), "{}: is a file; --out takes a folder",
             shown_path(folder.string()));
  LIOR_CHECK(
      is_unused(folder),
      "{}: is not empty; --resume goes on with the run in it, another --out starts a new one",
      shown_path(folder.string()));
}

Index training_bytes(const Config& config, const TextBytes& text) {
  return static_cast<Index>(static_cast<double>(text.size()) * (1 - config.val_fraction));
}

RunInputs open_inputs(std::span<const settings::Setting> settings, const fs::path& folder,
                      bool resume, const Hooks& hooks, const comm::Communicator& ranks) {
  return Opening(settings, folder, resume, hooks, ranks).run();
}

}  // namespace lior::train
