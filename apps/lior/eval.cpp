// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <charconv>
#include <cmath>
#include <cstdio>
#include <memory>
#include <numbers>

#include "baseline.h"
#include "command.h"
#include "lior/core/available_memory.h"
#include "lior/core/text.h"
#include "lior/core/timer.h"
#include "lior/plot/chart.h"
#include "lior/train/checkpoint.h"
#include "lior/train/dynamic_model.h"
#include "lior/train/evaluate.h"
#include "lior/train/rank_groups.h"
#include "output.h"
#include "progress.h"
#include "ranks.h"

namespace lior::app {
namespace {

constexpr std::int64_t kMostTogether = 64;  // sequences at a time
constexpr std::int64_t kWindow = 256;       // tokens of them at a time

constexpr const char* kWhat =
    R"(Prints one JSON object a length. wrong: positions; exact: sequences without one; accuracy_low and
accuracy_high: its 95 % interval, each sequence taken as one draw, since its positions share their errors.

loss is in nats a token; bits_per_byte and nats_per_byte are of the text's bytes, whatever the tokens are.

Of a text, the first --count x --length tokens of the part are predicted: of one document in up to 64
stretches of at least --length, of several each from its start. `val` in the training's progress is over
fewer: eval_count sequences (config.json), four in a row at places spread over the same part, so it
differs from this.

With --dynamic a model goes on learning from what it has predicted, as a compressor does, in one stretch from
the first token to the last, or document after document, the longest first; nothing is learnt before it is
predicted. Its counts take in what it reads (model.count_orders, model.recent_orders), and every 256 tokens
its weights take a step of AdamW at --dynamic-rate; those of a model with count_orders alone do not.

With --baseline bzip2_bits_per_byte and ppmd_bits_per_byte say what compressors need for the same bytes:
bzip2's largest blocks, and 7-Zip's PPMd (contexts of 6 bytes, 16 MB), each after the last 64 MB of what the
run was trained on; null for fewer than 1,000 bytes, which say nothing. A model that needs more has learnt less than which strings follow which. They go on
learning as they read, so --dynamic is the number to put beside theirs.
)";

struct Arguments {
  std::string model, split = "val", weights = "best", progress = "auto";
  std::vector<std::string> data;
  std::int64_t count = 256, seed = 1, sequence_ranks = 1;
  double dynamic_rate = train::kDynamicRate;
  std::optional<std::int64_t> length;
  std::optional<std::string> pattern, field, separator, lengths, by_position, plot;
  bool dynamic = false, baseline = false;
  bool json = false;  ///< the only form there is
};

std::string number_or_null(const std::optional<double>& value) {
  return value ? fmt::format("{:.6g}", *value) : "null";
}

/// "32,128,512" as numbers.
std::vector<std::int64_t> parse_lengths(std::string_view text) {
  std::vector<std::int64_t> lengths;
  for (std::string_view rest = text; lengths.empty() || !rest.empty();) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    const char* const end = rest.data() + comma;
    std::int64_t length = 0;
    const auto [read, error] = std::from_chars(rest.data(), end, length);
    const bool ends_well = comma == rest.size() || comma + 1 < rest.size();
    LIOR_CHECK(error == std::errc{} && read == end && length >= 1 && ends_well,
               "--lengths: \"{}\" is no list of lengths; expected numbers of at least 1, such as "
               "32,128,512",
               shown(text));
    lengths.push_back(length);
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  return lengths;
}

/// The subject of an evaluation, and its results.
struct Report {
  std::int64_t length = 0;  ///< of the sequences that were read
  train::EvalResult result;
  double seconds = 0;
  /// Those that it is compared with, and the bits that they need for a byte.
  std::vector<std::pair<std::string_view, std::optional<double>>> compressors{};
};

/// One model on one kind of data, at any length.
class Evaluation {
 public:
  Evaluation(const Arguments& arguments, train::TrainedModel& trained)
      : arguments_(arguments),
        trained_(trained),
        names_(arguments.data.empty() ? trained.config.data : train::join_names(arguments.data)),
        data_(train::open_source(choice())) {
    const nn::ModelConfig& model = trained.config.model;
    LIOR_CHECK(data_->vocabulary() == model.vocabulary && data_->classes() == model.classes,
               "--data: {} has {} tokens and {} classes; the model in {} was made for {} and {}",
               train::shown_names(names_), data_->vocabulary(), data_->classes(),
               shown_path(arguments.model), model.vocabulary, model.classes);
    LIOR_CHECK(!arguments.dynamic || data_->text() != nullptr,
               "--dynamic: a model learns from what it reads where each token is the target of the "
               "one before, as in a text, and {} is none",
               train::shown_names(names_));
    const train::Corpus* const corpus = data_->corpus();
    if (corpus != nullptr && !corpus->note().empty() && ranks().is_first()) {
      fmt::print(stderr, "{}\n", corpus->note());
    }
    if (is_the_runs_text() && corpus != nullptr && ranks().is_first()) warn_if_changed(*corpus);
  }

