// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "lior/check/registry.h"
#include "lior/check/verify.h"
#include "lior/io/safetensors.h"
#include "support/temporary_folder.h"

namespace lior::check {
namespace {

class CaseFiles : public testing::Test {
 protected:
  void write(const std::string& file, const std::string& tensor, double value) {
    const double data[] = {value};
    const io::NamedTensor tensors[] = {
        io::named_tensor<double>(tensor, std::span<const double>(data), {1})};
    io::write_safetensors(folder_.file(file), tensors);
  }

  VerifyReport run() {
    LoadedCases cases = load_cases(registry_, folder_.path());
    VerifyReport report =
        verify(registry_, {.levels = {simd::Level::scalar}, .further = std::move(cases.checks)});
    report.not_covered = std::move(cases.not_covered);
    return report;
  }

  TemporaryFolder folder_;
  /// Knows files "answer", whose tensor "x" should be 42.
  Registry registry_{
      .cases = {{"answer", [](std::shared_ptr<const io::SafeTensors> file) {
                   return std::vector<Check>{
                       {.name = "answer.x",
                        .module = "test",
                        .dtype = "f64",
                        .shape = "[1]",
                        .tolerance = 1e-12,
                        .error = [file] { return std::abs(file->read<double>("x")[0] - 42); }}};
                 }}}};
};

TEST_F(CaseFiles, RightAndWrongRecordsAreToldApart) {
  write("answer.safetensors", "x", 42);
  EXPECT_EQ(run().failed(), 0);
  write("answer.safetensors", "x", 41);
  EXPECT_EQ(run().failed(), 1);
}

TEST_F(CaseFiles, MissingTensorFailsAndIsNamed) {
  write("answer.safetensors", "y", 42);
  const VerifyReport report = run();
  ASSERT_EQ(report.failed(), 1);
  EXPECT_NE(report.rows[0].message.find("x"), std::string::npos);
}

TEST_F(CaseFiles, DamagedFileFails) {
  std::ofstream(folder_.file("answer.safetensors")) << "not a header";
  const VerifyReport report = run();
  ASSERT_EQ(report.rows.size(), 1);
  EXPECT_EQ(report.failed(), 1);
  EXPECT_EQ(report.rows[0].name, "cases.answer.file");
  EXPECT_FALSE(report.rows[0].message.empty());
}

TEST_F(CaseFiles, UnknownNameIsListedAndDoesNotFail) {
  write("answer.safetensors", "x", 42);
  write("mystery.safetensors", "x", 1);
  const VerifyReport report = run();
  EXPECT_EQ(report.failed(), 0);
  EXPECT_EQ(report.not_covered, std::vector<std::string>{"mystery.safetensors"});
}

TEST_F(CaseFiles, EveryStepOfAnOptimizerCounts) {
  registry_ = {};
  add_train_cases(registry_);
  const auto passes = [this](double p1) {
    // The compat form at g = 1: R^2 = 1/2, so each step is 2 lr = .02.
    const std::pair<const char*, double> values[] = {
        {"basic.p0", 1}, {"basic.gp0", 1}, {"basic.p1", p1}, {"basic.gp1", 1}, {"basic.p2", 0.96}};
    std::vector<io::NamedTensor> tensors;
    for (const auto& [name, value] : values) {
      tensors.push_back(io::named_tensor<double>(name, std::span(&value, 1), {1}));
    }
    io::write_safetensors(folder_.file("optimizer.safetensors"), tensors);
    const VerifyReport report = run();
    EXPECT_EQ(report.rows[0].name, "optimizer.basic.p");
    return report.rows[0].pass;
  };
  EXPECT_TRUE(passes(0.98));
  EXPECT_FALSE(passes(0.97));
  EXPECT_FALSE(passes(NAN));
}

TEST_F(CaseFiles, MissingOrEmptyFolderIsAnError) {
  EXPECT_THROW(load_cases(registry_, folder_.path()), Error);
  EXPECT_THROW(load_cases(registry_, folder_.file("absent")), Error);
}

}  // namespace
}  // namespace lior::check
