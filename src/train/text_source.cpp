// SPDX-License-Identifier: Apache-2.0
#include "train/text_source.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "lior/core/checked.h"
#include "lior/core/random.h"
#include "lior/core/text.h"

namespace lior::train {
namespace {

/// "1 byte", "2 bytes".
std::string counted(Index count, std::string_view units) {
  if (count == 1) units.remove_suffix(1);
  return fmt::format("{} {}", count, units);
}

/// The predictions of a range, and nothing behind them.
void fill_row(const TokenText& text, Range range, View<std::int32_t, 1> tokens,
              View<std::int32_t, 1> targets) {
  text.read(range.begin, {tokens.data(), {range.size()}}, {targets.data(), {range.size()}});
  std::fill(tokens.begin() + range.size(), tokens.end(), 0);
  std::fill(targets.begin() + range.size(), targets.end(), kNoTarget);
}

/// Stretches of a text, longest first.
class TextStream : public Stream {
 public:
  /// The first from `begin` on, the last from `last` on, the others evenly between; all of one
  /// length, and all at a time.
  TextStream(const TokenText& text, Index begin, Index last, Index stretches, Index length)
      : Stream(stretches, length, stretches), text_(text) {
    for (Index i = 0; i < stretches; ++i) {
      const Index start = stretches == 1 ? begin : begin + i * (last - begin) / (stretches - 1);
      starts_.push_back({start, start + length});
    }
  }
  /// Of predictions: the token after each range is the last one's target.
  TextStream(const TokenText& text, std::vector<Range> ranges, Index together)
      : Stream(std::ssize(ranges), ranges.front().size(), together),
        text_(text),
        starts_(std::move(ranges)) {}

  Index longest(Index first, Index) const override {
    return starts_[static_cast<std::size_t>(first)].size();
  }

  void read(Index first, Index begin, View<std::int32_t, 2> tokens,
            View<std::int32_t, 2> targets) override {
    for (Index row = 0; row < tokens.extent(0); ++row) {
      const Range& range = starts_[static_cast<std::size_t>(first + row)];
      const Index some = std::clamp(range.size() - begin, Index{0}, tokens.extent(1));
      const Index from = some == 0 ? range.begin : range.begin + begin;
      fill_row(text_, {from, from + some}, tokens[row], targets[row]);
      bytes_ += text_.bytes(targets[row]);
    }
  }

 private:
  const TokenText& text_;
  std::vector<Range> starts_;
};

/// Draws windows of several parts, so that each token of a part is in as many as any other, but
/// near a part's ends. A part shorter than a window is one.
class WindowDraw {
 public:
  explicit WindowDraw(std::vector<Range> parts) : parts_(std::move(parts)) {
    std::erase_if(parts_, [](const Range& part) { return part.size() < 2; });
    std::stable_sort(parts_.begin(), parts_.end(),
                     [](const Range& a, const Range& b) { return a.size() > b.size(); });
    before_.push_back(0);
    for (const Range& part : parts_) before_.push_back(before_.back() + part.size());
  }

  bool empty() const { return parts_.empty(); }
  /// Whether each part has a window.
  bool all_have_windows(Index length) const { return empty() || parts_.back().size() > length; }

  /// The predictions of a row: `length`, or all of a part that has fewer.
  Range draw(Random& random, Index length) const {
    // Those that have a window, each drawn by its size; then the short ones, each by a window's.
    const auto has_window = [&](const Range& part) { return part.size() > length; };
    const Index windows =
        std::partition_point(parts_.begin(), parts_.end(), has_window) - parts_.begin();
    const Index in_long = before_[static_cast<std::size_t>(windows)];
    const Index place = random.below(in_long + (std::ssize(parts_) - windows) * length);
    if (place >= in_long) {
      const Range& part = parts_[static_cast<std::size_t>(windows + (place - in_long) / length)];
      return {part.begin, part.end - 1};
    }
    const auto after = std::upper_bound(before_.begin(), before_.end(), place);
    const Range& part = parts_[static_cast<std::size_t>(after - before_.begin() - 1)];
    const Index middle = part.begin + place - *(after - 1);
    const Index begin = std::clamp(middle - length / 2, part.begin, part.end - 1 - length);
    return {begin, begin + length};
  }