  /// What is read at a length; too little data, or too little memory, is found here.
  std::unique_ptr<train::Stream> open(std::int64_t length) const {
    const std::size_t needed =
        train::Evaluator::bytes(trained_.model, batch(), window(length), arguments_.sequence_ranks);
    LIOR_CHECK(needed <= available_memory(),
               "evaluating needs {} and {} are available; a smaller --count would fit",
               bytes_text(static_cast<double>(needed)),
               bytes_text(static_cast<double>(available_memory())));
    const auto part = parse_name<train::Part>(arguments_.split, "--split:");
    LIOR_CHECK(part != train::Part::val || data_->has_held_out(),
               "--split val: nothing of {} is held out, of so few bytes ({}) or by val_fraction = "
               "{}; --split all takes all of it",
               train::shown_names(names_), data_->text()->size(), trained_.config.val_fraction);
    return data_->evaluation(part, static_cast<std::uint64_t>(arguments_.seed), arguments_.count,
                             length, batch());
  }

  const std::string& names() const { return names_; }

  Report run(std::int64_t length, const train::RankGroups& groups, LateProgress& progress) const {
    const Timer timer;
    const auto stream = open(length);
    if (stream->length() < length && stream->count() == 1 && ranks().is_first()) {
      fmt::print(stderr, "note: length {}: the part ends before; one stretch of {} is predicted\n",
                 length, stream->length());
    }
    train::Evaluator evaluator(trained_.model, batch(), window(length), groups.along());
    evaluator.stop_when([&](double done) {
      progress.show(fmt::format("length {}", stream->length()), done);
      return false;
    });
    std::optional<train::DynamicModel> learner;
    if (arguments_.dynamic) {
      learner.emplace(trained_.model, arguments_.dynamic_rate);
      evaluator.after_windows([&](View<const std::int32_t, 2> tokens, bool is_first) {
        if (is_first) learner->start();
        learner->read(tokens.span());
      });
    }
    Report report{stream->length(), evaluator.run(*stream, groups.across()), timer.seconds()};
    if (baseline_ && ranks().is_first()) report.compressors = compress(length);
    return report;
  }

 private:
  bool is_the_runs_text() const {
    return arguments_.data.empty() && !arguments_.pattern && !arguments_.field &&
           !arguments_.separator;
  }
  /// What is held out of another text may have been trained on.
  void warn_if_changed(const train::Corpus& corpus) const {
    const auto state = train::read_run_state(arguments_.model);
    if (!state || state->data_fingerprint == corpus.fingerprint()) return;
    fmt::print(stderr,
               "warning: {} is not the text that the run was trained on ({} bytes, {} then): what "
               "is held out of it now may have been trained on\n",
               train::shown_names(names_), corpus.text().size(), state->data_bytes);
  }
  /// The compressors that have read what the run was trained on.
  std::optional<Baseline> baseline() const {
    if (!arguments_.baseline) return {};
    LIOR_CHECK(data_->text() != nullptr && !train::names_task(trained_.config.data),
               "--baseline: compressors read texts, and of {} and the run's data {} one is none",
               train::shown_names(names_), train::shown_names(trained_.config.data));
    train::DataChoice choice = train::data_choice(trained_.config);
    choice.made = trained_.tokenizer;
    choice.cache = arguments_.model;
    choice.corpus.is_the_runs = true;
    return Baseline(*train::open_source(choice));
  }
  /// What they need for the bytes that are predicted at a length.
  std::vector<std::pair<std::string_view, std::optional<double>>> compress(
      std::int64_t length) const {
    const std::string text = target_bytes(*open(length), *trained_.tokenizer);
    if (std::ssize(text) < Baseline::kFewest) {
      fmt::print(stderr,
                 "note: --baseline: of {} bytes compressors say nothing, of {} and more they do\n",
                 text.size(), Baseline::kFewest);
    }
    std::vector<std::pair<std::string_view, std::optional<double>>> bits;
    for (const std::string_view word : enum_names(Compressor{})) {
      bits.emplace_back(word, baseline_->bits_per_byte(*find_name<Compressor>(word), text));
    }
    return bits;
  }

