// SPDX-License-Identifier: Apache-2.0
#include "lior/train/metrics.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "support/error_of.h"
#include "support/temporary_folder.h"

namespace lior::train {
namespace {

namespace fs = std::filesystem;

struct MetricsFile : testing::Test {
  fs::path path = fs::temp_directory_path() / fmt::format("lior-metrics-{}", ::getpid());
  void TearDown() override { fs::remove(path); }
  std::string text() const {
    std::ostringstream all;
    all << std::ifstream(path).rdbuf();
    return all.str();
  }
};

TEST_F(MetricsFile, ALineAStep) {
  Metrics metrics(path, 0);
  metrics.write({.step = 10,
                 .loss = 2.5,
                 .accuracy = 0.25,
                 .length = 8,
                 .tokens = 640,
                 .seconds = 1.5,
                 .lr = 1e-3,
                 .grad_norm = 0.5,
                 .planned_bytes = 1000,
                 .val_loss = 3,
                 .val_accuracy = {}});
  EXPECT_EQ(text(),
            "{\"step\": 10, \"loss\": 2.5, \"accuracy\": 0.25, \"length\": 8, \"tokens\": 640, "
            "\"seconds\": 1.500, \"lr\": 0.001, \"grad_norm\": 0.5, "
            "\"planned_bytes\": 1000, \"val_loss\": 3}\n");
}

TEST_F(MetricsFile, WhatLiesPastTheCheckpointIsCutOff) {
  const std::string kept = "{\"step\": 10}\n{\"step\": 20}\n";
  for (const char* rest : {"", "{\"step\": 30}\n", "{\"step\": 30}\n{\"step\": 40}\n", "{\"ste",
                           "{\"step\": 20}", "{\"other\": 1}\n"}) {
    std::ofstream(path) << kept << rest;
    Metrics metrics(path, 20);
    EXPECT_EQ(text(), kept) << rest;
  }
  Metrics metrics(path, 5);
  EXPECT_EQ(text(), "");
}

// A resumed run writes back what it read.
TEST(MetricsOfAFolder, AReadThatFailsIsNoEnd) {
  const TemporaryFolder folder;
  const std::string error = folder.path() + ": cannot be read (Is a directory)";
  EXPECT_EQ(run_error_of([&] { read_metrics(folder.path()); }), error);
  EXPECT_EQ(run_error_of([&] { Metrics(folder.path(), 20); }), error);
}

// A loss of power leaves blocks of zeros where text was on its way to the disk.
TEST_F(MetricsFile, DamagedLinesAreLeftOutAndCountedAndTheOthersStay) {
  const std::string zeros(100, '\0'), first = "{\"step\": 10}\n", second = "{\"step\": 20}\n";
  for (const std::string& damage :
       {zeros, zeros + "{\"step\": 11}", std::string("{}"), std::string("[10]"),
        std::string("{\"step\": \"x\"}"), std::string("{\"step\": 1.5}")}) {
    std::ofstream(path) << first << damage << "\n" << second << "{\"step\": 30}\n";
    const Metrics metrics(path, 20);
    EXPECT_EQ(text(), first + second) << damage;
    EXPECT_EQ(metrics.damaged_lines(), 1) << damage;
  }
  std::ofstream(path) << first << second;
  EXPECT_EQ(Metrics(path, 20).damaged_lines(), 0);
}

TEST_F(MetricsFile, LinesAreReadAsTheyWereWritten) {
  Metrics(path, 0).write({.step = 10, .loss = 2.5, .tokens = 640, .seconds = 1.25, .lr = 0.01});
  Metrics(path, 10).write({.step = 20, .grad_norm = 0.5, .val_loss = 2.25, .val_accuracy = 0.5});
  std::ofstream(path, std::ios::app) << "{\"step\": 30, \"loss\": null}\nno record\n{\"st";
  const std::vector<MetricsLine> lines = read_metrics(path);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0].step, 10);
  EXPECT_EQ(lines[0].tokens, 640);
  EXPECT_EQ(lines[0].seconds, 1.25);
  EXPECT_FALSE(lines[0].val_loss);
  EXPECT_EQ(lines[1].grad_norm, 0.5);
  EXPECT_EQ(lines[1].val_loss, 2.25);
  EXPECT_EQ(lines[2].step, 30);
  EXPECT_THROW(read_metrics(path.string() + ".none"), Error);
}

}  // namespace
}  // namespace lior::train
