// SPDX-License-Identifier: Apache-2.0
#include "lior/train/crystallise.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "lior/core/random.h"
#include "lior/linalg/small_matrix.h"
#include "lior/nn/rms_norm.h"
#include "train/taught_reading.h"
#include "train/tracker_parameters.h"
#include "train/turned_states.h"
#include "train/word_runner.h"

namespace lior::train {
namespace {

using algebra::Octonion;

constexpr double kNearDeviation = 0.5;     // mean, of a head that has learnt the automaton
constexpr double kFoundDeviation = 1e-9;   // of turns in double that count as exact
constexpr double kStoredDeviation = 1e-5;  // of those that float weights hold: 3e-8 to 1e-6
constexpr Index kLongWords = 16, kLongLength = 4096;

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

double length(const Octonion<double>& x) { return std::sqrt(algebra::dot(x, x)); }

Octonion<double> scaled(Octonion<double> x, double factor) {
  for (double& component : x.e) component *= factor;
  return x;
}

/// The one layer of a model: the rows of its projection that make turns, and the heads' starts.
class Recurrence {
 public:
  explicit Recurrence(nn::Model<float>& model)
      : config_(model.config()),
        embedding_(matrix(model, tracker_parameters::kEmbedding)),
        gain_(matrix(model, tracker_parameters::kGain)),
        in_weight_(matrix(model, tracker_parameters::kInWeight)),
        in_bias_(matrix(model, tracker_parameters::kInBias)),
        initial_(matrix(model, tracker_parameters::kInitial)),
        readout_(matrix(model, tracker_parameters::kReadout)) {}

  const nn::MixerConfig& mixer() const { return config_.mixer; }
  Index heads() const { return config_.mixer.heads; }
  Index letters() const { return config_.vocabulary; }
  Index width() const { return config_.d_model; }
  /// The row of the projection that makes component c of factor f of a head.
  Index row(Index head, Index f, Index c) const { return (8 * f + c) * heads() + head; }

  /// RMSNorm of each letter's embedding, and a one for the bias: [V, D + 1].
  Array<double, 2> inputs() const {
    Array<double, 2> inputs({letters(), width() + 1});
    for (Index t = 0; t < letters(); ++t) {
      double square = 0;
      for (const double e : embedding_[t]) square += e * e;
      const double scale =
          1 / std::sqrt(square / static_cast<double>(width()) + nn::kRmsNormEpsilon);
      for (Index k = 0; k < width(); ++k) inputs(t, k) = scale * embedding_(t, k) * gain_(0, k);
      inputs(t, width()) = 1;
    }
    return inputs;
  }

  /// w of a letter, from its row of inputs().
  Octonion<double> octonion(View<const double, 1> input, Index head, Index f) const {
    Octonion<double> w;
    for (Index c = 0; c < 8; ++c) {
      const Index r = row(head, f, c);
      double sum = in_bias_(0, r);
      for (Index k = 0; k < width(); ++k) sum += in_weight_(r, k) * input[k];
      w.e[at(c)] = sum;
    }
    return w;
  }

  void add_to_row(Index r, std::span<const double> change) {
    for (Index k = 0; k < width(); ++k) {
      in_weight_(r, k) = static_cast<float>(in_weight_(r, k) + change[at(k)]);
    }
    in_bias_(0, r) = static_cast<float>(in_bias_(0, r) + change.back());
  }
  void set_start(Index head, const Octonion<double>& x) {
    for (Index c = 0; c < 8; ++c) initial_(c, head) = static_cast<float>(x.e[at(c)]);
  }
  /// Whether scores depend on the head's state.
  bool is_read(Index head) const {
    for (Index row = 0; row < readout_.extent(0); ++row) {
      for (Index column = head; column < readout_.extent(1); column += heads()) {
        if (readout_(row, column) != 0) return true;
      }
    }
    return false;
  }
  /// Nothing reads the head's state any more: it is taken to show `mean` [Q], always. A constant is
  /// carried by the squares of another head's unit state, whose sum is one; a linear read-out has
  /// none, and the mean of components that wander over the sphere is zero.
  void silence(Index head, std::span<const double> mean, Index carrier) {
    const Index squares = mixer().readout == nn::Readout::linear_quadratic ? 8 : 0;
    const bool carries = mixer().readout != nn::Readout::linear;
    for (Index row = 0; row < readout_.extent(0); ++row) {
      double shown = 0;
      for (Index q = 0; q < std::ssize(mean); ++q) {
        float& weight = readout_(row, q * heads() + head);
        shown += weight * mean[at(q)];
        weight = 0;
      }
      for (Index k = squares; k < squares + 8 && carries; ++k) {
        readout_(row, k * heads() + carrier) += static_cast<float>(shown);
      }
    }
  }

