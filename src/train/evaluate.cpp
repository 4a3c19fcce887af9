// SPDX-License-Identifier: Apache-2.0
#include "lior/train/evaluate.h"

#include <algorithm>
#include <cmath>

namespace lior::train {

Interval wilson_interval(double mean, Index count) {
  if (count == 0) return {};
  constexpr double kDeviations = 1.959963984540054;  // the normal distribution's 97.5 % point
  const auto n = static_cast<double>(count);
  const double z2 = kDeviations * kDeviations;
  const double centre = (mean + z2 / (2 * n)) / (1 + z2 / n);
  const double half =
      kDeviations / (1 + z2 / n) * std::sqrt(mean * (1 - mean) / n + z2 / (4 * n * n));
  return {std::max(centre - half, 0.0), std::min(centre + half, 1.0)};
}

std::optional<double> EvalResult::nats_per_byte() const {
  if (bytes == 0) return {};
  return loss * (static_cast<double>(tokens) / static_cast<double>(bytes));
}

Evaluator::Evaluator(const nn::Model<float>& model, Index batch, Index window,
                     comm::Communicator& along)
    : model_(model),
      batch_(batch),
      window_(window),
      along_(along),
      tokens_({batch, window}),
      targets_({batch, window}),
      predicted_({batch, window}),
      state_({batch, model.state_size()}),
      arena_(model.inference_bytes(batch, window, along.size())),
      wrong_(static_cast<std::size_t>(batch)),
      stops_(static_cast<std::size_t>(along.size())) {}

std::size_t Evaluator::bytes(const nn::Model<float>& model, Index batch, Index window,
                             Index along) {
  return model.inference_bytes(batch, window, along) +
         static_cast<std::size_t>(batch) *
             (static_cast<std::size_t>(window) * 3 * sizeof(std::int32_t) +
              static_cast<std::size_t>(model.state_size()) * sizeof(float));
}

void Evaluator::start(const Stream& stream) {
  sum_ = {};
  sequences_ = exact_ = bytes_ = 0;
  const Index width = (stream.length() + EvalResult::kMostBins - 1) / EvalResult::kMostBins;
  bins_.clear();
  for (Index begin = 0; begin < stream.length(); begin += width) {
    bins_.push_back({.begin = begin, .end = std::min(begin + width, stream.length())});
  }
}

/// The sum of its losses; everything else is counted.
double Evaluator::run_window(Index rows, Index begin, Index width, bool last) {
  const Shape<2> shape{rows, width};
  arena_.reset();
  const nn::LossResult part =
      model_.evaluate(View<const std::int32_t, 2>(tokens_.data(), shape),
                      View<const std::int32_t, 2>(targets_.data(), shape),
                      View<float, 2>(state_.data(), {rows, model_.state_size()}), arena_,
                      View<std::int32_t, 2>(predicted_.data(), shape), along_);
  sum_.targets += part.targets;
  sum_.correct += part.correct;
  for (Index row = 0; row < rows; ++row) count_positions(row, begin, width);
  if (last) {
    sum_.last_targets += part.last_targets;
    sum_.last_correct += part.last_correct;
  }
  return part.loss_sum;
}

/// Counts one row of a window for its sequence and for its positions.
void Evaluator::count_positions(Index row, Index begin, Index width) {
  const std::int32_t* const targets = targets_.data() + row * width;
  const std::int32_t* const predicted = predicted_.data() + row * width;
  const Index bin_width = bins_.front().end;
  for (Index t = 0; t < width; ++t) {
    if (targets[t] < 0) continue;
    const bool correct = predicted[t] == targets[t];
    PositionBin& bin = bins_[static_cast<std::size_t>((begin + t) / bin_width)];
    ++bin.targets;
    bin.correct += correct;
    wrong_[static_cast<std::size_t>(row)] += !correct;
  }
}

EvalResult Evaluator::result() const {
  const auto mean = [](double sum, Index count) { return sum / static_cast<double>(count); };
  EvalResult result{.loss = mean(sum_.loss_sum, sum_.targets),
                    .accuracy = mean(static_cast<double>(sum_.correct), sum_.targets),
                    .accuracy_last = {},
                    .tokens = sum_.targets,
                    .bytes = bytes_,
                    .wrong = sum_.targets - sum_.correct,
                    .sequences = sequences_,
                    .exact = exact_,
                    .interval = {},
                    .by_position = bins_};
  result.interval = wilson_interval(result.accuracy, sequences_);
  if (sum_.last_targets > 0) {
    result.accuracy_last = mean(static_cast<double>(sum_.last_correct), sum_.last_targets);
  }
  return result;
}

/// Ranks that share sequences stop together.
bool Evaluator::stopped_on_any(double done) {
  along_.all_gather(static_cast<char>(stopped_(done)), std::span(stops_));
  return std::ranges::count(stops_, 1) > 0;
}

/// Sequences first .. first + rows - 1, the losses of their windows into the front of `losses`.
/// Whether it was stopped.
bool Evaluator::run_batch(Stream& stream, Index first, Index rows, std::span<double> losses) {
  const Index length = stream.longest(first, rows);
  const auto done = [&](Index begin) {
    const double of_these = static_cast<double>(begin) / static_cast<double>(length);
    return (static_cast<double>(first) + static_cast<double>(rows) * of_these) /
           static_cast<double>(stream.count());
  };
  model_.initial_state(state_.view());
  std::fill(wrong_.begin(), wrong_.end(), 0);
  bool stopped = false;
  for (Index begin = 0; begin < length; begin += window_) {
    stopped = stopped_on_any(done(begin));
    if (stopped) break;
    const Index width = std::min(window_, length - begin);
    const Shape<2> shape{rows, width};
    along_.together([&] {
      stream.read(first, begin, View<std::int32_t, 2>(tokens_.data(), shape),
                  View<std::int32_t, 2>(targets_.data(), shape));
    });
    losses[static_cast<std::size_t>(begin / window_)] =
        run_window(rows, begin, width, begin + width == length);
    learn_(View<const std::int32_t, 2>(tokens_.data(), shape), begin == 0);
  }
  sequences_ += rows;
  exact_ += std::count(wrong_.begin(), wrong_.begin() + rows, 0);
  return stopped;
}

/// What all ranks have counted, and the losses of all windows in their order. Whether any rank was
/// stopped.
bool Evaluator::add_up(bool stopped, std::span<double> losses, std::span<const Index> ends,
                       comm::Communicator& ranks) {
  ranks.all_gather(losses, ends);
  for (const double loss : losses) sum_.loss_sum += loss;
  if (ranks.size() == 1) return stopped;

  struct Counts {
    nn::LossResult sum;
    Index sequences, exact, bytes, stopped;
  };
  std::vector<Counts> counts(static_cast<std::size_t>(ranks.size()));
  ranks.all_gather(Counts{sum_, sequences_, exact_, bytes_, stopped}, std::span(counts));
  sum_ = {.loss_sum = sum_.loss_sum};
  sequences_ = exact_ = bytes_ = 0;
  for (const Counts& of_rank : counts) {
    sum_.targets += of_rank.sum.targets;
    sum_.correct += of_rank.sum.correct;
    sum_.last_targets += of_rank.sum.last_targets;
    sum_.last_correct += of_rank.sum.last_correct;
    sequences_ += of_rank.sequences;
    exact_ += of_rank.exact;
    bytes_ += of_rank.bytes;
    stopped = stopped || of_rank.stopped != 0;
  }

  std::vector<PositionBin> bins(bins_.size() * counts.size());
  std::ranges::copy(bins_, bins.begin() + ranks.rank() * std::ssize(bins_));
  ranks.all_gather(std::span(bins), comm::even_ends(std::ssize(bins), ranks.size()));
  for (PositionBin& bin : bins_) bin.targets = bin.correct = 0;
  for (std::size_t i = 0; i < bins.size(); ++i) {
    bins_[i % bins_.size()].targets += bins[i].targets;
    bins_[i % bins_.size()].correct += bins[i].correct;
  }
  return stopped;
}

EvalResult Evaluator::run(Stream& stream, comm::Communicator& ranks) {
  start(stream);
  const Index together = std::min(batch_, stream.together());
  const auto rows_from = [&](Index first) { return std::min(together, stream.count() - first); };
  std::vector<Index> windows_before = {0};  // each batch, and all
  for (Index first = 0; first < stream.count(); first += together) {
    const Index longest = stream.longest(first, rows_from(first));
    windows_before.push_back(windows_before.back() + (longest + window_ - 1) / window_);
  }
  std::vector<double> losses(static_cast<std::size_t>(windows_before.back()));
  std::vector<Index> ends = comm::even_ends(std::ssize(windows_before) - 1, ranks.size());
  const Index end = ends[static_cast<std::size_t>(ranks.rank())];
  const Index begin = ranks.is_first() ? 0 : ends[static_cast<std::size_t>(ranks.rank() - 1)];
  bool stopped = false;
  const Index bytes_before = stream.bytes();
  ranks.together([&] {
    for (Index i = begin; i < end && !stopped; ++i) {
      const Index place = windows_before[static_cast<std::size_t>(i)];
      const Index first = i * together;
      stopped = run_batch(stream, first, rows_from(first),
                          std::span(losses).subspan(static_cast<std::size_t>(place)));
    }
  });
  bytes_ = stream.bytes() - bytes_before;
  for (Index& end_of_rank : ends) {
    end_of_rank = windows_before[static_cast<std::size_t>(end_of_rank)];
  }
  stopped = add_up(stopped, losses, ends, ranks);
  if (!stopped && !std::isfinite(sum_.loss_sum)) {
    throw RunError("the loss is not finite: the scores of the model overflow");
  }
  return result();
}

}  // namespace lior::train
