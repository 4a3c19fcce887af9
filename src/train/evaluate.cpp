#include "lior/train/evaluate.h"

namespace lior::train {
namespace {

// Tokens of task sequences held at a time: 2 x 64 MB, whatever the length.
constexpr Index kMostTaskTokens = Index{1} << 24;

/// Columns [begin, begin + width) of `rows` rows, packed into the front of `to`.
void copy_columns(View<const std::int32_t, 2> from, Index begin, Index rows, Index width,
                  View<std::int32_t, 2> to) {
  for (Index row = 0; row < rows; ++row) {
    std::copy_n(&from(row, begin), width, to.data() + row * width);
  }
}

}  // namespace

Evaluator::Evaluator(const nn::Model<float>& model, Index batch, Index window)
    : model_(model),
      batch_(batch),
      window_(window),
      tokens_({batch, window}),
      targets_({batch, window}),
      state_({batch, model.state_size()}),
      arena_(model.inference_bytes(batch, window)) {}

std::size_t Evaluator::bytes(const nn::Model<float>& model, Index batch, Index window) {
  return model.inference_bytes(batch, window) +
         static_cast<std::size_t>(batch) *
             (static_cast<std::size_t>(window) * 2 * sizeof(std::int32_t) +
              static_cast<std::size_t>(model.state_size()) * sizeof(float));
}

void Evaluator::start_sequences() { model_.initial_state(state_.view()); }

void Evaluator::run_window(Index rows, Index width, bool last) {
  const Shape<2> shape{rows, width};
  arena_.reset();
  const nn::LossResult part =
      model_.evaluate(View<const std::int32_t, 2>(tokens_.data(), shape),
                      View<const std::int32_t, 2>(targets_.data(), shape),
                      View<float, 2>(state_.data(), {rows, model_.state_size()}), arena_);
  sum_.loss_sum += part.loss_sum;
  sum_.targets += part.targets;
  sum_.correct += part.correct;
  if (last) {
    sum_.last_targets += part.last_targets;
    sum_.last_correct += part.last_correct;
  }
}

EvalResult Evaluator::result() const {
  const auto mean = [](double sum, Index count) { return sum / static_cast<double>(count); };
  EvalResult result{.loss = mean(sum_.loss_sum, sum_.targets),
                    .accuracy = mean(static_cast<double>(sum_.correct), sum_.targets),
                    .accuracy_last = {},
                    .tokens = sum_.targets};
  if (sum_.last_targets > 0) {
    result.accuracy_last = mean(static_cast<double>(sum_.last_correct), sum_.last_targets);
  }
  return result;
}

EvalResult Evaluator::task(Task task, std::uint64_t seed, Index count, Index length) {
  LIOR_CHECK(count >= 1, "count = {}; at least one sequence must be evaluated", count);
  LIOR_CHECK(length >= shortest_length(task), "length = {}; sequences of {} need at least {}",
             length, name(task), shortest_length(task));
  sum_ = {};
  const Index together = std::clamp(kMostTaskTokens / length, Index{1}, std::min(batch_, count));
  Array<std::int32_t, 2> tokens({together, length}), targets({together, length});
  for (Index first = 0; first < count && !stopped_(); first += together) {
    const Index rows = std::min(together, count - first);
    for (Index row = 0; row < rows; ++row) {
      fill_sequence(task, Purpose::evaluation, seed, 0, first + row, tokens.view()[row],
                    targets.view()[row]);
    }
    start_sequences();
    for (Index begin = 0; begin < length && !stopped_(); begin += window_) {
      const Index width = std::min(window_, length - begin);
      copy_columns(tokens.view(), begin, rows, width, tokens_.view());
      copy_columns(targets.view(), begin, rows, width, targets_.view());
      run_window(rows, width, begin + width == length);
    }
  }
  return result();
}

EvalResult Evaluator::text(std::span<const std::byte> bytes, Index count, Index length) {
  LIOR_CHECK(bytes.size() >= 2, "{} bytes to evaluate on; a prediction needs two", bytes.size());
  sum_ = {};
  const Index predictions = std::min(static_cast<Index>(bytes.size()) - 1, count * length);
  const Index rows = std::clamp(predictions / length, Index{1}, std::min(batch_, count));
  const Index stretch = predictions / rows;
  start_sequences();
  for (Index begin = 0; begin < stretch && !stopped_(); begin += window_) {
    const Index width = std::min(window_, stretch - begin);
    for (Index row = 0; row < rows; ++row) {
      const std::byte* start = bytes.data() + row * stretch + begin;
      for (Index t = 0; t < width; ++t) {
        tokens_.data()[row * width + t] = static_cast<std::int32_t>(start[t]);
        targets_.data()[row * width + t] = static_cast<std::int32_t>(start[t + 1]);
      }
    }
    run_window(rows, width, begin + width == stretch);
  }
  return result();
}

}  // namespace lior::train
