// SPDX-License-Identifier: Apache-2.0
// A whole run on ranks that are threads of this process; tests/app/test_ranks.py has processes.
#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>
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

  /// Bytes that all ranks are sent in a run of so many steps.
  Index traffic_of(Index size, Index steps) {
    const fs::path out = folder_ / fmt::format("{}-{}", size, steps);
    const std::vector<settings::Setting> settings{{"data", std::string("builtin:a5"), "test"},
                                                  {"preset", std::string("tracking"), "test"},
                                                  {"model.d_model", Index{32}, "test"},
                                                  {"model.heads", Index{4}, "test"},
                                                  {"threads", Index{1}, "test"},
                                                  {"length", Index{8}, "test"},
                                                  {"batch", Index{2}, "test"},
                                                  {"accumulate", kMicroBatches, "test"},
                                                  {"eval_every", Index{1000}, "test"},
                                                  {"steps", steps, "test"},
                                                  {"curriculum.start", Index{0}, "test"},
                                                  {"crystallise", std::string("off"), "test"}};
    std::vector<Index> bytes(static_cast<std::size_t>(size));
    comm::run_ranks(size, [&](comm::Communicator& ranks) {
      EXPECT_EQ(train(settings, out, false, {}, ranks).step, steps);
      bytes[static_cast<std::size_t>(ranks.rank())] = ranks.traffic().bytes;
    });
    parameters_ = std::ssize(load_model(out).model.values());
    return std::accumulate(bytes.begin(), bytes.end(), Index{0});
  }

  static constexpr Index kMicroBatches = 4;
  const ThreadScope threads_{1};
  const fs::path folder_ = fs::path(testing::TempDir()) / fmt::format("ranks-{}", getpid());
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

}  // namespace
}  // namespace lior::train
