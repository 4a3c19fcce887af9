// SPDX-License-Identifier: Apache-2.0
#include "lior/train/automaton.h"

#include <algorithm>
#include <map>

#include "lior/core/buffer.h"
#include "lior/core/random.h"

namespace lior::train {
namespace {

Word joined(const Word& a, const Word& b) {
  Word word = a;
  word.insert(word.end(), b.begin(), b.end());
  return word;
}

/// The table of Angluin's algorithm: a row for each state, an output for each experiment.
class Learner {
 public:
  /// Experiments in a row that are tried before those that explain more than they add are kept.
  static constexpr Index kPatience = 3;

  Learner(const Automaton& questions, const Experiment& experiment, const LearnOptions& options)
      : questions_(questions), experiment_(experiment), options_(options) {}

  LearntAutomaton learn() {
    draw_fresh_words();
    if (!build()) throw RunError(fmt::format("it has more than {} states", options_.most_states));
    std::optional<Word> wrong;
    Index disagreements = count_disagreements(wrong);
    Learner best = *this;
    Index best_disagreements = disagreements, since = 0;
    while (wrong && since < kPatience && refine(*wrong)) {
      disagreements = count_disagreements(wrong);
      ++since;
      if (disagreements + automaton_.states >= best_disagreements + best.automaton_.states)
        continue;
      best = *this;
      best_disagreements = disagreements;
      since = 0;
    }
    *this = std::move(best);
    disagreements = best_disagreements;
    const double agreement =
        1 - static_cast<double>(disagreements) / static_cast<double>(fresh_questions_);
    if (agreement < options_.least_agreement) {
      throw RunError(
          fmt::format("it is no automaton yet: along words of {} tokens {:.3g} % of its outputs "
                      "are those of the "
                      "{} states that short words tell apart; at least {:.3g} % are needed",
                      options_.word_length, 100 * agreement, automaton_.states,
                      100 * options_.least_agreement));
    }
    if (shows_one_output()) throw RunError("its outputs are all the same: it tracks nothing");
    merge_start();
    return {.automaton = automaton_, .access = access_, .agreement = agreement};
  }

 private:
  using Row = std::vector<std::int32_t>;

  static constexpr std::int32_t kNever =
      -2;  // in a row: the experiment's letters do not come there

  Index letters() const { return questions_.letters; }

  /// Where `questions` stands after a word that it has.
  std::int32_t place_after(const Word& word) const {
    std::int32_t place = questions_.start;
    for (const std::int32_t letter : word) place = questions_.after(place, letter);
    return place;
  }

  bool comes(std::int32_t place, const Word& word) const {
    for (const std::int32_t letter : word) {
      place = questions_.after(place, letter);
      if (place == Automaton::kNoState) return false;
    }
    return true;
  }

  bool asks(std::int32_t place) const {
    return questions_.output[static_cast<std::size_t>(place)] != Automaton::kNoOutput;
  }

  /// The outputs after the last letters of words of any lengths, where they are asked for.
  Row outputs_after(const std::vector<Word>& words) const {
    std::map<std::size_t, std::vector<std::size_t>> of_length;
    for (std::size_t i = 0; i < words.size(); ++i) {
      if (asks(place_after(words[i]))) of_length[words[i].size()].push_back(i);
    }
    Row outputs(words.size(), Automaton::kNoOutput);
    for (const auto& [length, members] : of_length) {
      const auto count = static_cast<Index>(members.size());
      const Shape<2> shape{count, static_cast<Index>(length)};
      Array<std::int32_t, 2> letters(shape), shown(shape);
      for (Index i = 0; i < count; ++i) {
        const Word& word = words[members[static_cast<std::size_t>(i)]];
        std::copy(word.begin(), word.end(), letters.view()[i].begin());
      }
      experiment_(letters.view(), shown.view());
      for (Index i = 0; i < count; ++i) {
        outputs[members[static_cast<std::size_t>(i)]] = shown(i, shape[1] - 1);
      }
    }
    return outputs;
  }

  /// Of each word its row: its place, then what every experiment shows after it. What comes next is
  /// therefore the same after words of one row.
  std::vector<Row> rows_of(const std::vector<Word>& words) const {
    std::vector<Row> rows;
    std::vector<Word> all;
    for (const Word& word : words) {
      Row& row = rows.emplace_back(Row{place_after(word)});
      for (const Word& suffix : suffixes_) {
        const bool is_word = comes(row.front(), suffix);
        row.push_back(is_word ? 0 : kNever);
        if (is_word) all.push_back(joined(word, suffix));
      }
    }
    const Row outputs = outputs_after(all);
    auto output = outputs.begin();
    for (Row& row : rows) {
      for (std::size_t i = 1; i < row.size(); ++i) {
        if (row[i] != kNever) row[i] = *output++;
      }
    }
    return rows;
  }