 private:
  std::vector<Range> parts_;   // longest first
  std::vector<Index> before_;  // tokens of the parts before each
};

class TextSource : public Source {
 public:
  explicit TextSource(TokenText text)
      : text_(std::move(text)),
        training_(text_.split().training),
        held_out_(text_.split().held_out) {}

  Index vocabulary() const override { return text_.tokenizer()->vocabulary(); }
  Index classes() const override { return vocabulary(); }
  Index shortest_length() const override { return 1; }
  bool has_generators() const override { return false; }
  const TextBytes* text() const override { return &corpus()->text(); }
  const Corpus* corpus() const override { return &text_.corpus(); }
  TokenizerPtr tokenizer() const override { return text_.tokenizer(); }
  std::size_t held_bytes() const override { return text()->held().size() + text_.held_bytes(); }
  bool has_held_out() const override { return !text_.split().held_out.empty(); }

  void fill(Purpose purpose, std::uint64_t seed, Index step, Index first_row,
            View<std::int32_t, 2> tokens, View<std::int32_t, 2> targets, Alphabet alphabet,
            std::span<Index> places) const override {
    LIOR_CHECK(alphabet == Alphabet::all,
               "a text has no generators to begin with; curriculum.generators must be 0");
    const bool trains = purpose == Purpose::training;
    const std::vector<Range>& parts = trains ? text_.split().training : text_.split().held_out;
    const WindowDraw& draw = trains ? training_ : held_out_;
    const Index length = tokens.extent(1);
    check_windows(parts, draw, length, trains ? "train" : "evaluate");
    for (Index row = 0; row < tokens.extent(0); ++row) {
      Random random(seed, random_stream(purpose, step, first_row + row));
      const Range range =
          is_one_document() ? window_of(parts.front(), random, length) : draw.draw(random, length);
      fill_row(text_, range, tokens[row], targets[row]);
      if (!places.empty()) places[static_cast<std::size_t>(row)] = range.begin;
    }
  }

  bool packs(Index length) const override {
    return !is_one_document() && !training_.all_have_windows(length);
  }

  Index pack(std::uint64_t seed, Index step, Index first_row, Index length,
             View<std::int32_t, 1> tokens, View<std::int32_t, 1> targets,
             std::span<Range> sequences) const override {
    check_windows(text_.split().training, training_, length, "train");
    Random random(seed, random_stream(Purpose::training, step, first_row));
    std::size_t count = 0;
    for (Index left = tokens.extent(0); left > 0 && count < sequences.size(); ++count) {
      const Range drawn = training_.draw(random, length);
      const Index some = std::min(drawn.size(), left);
      sequences[count] = {drawn.begin, drawn.begin + some};
      left -= some;
    }
    const auto packed = sequences.first(count);
    std::ranges::sort(packed, [](const Range& a, const Range& b) {
      return std::pair(b.size(), a.begin) < std::pair(a.size(), b.begin);
    });
    Index row = 0;
    for (const Range& range : packed) {
      const Shape<1> size{range.size()};
      text_.read(range.begin, {tokens.data() + row, size}, {targets.data() + row, size});
      row += range.size();
    }
    return std::ssize(packed);
  }

  std::vector<Range> training_parts() const override { return text_.split().training; }
  void read(Index begin, std::span<std::int32_t> tokens) const override {
    text_.read(begin, tokens);
  }

  std::unique_ptr<Stream> evaluation(Part part, std::uint64_t, Index count, Index length,
                                     Index batch) const override {
    LIOR_CHECK(count >= 1 && length >= 1 && batch >= 1,
               "count, length and batch are {}, {} and {}; expected at least 1", count, length,
               batch);
    const std::vector<Range>& ranges =
        part == Part::val ? text_.split().held_out : text_.documents();
    const Index most = saturating_product(count, length);
    if (!is_one_document()) {
      return documents_stream(first_predictions(ranges, most), std::min(batch, count), part);
    }
    const Range range = ranges.empty() ? Range{} : ranges.front();
    LIOR_CHECK(range.size() >= 2, "{}: its {} part has {}; a prediction needs two",
               shown_path(text()->path()), name(part),
               counted(range.size(), text_.tokenizer()->unit()));
    const Index predictions = std::min(range.size() - 1, most);
    const Index stretches = std::clamp(predictions / length, Index{1}, std::min(batch, count));
    const Index of_each = predictions / stretches;
    return std::make_unique<TextStream>(text_, range.begin, range.begin + (stretches - 1) * of_each,
                                        stretches, of_each);
  }