 private:
  static View<float, 2> matrix(nn::Model<float>& model, std::string_view name) {
    for (const nn::Parameter& p : model.parameters()) {
      if (p.name != name) continue;
      const Index rows = p.shape.size() == 1 ? 1 : p.shape[0];
      return {model.values().data() + p.offset, {rows, p.size / rows}};
    }
    throw Error(fmt::format("the model has no {}", name));
  }

  nn::ModelConfig config_;
  View<float, 2> embedding_, gain_, in_weight_, in_bias_, initial_, readout_;
};

/// The demands on a row of the projection: with Z [V, D + 1] the letters' inputs, the
/// smallest change d of the row and its bias with Z d = m is Z^T (Z Z^T)^-1 m.
class LeastChange {
 public:
  explicit LeastChange(Array<double, 2> inputs)
      : inputs_(std::move(inputs)), gram_({letters(), letters()}) {
    for (Index a = 0; a < letters(); ++a) {
      for (Index b = 0; b <= a; ++b) {
        gram_(a, b) = 0;
        for (Index k = 0; k < width(); ++k) gram_(a, b) += inputs_(a, k) * inputs_(b, k);
      }
    }
    constexpr double kSmallestPivot = 1e-5;  // of L, to the largest: below, rounding decides
    const bool fails = linalg::cholesky(gram_.view()).has_value();
    double least = fails ? 0 : gram_(0, 0), most = gram_(0, 0);
    for (Index a = 0; a < letters(); ++a) {
      least = std::min(least, gram_(a, a));
      most = std::max(most, gram_(a, a));
    }
    if (least > kSmallestPivot * most) return;
    const bool is_wide = letters() <= width();
    throw RunError(fmt::format(
        "the embeddings of its {} tokens depend on each other in d_model = {}, so no projection "
        "gives each its own turns{}",
        letters(), width() - 1, is_wide ? "" : fmt::format("; d_model >= {} does", letters() - 1)));
  }

  View<const double, 1> input(Index letter) const { return inputs_.view()[letter]; }

  /// The change, from what is missing of each letter's number, which is overwritten.
  std::vector<double> of(std::span<double> missing) const {
    linalg::cholesky_solve<double>(gram_.view(), missing);
    std::vector<double> change(at(width()));
    for (Index letter = 0; letter < letters(); ++letter) {
      for (Index k = 0; k < width(); ++k) change[at(k)] += missing[at(letter)] * inputs_(letter, k);
    }
    return change;
  }

 private:
  Index letters() const { return inputs_.shape()[0]; }
  Index width() const { return inputs_.shape()[1]; }

  Array<double, 2> inputs_, gram_;
};

class Crystallisation {
 public:
  Crystallisation(nn::Model<float>& model, const CrystalOptions& options)
      : model_(model),
        options_(options),
        runner_(model),
        recurrence_(model),
        least_change_(recurrence_.inputs()) {}

  /// First with the heads alone that have learnt the automaton: the others wander, and are read as
  /// their mean. Where they matter, and in some solutions they do, all heads are made exact.
  Crystal run() {
    learn();
    for (const Word& word : learnt_.access) states_.push_back(runner_.state_after(word));
    if (is_exact()) {
      crystal_.was_exact = true;
      check();
      return crystal_;
    }
    try {
      return with_heads(kNearDeviation);
    } catch (const RunError& why) {
      if (!options_.thorough) throw;
      return with_all_heads(why);
    }
  }

 private:
  const Automaton& automaton() const { return learnt_.automaton; }
  std::int32_t output_of(std::int32_t state) const { return automaton().output[at(state)]; }

  void learn() {
    learnt_ = learn_automaton(
        recurrence_.letters(),
        [this](View<const std::int32_t, 2> words, View<std::int32_t, 2> outputs) {
          runner_.predict(words, outputs);
        },
        options_.learn);
    crystal_.automaton = automaton();
    crystal_.agreement = learnt_.agreement;
    if (const auto merge = find_merge(automaton())) {
      throw RunError(fmt::format(
          "token {} leads states {} and {} both to {}: it forgets, and turns do not; so "
          "does a model that has not learnt its task yet: train on, then try again",
          merge->letter, merge->first, merge->second, merge->into));
    }
  }

  /// A head as it is: its letters' turns, and where it stands after the word of each state.
  TurnedStates read(Index head) const {
    TurnedStates result{recurrence_.mixer().transition, recurrence_.mixer().factors, {}, {}};
    for (Index letter = 0; letter < recurrence_.letters(); ++letter) {
      for (Index f = 0; f < result.factors; ++f) {
        const auto w = recurrence_.octonion(least_change_.input(letter), head, f);
        result.turns.push_back(scaled(w, 1 / length(w)));
      }
    }
    for (const std::vector<float>& state : states_) {
      Octonion<double> x;
      for (Index c = 0; c < 8; ++c) x.e[at(c)] = state[at(c * recurrence_.heads() + head)];
      result.points.push_back(scaled(x, 1 / length(x)));
    }
    return result;
  }

