// SPDX-License-Identifier: Apache-2.0
#include "lior/train/checkpoint.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "lior/core/text.h"
#include "lior/io/safetensors.h"
#include "lior/train/text_counts.h"
#include "lior/train/tokenizer_kinds.h"

namespace lior::train {
namespace {

namespace fs = std::filesystem;

constexpr const char* kModelFile = "model.safetensors";
constexpr const char* kOptimizerFile = "optimizer.safetensors";
constexpr const char* kNextOptimizerFile = "optimizer.safetensors.next";
constexpr const char* kBestFile = "best.safetensors";
constexpr const char* kNextBestFile = "best.safetensors.next";

using Metadata = std::map<std::string, std::string>;

template <class T>
T number(const io::SafeTensors& file, const std::string& key) {
  const auto found = file.metadata().find(key);
  LIOR_CHECK(found != file.metadata().end(), "{}: its metadata lack \"{}\"; a checkpoint has it",
             shown_path(file.path()), key);
  const std::string& text = found->second;
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  LIOR_CHECK(error == std::errc{} && end == text.data() + text.size(),
             "{}: its metadata say {} = \"{}\"; a number belongs there", shown_path(file.path()),
             key, shown(text));
  return value;
}

Metadata to_metadata(const RunState& state, Index optimizer_steps) {
  Metadata metadata{
      {"step", fmt::format("{}", state.step)},
      {"seconds", fmt::format("{}", state.seconds)},
      {"tokens", fmt::format("{}", state.tokens)},
      {"data_bytes", fmt::format("{}", state.data_bytes)},
      {"data_fingerprint", fmt::format("{}", state.data_fingerprint)},
      {"curriculum.length", fmt::format("{}", state.curriculum.length)},
      {"curriculum.streak", fmt::format("{}", state.curriculum.streak)},
      {"curriculum.lost", fmt::format("{}", state.curriculum.lost)},
      {"curriculum.over_generators", fmt::format("{:d}", state.curriculum.over_generators)},
      {"optimizer.steps", fmt::format("{}", optimizer_steps)}};
  if (state.best) {
    metadata["best.step"] = fmt::format("{}", state.best->step);
    metadata["best.val_loss"] = fmt::format("{}", state.best->val_loss);
  }
  return metadata;
}

/// Runs from before there were best weights, and runs on tasks, have none.
std::optional<Best> best_from_metadata(const io::SafeTensors& file) {
  if (!file.metadata().contains("best.step")) return {};
  return Best{number<Index>(file, "best.step"), number<double>(file, "best.val_loss")};
}

RunState from_metadata(const io::SafeTensors& file) {
  return {.step = number<Index>(file, "step"),
          .seconds = number<double>(file, "seconds"),
          .tokens = number<Index>(file, "tokens"),
          .data_bytes = number<Index>(file, "data_bytes"),
          .data_fingerprint = number<std::uint64_t>(file, "data_fingerprint"),
          .curriculum = {.length = number<Index>(file, "curriculum.length"),
                         .streak = number<Index>(file, "curriculum.streak"),
                         .lost = number<Index>(file, "curriculum.lost"),
                         .over_generators = number<Index>(file, "curriculum.over_generators") != 0},
          .best = best_from_metadata(file)};
}

/// One tensor a parameter, named prefix + name, out of a flat array.
void append_tensors(const std::string& prefix, std::span<const nn::Parameter> parameters,
                    std::span<const float> flat, std::vector<io::NamedTensor>& tensors) {
  for (const nn::Parameter& p : parameters) {
    tensors.push_back(
        io::named_tensor<float>(prefix + p.name, flat.subspan(p.offset, p.size), p.shape));
  }
}

void check_count(const io::SafeTensors& file, std::size_t expected) {
  LIOR_CHECK(file.names().size() == expected,
             "{}: holds {} tensors; the configuration's model has {}", shown_path(file.path()),
             file.names().size(), expected);
}

/// Whether the file has each parameter in its shape: looks at its header alone.
void check_tensors(const io::SafeTensors& file, const std::string& prefix,
                   std::span<const nn::Parameter> parameters) {
  for (const nn::Parameter& p : parameters) {
    const std::string name = prefix + p.name;
    const io::TensorInfo& info = file.info(name);
    LIOR_CHECK(info.dtype == io::DType::f32 && info.shape == p.shape,
               "{}: {} is {} {}; the configuration's model has F32 {}", shown_path(file.path()),
               name, io::name(info.dtype), shown(io::to_string(info.shape)),
               io::to_string(p.shape));
  }
}

/// take(parameter, its numbers) of each, which are finite.
template <class Take>
void each_tensor(const io::SafeTensors& file, const std::string& prefix,
                 std::span<const nn::Parameter> parameters, const Take& take) {
  check_tensors(file, prefix, parameters);
  for (const nn::Parameter& p : parameters) {
    const std::string name = prefix + p.name;
    const Buffer<float> values = file.read<float>(name);
    if (!std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); })) {
      throw RunError(
          fmt::format("{}: {} holds a number that is not finite; a good checkpoint has none",
                      shown_path(file.path()), name));
    }
    take(p, values.span());
  }
}