  std::unique_ptr<Stream> sample(std::uint64_t seed, Index count, Index length,
                                 Index batch) const override {
    const std::vector<Range>& ranges = text_.split().held_out;
    const Index predictions = saturating_product(count, length);
    if (!is_one_document()) {
      const Index longest = kSampledTogether * length;
      return documents_stream(spread_predictions(ranges, longest, predictions),
                              std::min(batch, count), Part::val);
    }
    const Index stretches = (count + kSampledTogether - 1) / kSampledTogether;
    if (predictions >= ranges.front().size() - 1 || stretches == 1) {
      return evaluation(Part::val, seed, count, length, batch);
    }
    const Index of_each = predictions / stretches;
    return std::make_unique<TextStream>(text_, ranges.front().begin,
                                        ranges.front().end - 1 - of_each, stretches, of_each);
  }

 private:
  bool is_one_document() const { return text_.documents().size() == 1; }

  void check_windows(const std::vector<Range>& parts, const WindowDraw& draw, Index length,
                     const char* purpose) const {
    if (!is_one_document()) {
      LIOR_CHECK(!draw.empty(), "{}: no document to {} on has two {}; a prediction needs two",
                 shown_path(text()->path()), purpose, text_.tokenizer()->unit());
      return;
    }
    const Index size = parts.empty() ? 0 : parts.front().size();
    LIOR_CHECK(size > length,
               "{}: {} to {} on: too few for windows of length {}; at least {} are needed",
               shown_path(text()->path()), counted(size, text_.tokenizer()->unit()), purpose,
               length, length + 1);
  }

  /// Any window of a text that is one document; those near its ends are as likely as others.
  static Range window_of(const Range& part, Random& random, Index length) {
    const Index begin = part.begin + random.below(part.size() - length);
    return {begin, begin + length};
  }

  std::unique_ptr<Stream> documents_stream(std::vector<Range> ranges, Index together,
                                           Part part) const {
    LIOR_CHECK(!ranges.empty(), "{}: no document of its {} part has two {}; a prediction needs two",
               shown_path(text()->path()), name(part), text_.tokenizer()->unit());
    std::stable_sort(ranges.begin(), ranges.end(),
                     [](const Range& a, const Range& b) { return a.size() > b.size(); });
    return std::make_unique<TextStream>(text_, std::move(ranges), together);
  }

  /// The first `most` predictions of these documents.
  static std::vector<Range> first_predictions(const std::vector<Range>& documents, Index most) {
    std::vector<Range> all;
    for (const Range& document : documents) {
      const Index some = std::min(document.size() - 1, most);
      if (some < 1) continue;
      all.push_back({document.begin, document.begin + some});
      most -= some;
    }
    return all;
  }

  /// About `most` predictions, in stretches of at most `longest`, spread evenly over these
  /// documents.
  static std::vector<Range> spread_predictions(const std::vector<Range>& documents, Index longest,
                                               Index most) {
    std::vector<Range> all;
    for (const Range& document : documents) {
      for (Index begin = document.begin; begin < document.end - 1; begin += longest) {
        all.push_back({begin, std::min(begin + longest, document.end - 1)});
      }
    }
    const Index total = std::accumulate(all.begin(), all.end(), Index{0},
                                        [](Index sum, const Range& r) { return sum + r.size(); });
    if (total <= most) return all;
    // Every (total / most)-th, the first among them.
    std::vector<Range> some;
    double due = static_cast<double>(total);
    for (const Range& range : all) {
      if (due >= static_cast<double>(total)) {
        some.push_back(range);
        due -= static_cast<double>(total);
      }
      due += static_cast<double>(most);
    }
    return some;
  }

  TokenText text_;
  WindowDraw training_, held_out_;
};

}  // namespace

std::unique_ptr<Source> text_source(TokenText text) {
  return std::make_unique<TextSource>(std::move(text));
}

}  // namespace lior::train
