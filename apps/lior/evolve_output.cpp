// SPDX-License-Identifier: Apache-2.0
#include "evolve_output.h"

#include <bit>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "evolve_picture.h"
#include "evolve_xdmf.h"
#include "lior/core/lines.h"
#include "lior/core/text.h"
#include "lior/field/diagnostics.h"
#include "lior/field/expectations.h"
#include "lior/io/png.h"
#include "lior/io/safetensors.h"

namespace lior::app {
namespace {

namespace fs = std::filesystem;
using Complex = std::complex<double>;

constexpr const char *kField = "field.h5", *kNewField = "field.h5.partial",
                     *kLines = "diagnostics.jsonl", *kCheckpoint = "checkpoint.safetensors";

/// place(i) of each cell of an axis.
template <class Place>
std::vector<double> scale(Index count, const Place& place) {
  std::vector<double> values;
  for (Index i = 0; i < count; ++i) values.push_back(place(i));
  return values;
}

double largest_modulus(field::ConstField<double> t) {
  double largest = 0;
  for (const Complex entry : t) largest = std::max(largest, std::abs(entry));
  return largest > 0 ? largest : 1;
}

/// Bytes of the first `count` lines; none where line k is not whole or not that of step_of(k).
template <class StepOf>
std::optional<std::uintmax_t> bytes_of_lines(const std::string& path, Index count,
                                             const StepOf& step_of) {
  Lines lines(path);
  std::uintmax_t bytes = 0;
  for (Index k = 0; k < count; ++k) {
    const auto line = lines.next();
    if (!line || !lines.is_whole() || !line->ends_with('}') ||
        !line->starts_with(fmt::format("{{\"step\": {}, ", step_of(k)))) {
      return {};
    }
    bytes += line->size() + 1;
  }
  return bytes;
}

void cut_file(const std::string& path, std::uintmax_t bytes) {
  std::error_code failed;
  if (fs::exists(path)) fs::resize_file(path, bytes, failed);
  if (failed) throw RunError(fmt::format("{}: cannot be shortened: {}", path, failed.message()));
}

}  // namespace

struct EvolveOutput::Checkpoint {
  explicit Checkpoint(const std::string& path) : file(io::SafeTensors::open(path)) {
    const auto found = file.metadata().find("step");
    LIOR_CHECK(found != file.metadata().end(),
               "{}: has no step; expected a checkpoint of lior evolve", path);
    const std::string& text = found->second;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), step);
    LIOR_CHECK(error == std::errc{} && end == text.data() + text.size() && step >= 0,
               "{}: its step is '{}'; expected a whole number >= 0", path, shown(text));
    for (const char* name : {"frames.offset", "frames.offset_before"}) {
      if (file.contains(name)) offsets.push_back(numbers(name));
    }
    if (file.contains("frames.hash")) hashes = numbers("frames.hash");
    if (file.contains("field.bytes")) {
      closed_bytes = static_cast<std::uintmax_t>(file.read<std::int64_t>("field.bytes")[0]);
    }
    for (const Offsets& table : offsets) {
      LIOR_CHECK(table.size() == hashes.size(), "{}: has {} places of {} frames", path,
                 table.size(), hashes.size());
    }
  }
  Offsets numbers(const char* name) const {
    const auto all = file.read<std::int64_t>(name);
    return {all.begin(), all.end()};
  }

  io::SafeTensors file;
  Index step = 0;
  std::vector<Offsets> offsets;  ///< where the frames are, or where they were before that
  Offsets hashes;
  std::uintmax_t closed_bytes = 0;  ///< of field.h5 where it was closed
};