void read_tensors(const io::SafeTensors& file, const std::string& prefix,
                  std::span<const nn::Parameter> parameters, std::span<float> flat) {
  each_tensor(file, prefix, parameters, [&](const nn::Parameter& p, std::span<const float> values) {
    std::copy(values.begin(), values.end(), flat.begin() + p.offset);
  });
}

/// The file of that step: under its own name, or the next one that a kill left, which takes it.
io::SafeTensors open_of_step(const fs::path& current, const fs::path& next, Index expected,
                             const char* whose) {
  if (fs::exists(next)) {
    auto file = io::SafeTensors::open(next.string());
    if (number<Index>(file, "step") == expected) {
      fs::rename(next, current);
      return file;
    }
    fs::remove(next);  // of a checkpoint that never was
  }
  auto file = io::SafeTensors::open(current.string());
  const auto step = number<Index>(file, "step");
  LIOR_CHECK(step == expected, "{}: is of step {}, {} of step {}; a checkpoint's files are of one",
             shown_path(current.string()), step, whose, expected);
  return file;
}

/// `place`: the name that the file will have.
void write_weights(const fs::path& path, const fs::path& place,
                   std::span<const nn::Parameter> parameters, std::span<const float> values,
                   Index step) {
  std::vector<io::NamedTensor> tensors;
  append_tensors("", parameters, values, tensors);
  io::write_safetensors(path.string(), tensors, {{"step", fmt::format("{}", step)}},
                        place.string());
}

io::SafeTensors open_weights(const fs::path& folder, Weights weights) {
  const bool has_best = weights == Weights::best && fs::exists(folder / kBestFile);
  return io::SafeTensors::open((folder / (has_best ? kBestFile : kModelFile)).string());
}

}  // namespace

std::optional<std::string> first_not_finite(std::span<const nn::Parameter> parameters,
                                            std::span<const float> values) {
  for (const nn::Parameter& p : parameters) {
    for (const float value : values.subspan(p.offset, p.size)) {
      if (!std::isfinite(value)) return p.name;
    }
  }
  return {};
}

std::vector<Tensor> tensors_of(std::span<const nn::Parameter> parameters) {
  std::vector<Tensor> tensors;
  for (const nn::Parameter& p : parameters) {
    // The matrices between the embedding and the classes; taps of a convolution are none.
    const bool is_turned = p.decay && p.name.starts_with("blocks.") && p.shape.size() == 2 &&
                           p.name.find(".convolution.") == std::string::npos;
    tensors.push_back({p.offset, p.size, p.decay, p.by_rows, is_turned ? p.shape[0] : 0});
  }
  return tensors;
}

namespace {

/// The optimiser's arrays whole, on the first rank: its own where it has all of them, else gathered
/// into `room`.
std::vector<Optimizer<float>::StateArray> whole_state(const nn::Model<float>& model,
                                                      const Optimizer<float>& optimizer,
                                                      comm::Communicator& ranks,
                                                      std::vector<Buffer<float>>& room) {
  std::vector<Optimizer<float>::StateArray> whole(optimizer.state().begin(),
                                                  optimizer.state().end());
  if (ranks.size() == 1) return whole;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    whole[i].values = room.emplace_back(ranks.is_first() ? std::ssize(model.values()) : 0).span();
    optimizer.gather_state(i, whole[i].values);
  }
  return whole;
}

}  // namespace

void save_checkpoint(const fs::path& folder, const nn::Model<float>& model,
                     const Optimizer<float>& optimizer, const RunState& state,
                     std::span<const float> best_values, comm::Communicator& ranks) {
  std::vector<Buffer<float>> room;
  const auto arrays = whole_state(model, optimizer, ranks, room);
  ranks.together([&] {
    if (!ranks.is_first()) return;
    const auto parameters = model.parameters();
    if (const auto bad = first_not_finite(parameters, model.values())) {
      throw RunError(fmt::format("step {}: {} is not finite; {} keeps the last good checkpoint",
                                 state.step, *bad, folder.string()));
    }
    std::vector<io::NamedTensor> moments;
    for (const auto& array : arrays) {
      append_tensors(std::string(array.name) + ".", parameters, array.values, moments);
    }

    io::write_safetensors((folder / kNextOptimizerFile).string(), moments,
                          to_metadata(state, optimizer.steps()),
                          (folder / kOptimizerFile).string());
    if (!best_values.empty()) {
      write_weights(folder / kNextBestFile, folder / kBestFile, parameters, best_values,
                    state.best->step);
    }
    write_weights(folder / kModelFile, folder / kModelFile, parameters, model.values(), state.step);
    if (!best_values.empty()) fs::rename(folder / kNextBestFile, folder / kBestFile);
    fs::rename(folder / kNextOptimizerFile, folder / kOptimizerFile);
  });
}