  /// Whether every head that is read has turns as exact as its weights can hold.
  bool is_exact() {
    crystal_.heads.clear();
    bool all = true;
    for (Index head = 0; head < recurrence_.heads(); ++head) {
      const bool used = recurrence_.is_read(head);
      const double largest = deviation(automaton(), read(head)).largest;
      all &= !used || largest <= kStoredDeviation;
      crystal_.heads.push_back(
          {.before = largest, .exact = largest, .after = largest, .used = used});
    }
    return all;
  }

  /// Where the near heads alone do not suffice, for the reason `before`.
  Crystal with_all_heads(const RunError& before) {
    try {
      return with_heads(std::numeric_limits<double>::infinity());
    } catch (const RunError& now) {
      if (std::string_view(now.what()) == before.what()) throw;
      throw RunError(fmt::format("with the heads that are near, {}; with all heads, {}",
                                 before.what(), now.what()));
    }
  }

  /// With those heads whose mean deviation is at most `near`.
  Crystal with_heads(double near) {
    crystal_.taught = false;
    const std::vector<TurnedStates> heads = fit(near);
    const std::vector<float> before(model_.values().begin(), model_.values().end());
    try {
      write(heads);
      if (options_.thorough && misread_pair()) teach();
      check();
    } catch (...) {
      std::copy(before.begin(), before.end(), model_.values().begin());
      throw;
    }
    return crystal_;
  }

  std::vector<TurnedStates> fit(double near) {
    crystal_.heads.clear();
    std::vector<TurnedStates> heads;
    for (Index head = 0; head < recurrence_.heads(); ++head) {
      heads.push_back(read(head));
      const Deviation trained = deviation(automaton(), heads.back());
      HeadDeviation report{.before = trained.largest, .exact = trained.largest};
      if (trained.root_mean_square <= near) {
        crystal_.rounds = std::max(crystal_.rounds, make_exact(automaton(), heads.back()));
        report.exact = deviation(automaton(), heads.back()).largest;
      }
      report.used = report.exact <= kFoundDeviation;
      crystal_.heads.push_back(report);
    }
    const auto nearest = *std::min_element(
        crystal_.heads.begin(), crystal_.heads.end(),
        [](const auto& left, const auto& right) { return left.exact < right.exact; });
    if (nearest.used) return heads;
    throw RunError(
        fmt::format("no exact turns of its {} states are near those of any head: the nearest head "
                    "is {:.2g} off at first and {:.2g} in the end",
                    automaton().states, nearest.before, nearest.exact));
  }

  void write(const std::vector<TurnedStates>& heads) {
    silence_unused();
    for (Index head = 0; head < recurrence_.heads(); ++head) {
      const TurnedStates& exact = heads[at(head)];
      HeadDeviation& report = crystal_.heads[at(head)];
      if (!report.used) continue;
      for (Index f = 0; f < exact.factors; ++f) write_factor(exact, head, f);
      recurrence_.set_start(head, exact.points[at(automaton().start)]);
      TurnedStates stored = read(head);
      stored.points = exact.points;
      report.after = deviation(automaton(), stored).largest;
    }
  }

  void teach() {
    std::vector<bool> read;
    for (const HeadDeviation& head : crystal_.heads) read.push_back(head.used);
    teach_reading(model_, automaton(), read, options_.learn.seed);
    crystal_.taught = true;
  }

  void silence_unused() {
    constexpr Index kWords = 1024, kLength = 16;
    const Array<std::int32_t, 2> words = random_words(kWords, kLength);
    const std::vector<double> mean = runner_.mean_readout(words.view());
    const Index H = recurrence_.heads();
    const auto& reports = crystal_.heads;
    const auto carrier = std::find_if(reports.begin(), reports.end(),
                                      [](const HeadDeviation& head) { return head.used; });
    for (Index head = 0; head < H; ++head) {
      if (reports[at(head)].used) continue;
      std::vector<double> of_head;
      for (std::size_t q = at(head); q < mean.size(); q += at(H)) of_head.push_back(mean[q]);
      recurrence_.silence(head, of_head, carrier - reports.begin());
    }
  }

  Array<std::int32_t, 2> random_words(Index count, Index length) const {
    Array<std::int32_t, 2> words({count, length});
    Random random(options_.learn.seed);
    for (std::int32_t& letter : words.span()) {
      letter = static_cast<std::int32_t>(random.below(automaton().letters));
    }
    return words;
  }