EvolveOutput::EvolveOutput(const std::string& folder, const EvolveConfig& config,
                           const EvolveSetup& setup, field::Evolution<double>& evolution,
                           const std::function<void(const std::string&)>& say)
    : folder_(folder),
      lock_(folder),
      setup_(&setup),
      every_(config.output_every),
      steps_(config.integrator_steps),
      pictures_(config.output_frames),
      brightest_(largest_modulus(setup.start.view())),
      row_sums_(2 * setup.grid.nx),
      work_(setup.grid.shape()) {
  std::error_code failed;
  if (pictures_) fs::create_directory(path("frames"), failed);
  LIOR_CHECK(!failed, "{}: cannot be made: {}", path("frames"), failed.message());
  try {
    new_series();
    if (fs::exists(path(kCheckpoint))) {
      resume(evolution, say);
    } else {
      cut_file(path(kLines), 0);
    }
    series_->sync();
  } catch (...) {
    series_.reset();
    fs::remove(path(kNewField), failed);  // a full disk needs the room
    throw;
  }
  if (std::rename(path(kNewField).c_str(), path(kField).c_str()) != 0) {
    throw RunError(
        fmt::format("{}: renaming the new file failed: {}", path(kField), std::strerror(errno)));
  }
  if (!lines_) lines_ = std::make_unique<io::JsonLines>(path(kLines));
  if (hashes_.empty()) {
    frame(evolution);
    checkpoint(evolution);
  }
}

Index EvolveOutput::saved_step(const std::string& folder) {
  const std::string file = folder + "/" + kCheckpoint;
  return fs::exists(file) ? Checkpoint(file).step : 0;
}

/// An empty field.h5 aside.
void EvolveOutput::new_series() {
  const field::Grid& grid = setup_->grid;
  series_.reset();  // before the file is made anew
  offsets_.clear();
  hashes_.clear();
  series_.emplace(path(kNewField), path(kField));
  series_->add_growing_scale("time");
  series_->add_scale("x", scale(grid.nx, [&](Index i) { return grid.x(i); }));
  series_->add_scale("y", scale(grid.ny, [&](Index j) { return grid.y(j); }));
  const std::string scales[] = {"time", "x", "y", "", ""}, labels[] = {"frame", "x", "y", "i", "j"};
  series_->add_frames("T", grid.shape(), scales, labels);
}

void EvolveOutput::resume(field::Evolution<double>& evolution,
                          const std::function<void(const std::string&)>& say) {
  const Checkpoint saved(path(kCheckpoint));
  // The frame of a last step between two multiples of `every` is none of a longer run's.
  const auto found = static_cast<Index>(saved.hashes.size());
  const Index count = saved.step < steps_ ? std::min(found, saved.step / every_ + 1) : found;
  const auto step_of = [&](Index k) { return std::min(k * every_, saved.step); };
  const auto bytes = bytes_of_lines(path(kLines), count, step_of);
  const io::RawFrames old(path(kField));
  for (const Offsets& offsets : saved.offsets) {
    cut_file(path(kLines), bytes.value_or(0));
    lines_ = std::make_unique<io::JsonLines>(path(kLines));
    if (!copy_frames(old, saved, offsets, count, bytes ? nullptr : &evolution)) continue;
    if (!bytes) say(fmt::format("{}: lines were missing; written again", path(kLines)));
    std::error_code missing;
    if (fs::file_size(path(kField), missing) != saved.closed_bytes) {
      say(
          fmt::format("{}: was not closed by the last run, or changed since; its {} frames up to "
                      "step {} are whole and were saved",
                      path(kField), count, saved.step));
    }
    evolution.visit_state([&](const char* name, std::span<double> numbers) {
      saved.file.read_into<double, 1>(
          name, View<double, 1>(numbers.data(), {static_cast<Index>(numbers.size())}));
    });
    evolution.resume_at(saved.step);
    save(evolution, offsets);
    return;
  }
  say(fmt::format(
      "{}: the {} frames of the checkpoint are not all in it (missing, older or damaged); evolving "
      "again from step 0, to the same bits",
      path(kField), found));
  new_series();
  lines_.reset();
  cut_file(path(kLines), 0);
}

