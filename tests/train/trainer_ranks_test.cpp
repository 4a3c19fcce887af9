// SPDX-License-Identifier: Apache-2.0
// A whole run on ranks that are threads of this process; tests/app/test_ranks.py has processes.
#include <gtest/gtest.h>

#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <numeric>

#include "lior/core/thread_scope.h"
#include "lior/train/checkpoint.h"
#include "lior/train/trainer.h"

namespace lior::train {
namespace {

namespace fs = std::filesystem;

class TrainerRanks : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(folder_); }
  void TearDown() override { fs::remove_all(folder_); }

  /// Bytes that all ranks are sent in a run of so many steps; `along` of them share each sequence.
  Index traffic_of(Index size, Index steps, Index along = 1) {
    out_ = folder_ / fmt::format("{}-{}-{}", size, along, steps);
    const std::vector<settings::Setting> settings{{"data", std::string("builtin:a5"), "test"},
                                                  {"preset", std::string("tracking"), "test"},
                                                  {"model.d_model", Index{32}, "test"},
                                                  {"model.heads", Index{4}, "test"},
                                                  {"threads", Index{1}, "test"},
                                                  {"length", Index{9}, "test"},
                                                  {"batch", Index{2}, "test"},
                                                  {"accumulate", kMicroBatches, "test"},
                                                  {"sequence_ranks", along, "test"},
                                                  {"eval_every", Index{1000}, "test"},
                                                  {"steps", steps, "test"},
                                                  {"curriculum.start", Index{0}, "test"},
                                                  {"crystallise", std::string("off"), "test"}};
    std::vector<Index> bytes(static_cast<std::size_t>(size));
    comm::run_ranks(size, [&](comm::Communicator& ranks) {
      const Outcome outcome = train(settings, out_, false, {}, ranks);
      EXPECT_EQ(outcome.step, steps);
      if (ranks.is_first()) val_loss_ = outcome.val_loss;
      bytes[static_cast<std::size_t>(ranks.rank())] = ranks.traffic().bytes;
    });
    parameters_ = std::ssize(load_model(out_).model.values());
    return std::accumulate(bytes.begin(), bytes.end(), Index{0});
  }
  std::vector<float> values_of_run() const {
    const TrainedModel trained = load_model(out_, Weights::last);
    return {trained.model.values().begin(), trained.model.values().end()};
  }

  static constexpr Index kMicroBatches = 4;
  const ThreadScope threads_{1};
  const fs::path folder_ = fs::path(testing::TempDir()) / fmt::format("ranks-{}", getpid());
  fs::path out_;  // of the latest run
  std::optional<double> val_loss_;
  Index parameters_ = 0;
};

// docs/scaling.md: all ranks together are sent 2 (P - 1) gradients a step, and little beside.
TEST_F(TrainerRanks, SendWhatTheFormulaSays) {
  for (const Index size : {2, 4}) {
    const Index step = traffic_of(size, 3) - traffic_of(size, 2);
    const Index others = size - 1, each = size * others;  // pairs of ranks
    const Index pieces = 1 + parameters_ / 16384;         // at least; a tensor has one or more
    const Index numbers = 2 * others * parameters_ * static_cast<Index>(sizeof(float));
    const Index results = others * kMicroBatches * (8 + static_cast<Index>(sizeof(nn::LossResult)));
    EXPECT_GE(step, numbers + results + others * pieces * 8);
    EXPECT_LE(step, numbers + results + others * 100 * 8 + 100 * each) << size << " ranks";
  }
}

// A sequence's rows are added up by stretches, in another order than one rank's: float32 leaves
// 1e-5 of the weights after three steps. The order does not know how many groups there are.
TEST_F(TrainerRanks, ThatShareSequencesTrainWhatOneDoes) {
  traffic_of(1, 3);
  const std::vector<float> one = values_of_run();
  const std::optional<double> val_loss = val_loss_;
  ASSERT_TRUE(val_loss.has_value());
  float most = 0;
  for (const float value : one) most = std::max(most, std::abs(value));
  const auto expect_near_one = [&](const std::vector<float>& values) {
    ASSERT_EQ(values.size(), one.size());
    for (std::size_t i = 0; i < one.size(); ++i) ASSERT_NEAR(values[i], one[i], 1e-5 * most) << i;
    EXPECT_NEAR(*val_loss_, *val_loss, 1e-5 * *val_loss);
  };
  traffic_of(3, 3, 3);
  expect_near_one(values_of_run());
  traffic_of(2, 3, 2);
  const std::vector<float> two = values_of_run();
  expect_near_one(two);
  traffic_of(4, 3, 2);
  EXPECT_EQ(values_of_run(), two);
}

// Lines of 1 to 23 letters, in rows of 32.
TEST_F(TrainerRanks, PackShortDocumentsAsOneDoes) {
  const std::string data = (folder_ / "lines.txt").string();
  std::ofstream file(data);
  for (int i = 0; i < 400; ++i)
    file << std::string(static_cast<std::size_t>(1 + i % 23), 'a' + i % 7) << '\n';
  file.close();
  const auto values_of = [&](Index size) {
    out_ = folder_ / fmt::format("lines-{}", size);
    const std::vector<settings::Setting> settings{{"data", data, "test"},
                                                  {"separator", std::string("\\n"), "test"},
                                                  {"preset", std::string("tiny"), "test"},
                                                  {"model.d_model", Index{32}, "test"},
                                                  {"model.heads", Index{4}, "test"},
                                                  {"model.mlp_hidden", Index{32}, "test"},
                                                  {"threads", Index{1}, "test"},
                                                  {"length", Index{32}, "test"},
                                                  {"batch", Index{2}, "test"},
                                                  {"accumulate", kMicroBatches, "test"},
                                                  {"steps", Index{3}, "test"}};
    comm::run_ranks(size,
                    [&](comm::Communicator& ranks) { train(settings, out_, false, {}, ranks); });
    return values_of_run();
  };
  const std::vector<float> one = values_of(1);
  EXPECT_EQ(values_of(2), one);
  EXPECT_EQ(values_of(4), one);
}

// 3 ranks cannot be shared by twos, nor by threes 4 micro-batches.
TEST_F(TrainerRanks, ThatCannotShareAreRefused) {
  EXPECT_THROW(traffic_of(3, 1, 2), Error);
  EXPECT_THROW(traffic_of(3, 1, 1), Error);
  EXPECT_THROW(traffic_of(12, 1, 12), Error);  // of 9 tokens
}

}  // namespace
}  // namespace lior::train
