// SPDX-License-Identifier: Apache-2.0
#include "lior/train/checkpoint.h"

#include <cmath>

#include "lior/io/safetensors.h"
#include "support/error_of.h"
#include "support/temporary_folder.h"

namespace lior::train {
namespace {

Config small_config() {
  Config config = preset_config("tracking");
  config.data = "builtin:parity";
  config.steps = 1;
  config.model = {.vocabulary = 2, .classes = 2, .d_model = 8, .layers = 1, .mixer = {.heads = 1}};
  return config;
}

/// The folder of a run that has just begun, whose two files can be written anew.
class RunFolder : public testing::Test {
 protected:
  RunFolder() : model_(config_.model) {
    model_.initialize(1);
    write();
  }
  void write() {
    write_config(config_, path() / "config.json");
    std::vector<io::NamedTensor> tensors;
    for (const nn::Parameter& p : model_.parameters()) {
      tensors.push_back(
          io::named_tensor<float>(p.name, model_.values().subspan(p.offset, p.size), p.shape));
    }
    io::write_safetensors(weights(), tensors, {{"step", "0"}});
  }
  std::filesystem::path path() const { return folder_.path(); }
  std::string weights() const { return folder_.file("model.safetensors"); }

  TemporaryFolder folder_;
  Config config_ = small_config();
  nn::Model<float> model_;
};

TEST_F(RunFolder, GivesItsModelBack) {
  const TrainedModel trained = load_model(path());
  EXPECT_TRUE(std::equal(model_.values().begin(), model_.values().end(),
                         trained.model.values().begin(), trained.model.values().end()));
}

TEST_F(RunFolder, WithANumberThatIsNotFiniteIsRefusedByTheTensorsName) {
  const nn::Parameter& parameter = model_.parameters().back();
  for (const float bad : {NAN, INFINITY}) {
    model_.values()[parameter.offset] = bad;
    write();
    EXPECT_EQ(run_error_of([&] { load_model(path()); }),
              weights() + ": " + parameter.name +
                  " holds a number that is not finite; a good checkpoint has none");
  }
}

// The second configuration asks for more memory than most machines have.
TEST_F(RunFolder, OfAnotherModelIsRefusedBeforeMemoryIsTakenForIt) {
  config_.model.layers = 1024;
  write();
  EXPECT_EQ(error_of([&] { load_model(path()); }),
            fmt::format("{}: holds {} tensors; the configuration's model has 1024 layers of "
                        "several each",
                        weights(), model_.parameters().size()));
  config_ = small_config();
  config_.model.d_model = 1 << 16;
  write();
  EXPECT_NE(error_of([&] { load_model(path()); }).find("the configuration's model has F32 ["),
            std::string::npos);
}

}  // namespace
}  // namespace lior::train