  /// All states that the experiments tell apart, in order of their words, and how letters move
  /// them; false where they are more than most_states. State 0 is the start, which no row is
  /// compared with: nothing was read there.
  bool build() {
    automaton_ = {.states = 1,
                  .letters = letters(),
                  .start = 0,
                  .next = {},
                  .output = {Automaton::kNoOutput}};
    access_ = {{}};
    std::map<Row, std::int32_t> known;
    for (std::size_t state = 0; state < access_.size(); ++state) {
      const std::int32_t place = place_after(access_[state]);
      std::vector<Word> words;
      for (std::int32_t letter = 0; letter < letters(); ++letter) {
        if (comes(place, {letter})) words.push_back(joined(access_[state], {letter}));
      }
      const std::vector<Row> rows = rows_of(words);
      automaton_.next.resize(automaton_.next.size() + static_cast<std::size_t>(letters()),
                             Automaton::kNoState);
      const auto next = automaton_.next.end() - letters();
      for (std::size_t i = 0; i < rows.size(); ++i) {
        const auto [found, is_new] =
            known.try_emplace(rows[i], static_cast<std::int32_t>(access_.size()));
        next[words[i].back()] = found->second;
        if (!is_new) continue;
        access_.push_back(words[i]);
        automaton_.output.push_back(rows[i][1]);
        if (std::ssize(access_) > options_.most_states) return false;
      }
    }
    automaton_.states = std::ssize(access_);
    return true;
  }

  void draw_fresh_words() {
    const Shape<2> shape{options_.fresh_words, options_.word_length};
    Array<std::int32_t, 2> words(shape), asked(shape), outputs(shape);
    Random random(options_.seed);
    draw_words(questions_, random, words.view(), asked.view());
    experiment_(words.view(), outputs.view());
    fresh_words_.assign(words.span().begin(), words.span().end());
    for (Index i = 0; i < words.size(); ++i) {
      const std::int32_t none = asked.data()[i];
      fresh_outputs_.push_back(none == Automaton::kNoOutput ? none : outputs.data()[i]);
    }
    fresh_questions_ = words.size() - std::count(fresh_outputs_.begin(), fresh_outputs_.end(),
                                                 Automaton::kNoOutput);
  }

  /// Outputs along the fresh words that are not the automaton's; `wrong`: the beginning of a word
  /// up to the first of them, as short as any.
  Index count_disagreements(std::optional<Word>& wrong) const {
    Index count = 0;
    wrong.reset();
    for (std::size_t begin = 0; begin < fresh_words_.size(); begin += width()) {
      std::int32_t state = automaton_.start;
      for (std::size_t t = 0; t < width(); ++t) {
        state = automaton_.after(state, fresh_words_[begin + t]);
        if (fresh_outputs_[begin + t] == output_of(state)) continue;
        ++count;
        if (wrong && wrong->size() <= t + 1) continue;
        const auto first = fresh_words_.begin() + static_cast<std::ptrdiff_t>(begin);
        wrong.emplace(first, first + static_cast<std::ptrdiff_t>(t) + 1);
      }
    }
    return count;
  }

  std::size_t width() const { return static_cast<std::size_t>(options_.word_length); }
  std::int32_t output_of(std::int32_t state) const {
    return automaton_.output[static_cast<std::size_t>(state)];
  }

  /// Adds the experiment by which a wrong word tells apart what the table took for one state:
  /// somewhere in the word, replacing its beginning by its state's own word changes the output.
  /// False where there is no such place, or too many states then.
  bool refine(const Word& word) {
    std::vector<Word> replaced = {word};
    std::int32_t state = automaton_.start;
    for (std::size_t t = 0; t + 1 < word.size(); ++t) {
      state = automaton_.after(state, word[t]);
      const auto rest = word.begin() + static_cast<std::ptrdiff_t>(t) + 1;
      replaced.push_back(joined(access_[static_cast<std::size_t>(state)], Word(rest, word.end())));
    }
    const Row outputs = outputs_after(replaced);
    for (std::size_t t = 1; t < outputs.size(); ++t) {
      if (outputs[t] == outputs[t - 1]) continue;
      suffixes_.emplace_back(word.begin() + static_cast<std::ptrdiff_t>(t), word.end());
      return build();
    }
    return false;
  }

  bool shows_one_output() const {
    std::int32_t first = Automaton::kNoOutput;
    for (const std::int32_t output : automaton_.output) {
      if (first == Automaton::kNoOutput) first = output;
      if (output != Automaton::kNoOutput && output != first) return false;
    }
    return true;
  }

  /// The start is one of the other states where its letters lead as that one's do.
  void merge_start() {
    const auto row = [&](Index state) { return automaton_.next.begin() + state * letters(); };
    for (Index state = 1; state < automaton_.states; ++state) {
      if (!std::equal(row(0), row(1), row(state))) continue;
      automaton_.next.erase(row(0), row(1));
      automaton_.output.erase(automaton_.output.begin());
      for (std::int32_t& next : automaton_.next) {
        if (next != Automaton::kNoState) --next;
      }
      automaton_.start = static_cast<std::int32_t>(state) - 1;
      --automaton_.states;
      access_.erase(access_.begin());
      access_[static_cast<std::size_t>(automaton_.start)] = {};
      return;
    }
  }