void replace_model(const fs::path& folder, const nn::Model<float>& model) {
  const auto step = number<Index>(io::SafeTensors::open((folder / kModelFile).string()), "step");
  write_weights(folder / kModelFile, folder / kModelFile, model.parameters(), model.values(), step);
}

bool has_checkpoint(const fs::path& folder) {
  return fs::exists(folder / kModelFile) || fs::exists(folder / kOptimizerFile);
}

bool is_run(const fs::path& folder) {
  std::error_code error;
  if (!fs::is_regular_file(folder / "config.json", error)) return false;
  if (has_checkpoint(folder)) return true;
  try {
    static_cast<void>(read_run_config(folder));
    return true;
  } catch (const Error&) {
    return false;
  }
}

std::optional<RunState> read_run_state(const fs::path& folder) {
  if (!has_checkpoint(folder)) return {};
  const bool is_first = !fs::exists(folder / kOptimizerFile) &&  // and a kill left it so
                        fs::exists(folder / kNextOptimizerFile);
  const char* const name = is_first ? kNextOptimizerFile : kOptimizerFile;
  return from_metadata(io::SafeTensors::open((folder / name).string()));
}

namespace {

std::optional<RunState> read_checkpoint(const fs::path& folder, nn::Model<float>& model,
                                        Optimizer<float>& optimizer) {
  if (!has_checkpoint(folder)) return {};
  const auto model_file = io::SafeTensors::open((folder / kModelFile).string());
  const auto optimizer_file = open_of_step(folder / kOptimizerFile, folder / kNextOptimizerFile,
                                           number<Index>(model_file, "step"), kModelFile);
  const RunState state = from_metadata(optimizer_file);
  if (state.best) {
    const auto best_file = open_of_step(folder / kBestFile, folder / kNextBestFile,
                                        state.best->step, "the best evaluation is");
    check_count(best_file, model.parameters().size());
    check_tensors(best_file, "", model.parameters());
  }

  const auto parameters = model.parameters();
  check_count(model_file, parameters.size());
  check_count(optimizer_file, parameters.size() * optimizer.state().size());
  read_tensors(model_file, "", parameters, model.values());
  for (std::size_t i = 0; i < optimizer.state().size(); ++i) {
    each_tensor(optimizer_file, std::string(optimizer.state()[i].name) + ".", parameters,
                [&](const nn::Parameter& p, std::span<const float> values) {
                  optimizer.set_state(i, p.offset, values);
                });
  }
  optimizer.set_steps(number<Index>(optimizer_file, "optimizer.steps"));
  return state;
}

}  // namespace

std::optional<RunState> load_checkpoint(const fs::path& folder, nn::Model<float>& model,
                                        Optimizer<float>& optimizer, comm::Communicator& ranks) {
  std::optional<RunState> state;
  for (const bool first : {true, false}) {
    ranks.together([&] {
      if (ranks.is_first() == first) state = read_checkpoint(folder, model, optimizer);
    });
  }
  return state;
}

void load_weights(const fs::path& folder, Weights weights, nn::Model<float>& model) {
  const auto file = open_weights(folder, weights);
  check_tensors(file, "", model.parameters());  // before the count: it names what differs
  check_count(file, model.parameters().size());
  read_tensors(file, "", model.parameters(), model.values());
}

TrainedModel load_model(const fs::path& folder, Weights weights) {
  const Config config = read_run_config(folder);
  TokenizerPtr tokenizer = read_tokenizer(config.tokenizer, folder);
  const auto file = open_weights(folder, weights);
  // Nothing of the model's size is taken before the file is seen to hold that much.
  LIOR_CHECK(std::cmp_less(config.model.layers, file.names().size()),
             "{}: holds {} tensors; the configuration's model has {} layers of several each",
             shown_path(file.path()), file.names().size(), config.model.layers);
  const auto planned = nn::Model<float>::planner(config.model);
  check_count(file, planned.parameters().size());
  check_tensors(file, "", planned.parameters());
  nn::Model<float> model(config.model);
  read_tensors(file, "", model.parameters(), model.values());
  if (const Index longest = config.model.count_orders; longest > 0) {
    model.set_counts(std::make_shared<nn::TextCounts>(
        nn::TextCounts{.all = load_counts(folder, longest, config.model.vocabulary)}));
  }
  return {config, std::move(model), std::move(tokenizer)};
}

}  // namespace lior::train