  train::DataChoice choice() const {
    train::DataChoice choice = train::data_choice(trained_.config);
    choice.corpus.names = names_;
    choice.corpus.pattern = arguments_.pattern.value_or(choice.corpus.pattern);
    choice.corpus.field = arguments_.field.value_or(choice.corpus.field);
    choice.corpus.separator = arguments_.separator.value_or(choice.corpus.separator);
    choice.corpus.is_the_runs = is_the_runs_text();
    choice.made = trained_.tokenizer;
    choice.cache = arguments_.model;
    return choice;
  }

  /// What grows as it reads reads one sequence after another, in small windows.
  std::int64_t batch() const {
    return arguments_.dynamic ? 1 : std::min(arguments_.count, kMostTogether);
  }
  std::int64_t window(std::int64_t length) const {
    return std::min(length, arguments_.dynamic ? train::kGrowthWindow : kWindow);
  }

  const Arguments& arguments_;
  train::TrainedModel& trained_;
  std::string names_;  // of the data
  std::unique_ptr<train::Source> data_;
  std::optional<Baseline> baseline_ = baseline();
};

std::string to_json(const Report& report) {
  const auto& [length, result, seconds, compressors] = report;
  const std::optional<double> nats = result.nats_per_byte();
  const auto bits = nats ? std::optional(*nats / std::numbers::ln2) : std::nullopt;
  std::string text = fmt::format(
      "{{\"loss\": {:.6g}, \"bits_per_byte\": {}, \"nats_per_byte\": {}, \"accuracy\": {:.6g}, "
      "\"accuracy_last\": {}, \"tokens\": {}, \"seconds\": {:.3f}, \"length\": {}, \"sequences\": "
      "{}, \"wrong\": {}, "
      "\"exact\": {}, \"accuracy_low\": {:.6g}, \"accuracy_high\": {:.6g}",
      result.loss, number_or_null(bits), number_or_null(nats), result.accuracy,
      number_or_null(result.accuracy_last), result.tokens, seconds, length, result.sequences,
      result.wrong, result.exact, result.interval.low, result.interval.high);
  for (const auto& [compressor, needed] : compressors) {
    text += fmt::format(", \"{}_bits_per_byte\": {}", compressor, number_or_null(needed));
  }
  return text + "}\n";
}

std::string to_csv(const Report& report) {
  std::string text;
  for (const train::PositionBin& bin : report.result.by_position) {
    const double accuracy = static_cast<double>(bin.correct) / static_cast<double>(bin.targets);
    text += fmt::format("{},{},{},{},{},{}\n", report.length, bin.begin, bin.end, bin.targets,
                        bin.correct, bin.targets > 0 ? fmt::format("{:.6g}", accuracy) : "");
  }
  return text;
}

/// The accuracy by position as a line of a chart, over the logarithm of the position.
plot::Line to_line(const Report& report, std::size_t number) {
  constexpr plot::Colour kColours[] = {plot::kBlue, plot::kRed, plot::kGreen, plot::kOrange};
  plot::Line line{.points = {},
                  .colour = kColours[number % std::size(kColours)],
                  .name = fmt::format("length {}", report.length)};
  for (const train::PositionBin& bin : report.result.by_position) {
    if (bin.targets == 0) continue;
    line.points.push_back({std::log2(static_cast<double>(bin.end)),
                           static_cast<double>(bin.correct) / static_cast<double>(bin.targets)});
  }
  return line;
}

/// All that is wrong is found here, before the first evaluation takes time.
struct Preparation {
  explicit Preparation(const Arguments& arguments)
      : lengths(lengths_of(arguments)),
        trained(train::load_model(arguments.model,
                                  parse_name<train::Weights>(arguments.weights, "--weights:"))),
        evaluation(arguments, trained) {
    if (lengths.empty()) lengths = {arguments.length.value_or(trained.config.length)};
    for (const std::int64_t length : lengths) evaluation.open(length);
    if (arguments.by_position && ranks().is_first()) table.emplace(*arguments.by_position);
    if (arguments.plot) check_picture(*arguments.plot);
  }
  static std::vector<std::int64_t> lengths_of(const Arguments& arguments) {
    parse_name<train::Part>(arguments.split, "--split:");
    LIOR_CHECK(arguments.count >= 1, "--count: {} sequences; it must be at least 1",
               arguments.count);
    LIOR_CHECK(arguments.seed >= 0, "--seed: {}; it must be at least 0", arguments.seed);
    LIOR_CHECK(arguments.length.value_or(1) >= 1, "--length: {} tokens; it must be at least 1",
               *arguments.length);
    LIOR_CHECK(!arguments.length || !arguments.lengths,
               "--length and --lengths are both given; one of them says which lengths");
    train::RankGroups::check(ranks().size(), arguments.sequence_ranks);
    LIOR_CHECK(ranks().size() == 1 || train::join_names(arguments.data) != "-",
               "--data -: one process reads the standard input, and there are {} ranks",
               ranks().size());
    LIOR_CHECK(ranks().size() == 1 || !arguments.dynamic,
               "--dynamic: counts grow as one process reads, and there are {} ranks; one is right "
               "here",
               ranks().size());
    return arguments.lengths ? parse_lengths(*arguments.lengths) : std::vector<std::int64_t>();
  }