  Automaton questions_;
  Experiment experiment_;
  LearnOptions options_;
  Row fresh_words_, fresh_outputs_;  // [fresh_words, word_length]; kNoOutput: not asked for
  Index fresh_questions_ = 0;
  std::vector<Word> suffixes_ = {{}};
  Automaton automaton_;
  std::vector<Word> access_;
};

}  // namespace

std::optional<Merge> find_merge(const Automaton& automaton) {
  for (std::int32_t letter = 0; letter < automaton.letters; ++letter) {
    std::vector<std::int32_t> from(static_cast<std::size_t>(automaton.states), -1);
    for (std::int32_t state = 0; state < automaton.states; ++state) {
      const std::int32_t into = automaton.after(state, letter);
      if (into == Automaton::kNoState) continue;
      std::int32_t& first = from[static_cast<std::size_t>(into)];
      if (first >= 0) return Merge{letter, first, state, into};
      first = state;
    }
  }
  return {};
}

std::int32_t draw_letter(const Automaton& automaton, std::int32_t state, Random& random) {
  const auto row = automaton.next.begin() + state * automaton.letters;
  const Index absent = std::count(row, row + automaton.letters, Automaton::kNoState);
  auto left = static_cast<std::int32_t>(random.below(automaton.letters - absent));
  if (absent == 0) return left;
  for (std::int32_t letter = 0;; ++letter) {
    if (row[letter] != Automaton::kNoState && left-- == 0) return letter;
  }
}

void draw_words(const Automaton& automaton, Random& random, View<std::int32_t, 2> words,
                View<std::int32_t, 2> outputs) {
  for (Index word = 0; word < words.extent(0); ++word) {
    std::int32_t state = automaton.start;
    for (Index t = 0; t < words.extent(1); ++t) {
      words(word, t) = draw_letter(automaton, state, random);
      state = automaton.after(state, words(word, t));
      outputs(word, t) = automaton.output[static_cast<std::size_t>(state)];
    }
  }
}

/// By splitting: states are in one class until a letter or an output tells them apart.
Automaton questions_of(const Automaton& machine) {
  const auto is_asked = [&](Index state) {
    return machine.output[static_cast<std::size_t>(state)] != Automaton::kNoOutput;
  };
  std::vector<std::int32_t> of(static_cast<std::size_t>(machine.states));
  for (Index state = 0; state < machine.states; ++state) {
    of[static_cast<std::size_t>(state)] = is_asked(state) ? 0 : 1;
  }
  const auto class_after = [&](std::int32_t state, std::int32_t letter) {
    const std::int32_t next = machine.after(state, letter);
    return next == Automaton::kNoState ? next : of[static_cast<std::size_t>(next)];
  };
  std::map<Word, std::int32_t> classes;  // of a class and where its letters lead
  for (std::size_t count = 0;;) {
    classes.clear();
    std::vector<std::int32_t> finer;
    for (std::int32_t state = 0; state < machine.states; ++state) {
      Word row = {of[static_cast<std::size_t>(state)]};
      for (std::int32_t letter = 0; letter < machine.letters; ++letter) {
        row.push_back(class_after(state, letter));
      }
      const auto number = static_cast<std::int32_t>(classes.size());
      finer.push_back(classes.try_emplace(std::move(row), number).first->second);
    }
    if (classes.size() == count) break;
    count = classes.size();
    of = std::move(finer);
  }
  Automaton questions{.states = std::ssize(classes),
                      .letters = machine.letters,
                      .start = of[static_cast<std::size_t>(machine.start)],
                      .next = Word(classes.size() * static_cast<std::size_t>(machine.letters)),
                      .output = Word(classes.size())};
  for (std::int32_t state = 0; state < machine.states; ++state) {
    const Index place = of[static_cast<std::size_t>(state)];
    for (std::int32_t letter = 0; letter < machine.letters; ++letter) {
      questions.next[static_cast<std::size_t>(place * machine.letters + letter)] =
          class_after(state, letter);
    }
    questions.output[static_cast<std::size_t>(place)] = is_asked(state) ? 0 : Automaton::kNoOutput;
  }
  return questions;
}

LearntAutomaton learn_automaton(const Automaton& questions, const Experiment& experiment,
                                const LearnOptions& options) {
  return Learner(questions, experiment, options).learn();
}

LearntAutomaton learn_automaton(Index letters, const Experiment& experiment,
                                const LearnOptions& options) {
  LIOR_CHECK(letters >= 1, "an automaton over {} letters reads nothing; expected at least 1",
             letters);
  const Automaton every{.states = 1,
                        .letters = letters,
                        .start = 0,
                        .next = Word(static_cast<std::size_t>(letters), 0),
                        .output = {0}};
  return learn_automaton(every, experiment, options);
}

}  // namespace lior::train