/// Whether the first `count` frames are where `offsets` says; they are in the new file then.
bool EvolveOutput::copy_frames(const io::RawFrames& from, const Checkpoint& saved,
                               const Offsets& offsets, Index count,
                               const field::Evolution<double>* lines_of) {
  if (!hashes_.empty()) new_series();
  Array<Complex, 4> t(setup_->grid.shape());
  for (Index k = 0; k < count; ++k) {
    const auto at = static_cast<std::size_t>(k);
    if (!from.read({.offset = static_cast<std::uint64_t>(offsets[at]),
                    .hash = std::bit_cast<std::uint64_t>(saved.hashes[at])},
                   t.span())) {
      return false;
    }
    const Index step = std::min(k * every_, saved.step);
    add_frame(t.view(), step);
    if (lines_of != nullptr) add_line(t.view(), step, *lines_of);
  }
  return count > 0;
}

void EvolveOutput::add_frame(field::ConstField<double> t, Index step) {
  const io::FramePlace place = series_->append("T", t.span());
  series_->append("time", time_of(step));
  offsets_.push_back(static_cast<std::int64_t>(place.offset));
  hashes_.push_back(std::bit_cast<std::int64_t>(place.hash));
}

void EvolveOutput::add_line(field::ConstField<double> t, Index step,
                            const field::Evolution<double>& evolution) {
  const auto weight = setup_->hamiltonian->weight();
  const field::Expectations means =
      field::expectations<double>(*setup_->hamiltonian, t, row_sums_.span());
  std::vector<io::JsonField> line{
      {"step", step},
      {"time", time_of(step)},
      {"norm", field::norm<double>(t, weight, row_sums_.span())},
      {"energy", evolution.energy(t, time_of(step), work_.view(), row_sums_.span())},
      {"entropy", field::entropy<double>(t, row_sums_.span())},
      {"poles", Index{evolution.poles()}},
      {"pole_error", evolution.pole_error()}};
  for (std::size_t k = 0; k < means.kNames.size(); ++k) {
    line.push_back({means.kNames[k], means.values()[k]});
  }
  lines_->append(line);
}

void EvolveOutput::frame(const field::Evolution<double>& evolution) {
  const auto t = evolution.field();
  const auto number = hashes_.size();
  add_frame(t, evolution.step());
  add_line(t, evolution.step(), evolution);
  if (!pictures_) return;
  const auto picture = field_picture(t, setup_->grid, brightest_, evolution.time());
  io::write_png(fmt::format("{}/frames/{:06}.png", folder_, number), picture.view());
}

void EvolveOutput::checkpoint(field::Evolution<double>& evolution) {
  series_->sync();
  save(evolution);
}

void EvolveOutput::finish(field::Evolution<double>& evolution) {
  const auto frames = static_cast<Index>(hashes_.size());
  if (evolution.step() == steps_ && frames < frames_of(steps_)) frame(evolution);
  series_->close();
  series_.reset();
  save(evolution);
  std::vector<StoredFrame> stored;
  for (const std::int64_t offset : offsets_) {
    const Index step = std::min(std::ssize(stored) * every_, evolution.step());
    stored.push_back({time_of(step), offset});
  }
  write_xdmf(folder_, setup_->grid, stored);
}

/// Everything that it counts is on the disk before it is.
void EvolveOutput::save(field::Evolution<double>& evolution, const Offsets& offsets_before) {
  lines_->sync();
  const auto places = [](const char* name, const Offsets& numbers) {
    return io::named_tensor<std::int64_t>(name, numbers, {std::ssize(numbers)});
  };
  std::vector<io::NamedTensor> tensors{places("frames.offset", offsets_),
                                       places("frames.hash", hashes_)};
  const Offsets field_bytes{series_ ? 0 : static_cast<std::int64_t>(fs::file_size(path(kField)))};
  tensors.push_back(places("field.bytes", field_bytes));
  if (!offsets_before.empty()) tensors.push_back(places("frames.offset_before", offsets_before));
  evolution.visit_state([&](const char* name, std::span<double> numbers) {
    tensors.push_back(
        io::named_tensor<double>(name, numbers, {static_cast<Index>(numbers.size())}));
  });
  io::write_safetensors(path(kCheckpoint), tensors, {{"step", std::to_string(evolution.step())}});
}

}  // namespace lior::app