  std::vector<std::int64_t> lengths;
  train::TrainedModel trained;
  Evaluation evaluation;
  std::optional<OutputFile> table;
};

int run(const Arguments& arguments) {
  std::optional<Preparation> prepared;
  ranks().together([&] { prepared.emplace(arguments); });
  const train::RankGroups groups(ranks(), arguments.sequence_ranks);
  LateProgress progress(ranks().is_first() ? arguments.progress : "none");
  plot::Chart chart{
      .title = fmt::format("accuracy on {}", train::shown_names(prepared->evaluation.names())),
      .x_label = "position, as a power of 2",
      .y_label = "part that is right"};
  std::string csv = "length,begin,end,targets,correct,accuracy\n";
  for (const std::int64_t length : prepared->lengths) {
    const Report report = prepared->evaluation.run(length, groups, progress);
    if (!ranks().is_first()) continue;
    fmt::print("{}", to_json(report));
    std::fflush(stdout);
    csv += to_csv(report);
    chart.lines.push_back(to_line(report, chart.lines.size()));
  }
  if (prepared->table) prepared->table->write(csv);
  if (arguments.plot && ranks().is_first()) plot::write(chart, *arguments.plot);
  return kSuccess;
}

}  // namespace

Run eval_command(Options& options) {
  const auto arguments = std::make_shared<Arguments>();
  options.add_note(kWhat);
  options.require("--model", arguments->model, "DIR", "folder of a run of lior train");
  options.add_list("--data", arguments->data, "FILE|DIR|-|builtin:NAME ...",
                   "what to predict: texts as for lior train, or a task (the training's)");
  options.add("--pattern", arguments->pattern, "NAMES", "of a folder's files (the training's)");
  options.add("--field", arguments->field, "NAME",
              "where a line of a .jsonl file has its text (the training's)");
  options.add("--separator", arguments->separator, "TEXT",
              "stands between documents of a file (the training's)");
  options.add("--split", arguments->split, "PART",
              "part of the texts: val, what is held out, or all (val)");
  options.add("--weights", arguments->weights, "WHICH",
              "of the run: best, those of its best val, or last (best)");
  options.add("--count", arguments->count, "N", "sequences (256)");
  options.add("--seed", arguments->seed, "N", "seed of a task's sequences (1)");
  options.add("--length", arguments->length, "N", "tokens per sequence (the training's)");
  options.add("--sequence-ranks", arguments->sequence_ranks, "S",
              "ranks that share each sequence, a stretch of it each (1)");
  options.add("--lengths", arguments->lengths, "N,N,...", "several lengths, one after another");
  options.add("--by-position", arguments->by_position, "FILE",
              "write the accuracy by position, as CSV; at most 1,024 rows a length");
  options.add("--plot", arguments->plot, "FILE",
              "draw the accuracy by position, a line a length: a picture .png or .svg");
  options.add_switch("--dynamic", arguments->dynamic,
                     "learn from each byte after it was predicted, by counts and by steps");
  options.add("--dynamic-rate", arguments->dynamic_rate, "X",
              "learning rate of the steps of --dynamic; 0: counts alone (0.0003)");
  options.add_switch("--baseline", arguments->baseline,
                     "of a text: what bzip2 and PPMd need for the same bytes, too");
  options.add_switch("--json", arguments->json, "print JSON, as always");
  add_progress(options, arguments->progress);
  return [=] { return run(*arguments); };
}

}  // namespace lior::app
