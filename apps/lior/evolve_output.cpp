// SPDX-License-Identifier: Apache-2.0
#include "evolve_output.h"

#include <bit>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>

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

/// The places of an axis's cells.
std::vector<double> places(const field::Axis& axis) {
  std::vector<double> values;
  for (Index i = 0; i < axis.count; ++i) values.push_back(axis.place(i));
  return values;
}

std::span<const double> reals_of(field::ConstField<double> t) {
  return {reinterpret_cast<const double*>(t.data()), 2 * t.span().size()};
}
std::span<double> reals_of(Array<Complex, 4>& t) {
  return {reinterpret_cast<double*>(t.data()), 2 * t.span().size()};
}

/// Such as the zeros that a loss of power may leave in a file.
bool has_control_characters(std::string_view line) {
  return std::any_of(line.begin(), line.end(), [](unsigned char c) { return c < ' '; });
}

/// Bytes of the first `count` lines; none where line k is not whole or not that of step_of(k).
template <class StepOf>
std::optional<std::uintmax_t> bytes_of_lines(const std::string& path, Index count,
                                             const StepOf& step_of) {
  Lines lines(path);
  std::uintmax_t bytes = 0;
  for (Index k = 0; k < count; ++k) {
    const auto line = lines.next();
    if (!line || !lines.is_whole() || !line->ends_with('}') || has_control_characters(*line) ||
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
  void read_state(const char* name, std::span<double> numbers) const {
    file.read_into<double, 1>(name, {numbers.data(), {std::ssize(numbers)}});
    if (std::all_of(numbers.begin(), numbers.end(), [](double x) { return std::isfinite(x); })) {
      return;
    }
    throw RunError(fmt::format(
        "{}: {} holds a number that is not finite; a good checkpoint has none", file.path(), name));
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
      setup_(&setup),
      every_(config.output_every),
      steps_(config.integrator_steps),
      pictures_(config.output_frames),
      view_(picture_view(config)),
      row_sums_(2 * setup.grid.all_nx()),
      work_(setup.grid.shape()) {
  std::error_code failed;
  if (writes_) {
    lock_.emplace(folder);
    if (pictures_) fs::create_directory(path("frames"), failed);
    LIOR_CHECK(!failed, "{}: cannot be made: {}", path("frames"), failed.message());
    if (setup.share != nullptr) whole_ = Array<Complex, 4>(setup.grid.whole().shape());
  }
  if (pictures_) {
    const auto start = whole(setup.start.view());
    if (writes_) picture_scale_ = picture_scale(start, setup.grid.whole(), view_);
  }
  try {
    new_series();
    if (fs::exists(path(kCheckpoint))) {
      resume(evolution, say);
    } else if (writes_) {
      cut_file(path(kLines), 0);
    }
    if (series_) series_->sync();
  } catch (...) {
    series_.reset();
    if (writes_) fs::remove(path(kNewField), failed);  // a full disk needs the room
    throw;
  }
  if (writes_ && std::rename(path(kNewField).c_str(), path(kField).c_str()) != 0) {
    throw RunError(
        fmt::format("{}: renaming the new file failed: {}", path(kField), std::strerror(errno)));
  }
  if (writes_ && !lines_) lines_ = std::make_unique<io::JsonLines>(path(kLines));
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
  const field::Grid grid = setup_->grid.whole();
  series_.reset();  // before the file is made anew
  offsets_.clear();
  hashes_.clear();
  if (!writes_) return;
  series_.emplace(path(kNewField), path(kField));
  series_->add_growing_scale("time");
  std::vector<std::string> scales{"time"}, labels{"frame"};
  std::vector<Index> shape;
  constexpr const char* kNames[] = {"x", "y", "z"};
  for (int axis = 0; axis < grid.axis_count(); ++axis) {
    series_->add_scale(kNames[axis], places(grid.axes()[axis]));
    scales.emplace_back(kNames[axis]), labels.emplace_back(kNames[axis]);
    shape.push_back(grid.axes()[axis].count);
  }
  for (const char* index : {"i", "j"}) {
    scales.emplace_back(), labels.emplace_back(index);
    shape.push_back(grid.d);
  }
  series_->add_frames("T", shape, scales, labels);
}

void EvolveOutput::resume(field::Evolution<double>& evolution,
                          const std::function<void(const std::string&)>& say) {
  const Checkpoint saved(path(kCheckpoint));
  // The frame of a last step between two multiples of `every` is none of a longer run's.
  const auto found = static_cast<Index>(saved.hashes.size());
  const Index count = saved.step < steps_ ? std::min(found, saved.step / every_ + 1) : found;
  const auto step_of = [&](Index k) { return std::min(k * every_, saved.step); };
  std::optional<std::uintmax_t> bytes;
  std::optional<io::RawFrames> old;
  if (writes_) {
    bytes = bytes_of_lines(path(kLines), count, step_of);
    old.emplace(path(kField));
  }
  const bool has_lines = of_first_rank(bytes.has_value());
  for (const Offsets& offsets : saved.offsets) {
    if (writes_) {
      cut_file(path(kLines), bytes.value_or(0));
      lines_ = std::make_unique<io::JsonLines>(path(kLines));
    }
    if (!copy_frames(old, saved, offsets, count, has_lines ? nullptr : &evolution)) continue;
    if (!has_lines)
      say(fmt::format("{}: lines were missing or damaged; written again", path(kLines)));
    std::error_code missing;
    if (fs::file_size(path(kField), missing) != saved.closed_bytes) {
      say(
          fmt::format("{}: was not closed by the last run, or changed since; its {} frames up to "
                      "step {} are whole and were saved",
                      path(kField), count, saved.step));
    }
    evolution.visit_state([&](const char* name, std::span<double> numbers) {
      Buffer<double> of_all;
      const std::span<double> all = room_for_all(numbers, of_all);
      if (writes_) saved.read_state(name, all);
      each_plane(numbers, all, [this](std::span<double> own, std::span<double> plane) {
        setup_->share->scatter(plane, own, row_reals());
      });
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
  if (writes_) cut_file(path(kLines), 0);
}

/// Where all ranks' numbers of an array of the state are put together: on the first rank `buffer`,
/// on the others nothing; `own` itself where there is one.
std::span<double> EvolveOutput::room_for_all(std::span<double> own, Buffer<double>& buffer) const {
  if (setup_->share == nullptr) return own;
  const Index planes = std::ssize(own) / (row_reals() * setup_->grid.nx);
  if (writes_) buffer = Buffer<double>(planes * row_reals() * setup_->grid.all_nx());
  return buffer.span();
}

/// move(own, all) of each plane [Nx, ...] of an array of the state; nothing where there is one
/// rank.
template <class Move>
void EvolveOutput::each_plane(std::span<double> own, std::span<double> all,
                              const Move& move) const {
  if (setup_->share == nullptr) return;
  const auto size = static_cast<std::size_t>(row_reals() * setup_->grid.nx);
  const auto all_size = static_cast<std::size_t>(row_reals() * setup_->grid.all_nx());
  for (std::size_t plane = 0; plane * size < own.size(); ++plane) {
    move(own.subspan(plane * size, size),
         writes_ ? all.subspan(plane * all_size, all_size) : std::span<double>());
  }
}

/// The whole field, on the first rank.
field::ConstField<double> EvolveOutput::whole(field::ConstField<double> t) {
  if (setup_->share == nullptr) return t;
  setup_->share->gather(reals_of(t), reals_of(whole_), row_reals());
  return whole_.view();
}

/// Whether the first `count` frames are where `offsets` says; they are in the new file then.
bool EvolveOutput::copy_frames(const std::optional<io::RawFrames>& from, const Checkpoint& saved,
                               const Offsets& offsets, Index count,
                               const field::Evolution<double>* lines_of) {
  if (!hashes_.empty()) new_series();
  Array<Complex, 4> t(setup_->grid.shape());
  Array<Complex, 4>& all = setup_->share == nullptr ? t : whole_;
  for (Index k = 0; k < count; ++k) {
    const auto at = static_cast<std::size_t>(k);
    const io::FramePlace place{.offset = static_cast<std::uint64_t>(offsets[at]),
                               .hash = std::bit_cast<std::uint64_t>(saved.hashes[at])};
    if (!of_first_rank(from && from->read(place, all.span()))) return false;
    const Index step = std::min(k * every_, saved.step);
    add_frame(all.view(), step);
    if (lines_of == nullptr) continue;
    if (setup_->share != nullptr) {
      setup_->share->scatter(reals_of(all), reals_of(t), row_reals());
    }
    add_line(t.view(), step, *lines_of);
  }
  return count > 0;
}

/// all: the whole field, where this rank writes.
void EvolveOutput::add_frame(field::ConstField<double> all, Index step) {
  io::FramePlace place{};
  if (writes_) {
    place = series_->append("T", all.span());
    series_->append("time", time_of(step));
  }
  offsets_.push_back(static_cast<std::int64_t>(place.offset));
  hashes_.push_back(std::bit_cast<std::int64_t>(place.hash));
}

void EvolveOutput::add_line(field::ConstField<double> t, Index step,
                            const field::Evolution<double>& evolution) {
  const auto weight = setup_->hamiltonian->weight();
  const field::RowSums sums(row_sums_.span(), setup_->grid);
  const field::Expectations means = field::expectations<double>(*setup_->hamiltonian, t, sums);
  std::vector<io::JsonField> line{
      {"step", step},
      {"time", time_of(step)},
      {"norm", field::norm<double>(t, weight, sums)},
      {"energy", evolution.energy(t, time_of(step), work_.view(), sums)},
      {"entropy", field::entropy<double>(t, sums)},
      {"poles", Index{evolution.poles()}},
      {"pole_error", evolution.pole_error()}};
  for (const auto& [name, value] : means.named(setup_->grid)) line.push_back({name, value});
  if (writes_) lines_->append(line);
}

void EvolveOutput::frame(const field::Evolution<double>& evolution) {
  const auto all = whole(evolution.field());
  const auto number = hashes_.size();
  add_frame(all, evolution.step());
  add_line(evolution.field(), evolution.step(), evolution);
  if (!pictures_ || !writes_) return;
  const auto picture =
      field_picture(all, setup_->grid.whole(), view_, picture_scale_, evolution.time());
  io::write_png(fmt::format("{}/frames/{:06}.png", folder_, number), picture.view());
}

void EvolveOutput::checkpoint(field::Evolution<double>& evolution) {
  if (series_) series_->sync();
  save(evolution);
}

void EvolveOutput::finish(field::Evolution<double>& evolution) {
  const auto frames = static_cast<Index>(hashes_.size());
  if (evolution.step() == steps_ && frames < frames_of(steps_)) frame(evolution);
  if (series_) series_->close();
  series_.reset();
  save(evolution);
  if (!writes_) return;
  std::vector<StoredFrame> stored;
  for (const std::int64_t offset : offsets_) {
    const Index step = std::min(std::ssize(stored) * every_, evolution.step());
    stored.push_back({time_of(step), offset});
  }
  write_xdmf(folder_, setup_->grid.whole(), stored);
}

/// Everything that it counts is on the disk before it is.
void EvolveOutput::save(field::Evolution<double>& evolution, const Offsets& offsets_before) {
  std::vector<Buffer<double>> gathered;
  std::vector<io::NamedTensor> state;
  evolution.visit_state([&](const char* name, std::span<double> numbers) {
    const std::span<double> all = room_for_all(numbers, gathered.emplace_back());
    each_plane(numbers, all, [this](std::span<double> own, std::span<double> plane) {
      setup_->share->gather(own, plane, row_reals());
    });
    state.push_back(io::named_tensor<double>(name, all, {std::ssize(all)}));
  });
  if (!writes_) return;
  lines_->sync();
  const auto places = [](const char* name, const Offsets& numbers) {
    return io::named_tensor<std::int64_t>(name, numbers, {std::ssize(numbers)});
  };
  std::vector<io::NamedTensor> tensors{places("frames.offset", offsets_),
                                       places("frames.hash", hashes_)};
  const Offsets field_bytes{series_ ? 0 : static_cast<std::int64_t>(fs::file_size(path(kField)))};
  tensors.push_back(places("field.bytes", field_bytes));
  if (!offsets_before.empty()) tensors.push_back(places("frames.offset_before", offsets_before));
  tensors.insert(tensors.end(), state.begin(), state.end());
  io::write_safetensors(path(kCheckpoint), tensors, {{"step", std::to_string(evolution.step())}});
}

}  // namespace lior::app