  /// One unit octonion of every letter, each at the length that w has already.
  void write_factor(const TurnedStates& exact, Index head, Index f) {
    std::array<std::vector<double>, 8> missing;
    for (Index letter = 0; letter < recurrence_.letters(); ++letter) {
      const auto w = recurrence_.octonion(least_change_.input(letter), head, f);
      const auto change = scaled(exact.turns[at(letter * exact.factors + f)], length(w)) - w;
      for (std::size_t c = 0; c < 8; ++c) missing[c].push_back(change.e[c]);
    }
    for (Index c = 0; c < 8; ++c) {
      recurrence_.add_to_row(recurrence_.row(head, f, c), least_change_.of(missing[at(c)]));
    }
  }

  void check() {
    if (const auto what = misread_pair()) throw RunError(*what);
    check_long_words();
  }

  /// Runs every letter after every state's word: what is misread first, if anything is.
  std::optional<std::string> misread_pair() {
    crystal_.margin = std::numeric_limits<double>::infinity();
    const Index V = automaton().letters;
    for (std::int32_t state = 0; state < automaton().states; ++state) {
      Word word = learnt_.access[at(state)];
      word.push_back(0);
      Array<std::int32_t, 2> words({V, std::ssize(word)});
      Array<float, 2> scores({V, model_.config().classes});
      for (std::int32_t letter = 0; letter < V; ++letter) {
        word.back() = letter;
        std::copy(word.begin(), word.end(), words.view()[letter].begin());
      }
      runner_.scores(words.view(), scores.view());
      for (std::int32_t letter = 0; letter < V; ++letter) {
        if (auto what = misread(state, letter, scores.view()[letter])) return what;
      }
    }
    return {};
  }

  std::optional<std::string> misread(std::int32_t state, std::int32_t letter,
                                     View<const float, 1> scores) {
    const std::int32_t right = output_of(automaton().after(state, letter));
    for (std::int32_t other = 0; other < scores.size(); ++other) {
      if (other == right) continue;
      const double lead = scores[right] - scores[other];
      crystal_.margin = std::min(crystal_.margin, lead);
      if (lead > 0) continue;
      return fmt::format(
          "with exact turns token {} in state {} is read as {} and not as {}: what reads the "
          "states "
          "has not learnt it",
          letter, state, other, right);
    }
    return {};
  }

  void check_long_words() {
    const Array<std::int32_t, 2> words = random_words(kLongWords, kLongLength);
    Array<std::int32_t, 2> outputs(words.shape());
    runner_.predict(words.view(), outputs.view());
    for (Index word = 0; word < kLongWords; ++word) {
      std::int32_t state = automaton().start;
      for (Index t = 0; t < kLongLength; ++t) {
        state = automaton().after(state, words(word, t));
        if (outputs(word, t) == output_of(state)) continue;
        throw RunError(
            fmt::format("with exact turns position {} of a fresh word is read as {} and not as {}",
                        t, outputs(word, t), output_of(state)));
      }
    }
    crystal_.checked = words.size();
  }

  nn::Model<float>& model_;
  const CrystalOptions& options_;
  WordRunner runner_;
  Recurrence recurrence_;
  LeastChange least_change_;
  LearntAutomaton learnt_;
  std::vector<std::vector<float>> states_;  // the model's, after the word of each state
  Crystal crystal_;
};

}  // namespace

std::optional<std::string> why_not_exact(const nn::ModelConfig& config) {
  if (config.layers != 1) return fmt::format("it has {} layers, not one", config.layers);
  if (config.mixers.front() != nn::Mixer::geometric_mamba) {
    return fmt::format("its mixer is {}, not geometric_mamba", name(config.mixers.front()));
  }
  if (config.mixer.gates) return "its states forget (model.gates), and only turns can be exact";
  if (config.mixer.complex_state) return "its states are complex (model.complex_state)";
  if (config.convolution > 0) return "its turns depend on earlier tokens (model.convolution)";
  if (config.count_orders > 0) return "its scores depend on earlier tokens (model.count_orders)";
  if (config.ngram_orders > 0) return "its turns depend on earlier tokens (model.ngram_orders)";
  return {};
}

Crystal crystallise(nn::Model<float>& model, const CrystalOptions& options) {
  if (const auto why = why_not_exact(model.config())) {
    throw Error(fmt::format("the model cannot be made exact: {}", *why));
  }
  return Crystallisation(model, options).run();
}

HeadDeviation largest_deviation(const Crystal& crystal) {
  HeadDeviation largest{.used = true};
  for (const HeadDeviation& head : crystal.heads) {
    if (!head.used) continue;
    largest.before = std::max(largest.before, head.before);
    largest.exact = std::max(largest.exact, head.exact);
    largest.after = std::max(largest.after, head.after);
  }
  return largest;
}

}  // namespace lior::train
