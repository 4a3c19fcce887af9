#include "evolve_output.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <numbers>

#include "lior/field/diagnostics.h"
#include "lior/io/atomic_file.h"
#include "lior/io/png.h"
#include "lior/io/safetensors.h"
#include "lior/plot/canvas.h"

namespace lior::app {
namespace {

using Complex = std::complex<double>;

std::vector<double> axis(Index count, double dx) {
  std::vector<double> values(static_cast<std::size_t>(count));
  for (Index i = 0; i < count; ++i) {
    values[static_cast<std::size_t>(i)] =
        (static_cast<double>(i) - static_cast<double>(count) / 2) * dx;
  }
  return values;
}

io::Hdf5Series new_series(const std::string& path, const field::Grid& grid) {
  auto series = io::Hdf5Series::create(path);
  series.add_growing_scale("time");
  series.add_scale("x", axis(grid.nx, grid.dx));
  series.add_scale("y", axis(grid.ny, grid.dx));
  const std::string scales[] = {"time", "x", "y", "", ""}, labels[] = {"frame", "x", "y", "i", "j"};
  series.add_frames("T", grid.shape(), scales, labels);
  series.flush();
  return series;
}

double largest_modulus(field::ConstField<double> t) {
  double largest = 0;
  for (const Complex entry : t) largest = std::max(largest, std::abs(entry));
  return largest > 0 ? largest : 1;
}

/// Keeps the first `count` lines of a text file.
void keep_lines(const std::string& path, Index count) {
  std::ifstream in(path);
  std::string kept, line;
  for (Index i = 0; i < count && std::getline(in, line); ++i) kept += line + "\n";
  io::write_file_atomically(path, kept);
}

/// Phase as hue (0 red, 2 pi / 3 green, -2 pi / 3 blue), modulus as brightness.
plot::Colour colour_of(Complex z, double brightest) {
  const double value = std::min(std::abs(z) / brightest, 1.0);
  const double hue = std::arg(z) * 3 / std::numbers::pi;  // in sixths of a turn, -3..3
  const auto channel = [&](double place) {
    double away = std::abs(hue - place);
    away = std::min(away, 6 - away);
    return static_cast<std::uint8_t>(std::lround(255 * value * std::clamp(2 - away, 0.0, 1.0)));
  };
  return {channel(0), channel(2), channel(4)};
}

constexpr Index kLegendWidth = 150, kLegendHeight = 184;

/// A disk whose angle is the phase and whose radius the modulus, and what the picture shows.
void draw_legend(plot::Canvas& canvas, Index left, double brightest, double time) {
  constexpr Index kRadius = 44, kMiddle = kLegendWidth / 2, kCentre = 74;
  constexpr plot::Colour kInk{225, 225, 225};
  for (Index y = -kRadius; y <= kRadius; ++y) {
    for (Index x = -kRadius; x <= kRadius; ++x) {
      const Complex z(static_cast<double>(x), static_cast<double>(-y));
      if (std::abs(z) > kRadius) continue;
      canvas.blend(left + kMiddle + x, kCentre + y, colour_of(z, kRadius), 1);
    }
  }
  const auto centred = [&](Index x, Index y, const std::string& text) {
    canvas.text(left + x - plot::Canvas::text_width(text, 1) / 2, y, text, kInk, 1);
  };
  centred(kMiddle, 4, "phase, modulus");
  centred(kMiddle, kCentre - kRadius - 9, "pi/2");
  centred(kMiddle, kCentre + kRadius + 4, "-pi/2");
  centred(kMiddle + kRadius + 8, kCentre - 3, "0");
  centred(kMiddle - kRadius - 10, kCentre - 3, "pi");
  centred(kMiddle, kCentre + kRadius + 22, fmt::format("rim: {:.4g} or more", brightest));
  centred(kMiddle, kCentre + kRadius + 36, fmt::format("time {:.6g}", time));
}

}  // namespace

EvolveOutput::EvolveOutput(const std::string& folder, const EvolveConfig& config,
                           const EvolveSetup& setup)
    : folder_(folder),
      setup_(&setup),
      pictures_(config.output_frames),
      brightest_(largest_modulus(setup.start.view())),
      series_(new_series(folder + "/field.h5", setup.grid)),
      lines_(std::make_unique<io::JsonLines>(folder + "/diagnostics.jsonl")),
      row_sums_(2 * setup.grid.nx),
      work_(setup.grid.shape()) {
  if (pictures_) std::filesystem::create_directory(folder + "/frames");
}

EvolveOutput::EvolveOutput(const std::string& folder, const EvolveConfig& config,
                           const EvolveSetup& setup, field::Evolution<double>& evolution)
    : folder_(folder),
      setup_(&setup),
      pictures_(config.output_frames),
      brightest_(largest_modulus(setup.start.view())),
      series_(io::Hdf5Series::open(folder + "/field.h5")),
      row_sums_(2 * setup.grid.nx),
      work_(setup.grid.shape()) {
  const auto file = io::SafeTensors::open(folder + "/checkpoint.safetensors");
  evolution.visit_state([&](const char* name, std::span<double> numbers) {
    file.read_into<double, 1>(
        name, View<double, 1>(numbers.data(), {static_cast<Index>(numbers.size())}));
  });
  const auto number = [&](const char* key) {
    const auto found = file.metadata().find(key);
    LIOR_CHECK(found != file.metadata().end(),
               "{}: has no {}; expected a checkpoint of lior evolve", file.path(), key);
    return static_cast<Index>(std::stoll(found->second));
  };
  evolution.resume_at(number("step"));
  frames_ = number("frames");
  series_.truncate("T", frames_);
  series_.truncate("time", frames_);
  keep_lines(folder + "/diagnostics.jsonl", frames_);
  lines_ = std::make_unique<io::JsonLines>(folder + "/diagnostics.jsonl");
}

void EvolveOutput::frame(const field::Evolution<double>& evolution) {
  const auto t = evolution.field();
  series_.append("T", t.span());
  series_.append("time", evolution.time());
  series_.flush();
  const auto& h = *setup_->hamiltonian;
  lines_->append({{"step", evolution.step()},
                  {"time", evolution.time()},
                  {"norm", field::norm<double>(t, h.weight(), row_sums_.span())},
                  {"energy", field::energy<double>(h, t, work_.view(), row_sums_.span())},
                  {"entropy", field::entropy<double>(t, row_sums_.span())},
                  {"poles", Index{evolution.poles()}},
                  {"pole_error", evolution.pole_error()}});
  if (pictures_) picture(t, evolution.time());
  ++frames_;
}

void EvolveOutput::checkpoint(field::Evolution<double>& evolution) const {
  std::vector<io::NamedTensor> tensors;
  evolution.visit_state([&](const char* name, std::span<double> numbers) {
    tensors.push_back(
        io::named_tensor<double>(name, numbers, {static_cast<Index>(numbers.size())}));
  });
  io::write_safetensors(
      folder_ + "/checkpoint.safetensors", tensors,
      {{"step", std::to_string(evolution.step())}, {"frames", std::to_string(frames_)}});
}

/// One panel an entry T_ij, i down, j to the right, y upwards in each; then the legend.
void EvolveOutput::picture(field::ConstField<double> t, double time) const {
  constexpr Index kGap = 4, kSmallestPanel = 192;
  constexpr plot::Colour kBetween{48, 48, 48};
  const field::Grid& grid = setup_->grid;
  const Index zoom = std::max<Index>(
      1, (kSmallestPanel + std::max(grid.nx, grid.ny) - 1) / std::max(grid.nx, grid.ny));
  const Index wide = grid.nx * zoom, high = grid.ny * zoom;
  const Index panels = grid.d * (wide + kGap);
  plot::Canvas canvas(panels + kLegendWidth, std::max(grid.d * (high + kGap) - kGap, kLegendHeight),
                      kBetween);
  for (Index a = 0; a < grid.d; ++a) {
    for (Index b = 0; b < grid.d; ++b) {
      for (Index row = 0; row < high; ++row) {
        for (Index column = 0; column < wide; ++column) {
          const Complex z = t(column / zoom, grid.ny - 1 - row / zoom, a, b);
          canvas.blend(b * (wide + kGap) + column, a * (high + kGap) + row,
                       colour_of(z, brightest_), 1);
        }
      }
    }
  }
  draw_legend(canvas, panels, brightest_, time);
  const Array<std::uint8_t, 3> pixels = canvas.take();
  io::write_png(fmt::format("{}/frames/{:06}.png", folder_, frames_), pixels.view());
}

}  // namespace lior::app
