// SPDX-License-Identifier: Apache-2.0
#include "report_page.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>

#include "lior/core/version.h"
#include "lior/plot/chart.h"
#include "lior/plot/svg.h"

namespace lior::app {
namespace {

using plot::Point;
using train::MetricsLine;
using Value = std::function<std::optional<double>(const MetricsLine&)>;

constexpr std::size_t kMostPoints = 300;  // of a line: more than that are put together by means

constexpr const char* kHead = R"html(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<link rel="icon" href="data:,">
<style>
:root { color-scheme: light dark; --paper: #fff; --ink: #1e1e1e; --soft: #667; --line: #d5d8de; --wash: #f4f5f8; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #16181c; --ink: #e2e2e2; --soft: #9aa0aa; --line: #363b43; --wash: #1f2329; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 1rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; margin: 0; }
h2 { font-size: 1.1rem; margin: 1.5rem 0 .5rem; }
p { margin: .25rem 0; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: .5rem; }
.charts svg { width: 100%; height: auto; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: .75rem 0; }
dt { color: var(--soft); }
dd { margin: 0; }
pre { white-space: pre-wrap; background: var(--wash); border: 1px solid var(--line); border-radius: 8px;
  padding: .6rem; margin: .25rem 0 1rem; font-size: .9rem; }
table { border-collapse: collapse; font-size: .9rem; }
td { border-top: 1px solid var(--line); padding: .15rem 1rem .15rem 0; vertical-align: top; }
footer { color: var(--soft); font-size: .9rem; margin-top: 2rem; }
</style>
)html";

/// The points (x, y) of the lines that have both, put together by means where they are many.
std::vector<Point> points_of(const std::vector<MetricsLine>& lines, const Value& x,
                             const Value& y) {
  std::vector<Point> all;
  for (const MetricsLine& line : lines) {
    const auto at = x(line), value = y(line);
    if (at && value && std::isfinite(*at) && std::isfinite(*value)) all.push_back({*at, *value});
  }
  const std::size_t together = (all.size() + kMostPoints - 1) / kMostPoints;
  if (together <= 1) return all;
  std::vector<Point> means;
  for (std::size_t begin = 0; begin < all.size(); begin += together) {
    const std::size_t count = std::min(together, all.size() - begin);
    Point mean{0, 0};
    for (std::size_t i = begin; i < begin + count; ++i) {
      mean.x += all[i].x / static_cast<double>(count);
      mean.y += all[i].y / static_cast<double>(count);
    }
    means.push_back(mean);
  }
  return means;
}

/// Lines with tokens a second since the line before in `tokens`.
std::vector<MetricsLine> speeds_of(const std::vector<MetricsLine>& lines,
                                   std::vector<double>& speeds) {
  std::vector<MetricsLine> kept;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const double seconds = lines[i].seconds - lines[i - 1].seconds;
    if (seconds <= 0) continue;
    kept.push_back(lines[i]);
    speeds.push_back(static_cast<double>(lines[i].tokens - lines[i - 1].tokens) / seconds);
  }
  return kept;
}

plot::Chart chart(const std::string& title, const std::string& x, const std::string& y) {
  return {.title = title, .x_label = x, .y_label = y, .width = 460, .height = 320};
}

/// The chart as SVG; nothing where it has no points.
std::string drawn(plot::Chart chart) {
  std::erase_if(chart.lines, [](const plot::Line& line) { return line.points.empty(); });
  return chart.lines.empty() ? "" : plot::svg(chart);
}

std::optional<double> step_of(const MetricsLine& line) { return static_cast<double>(line.step); }
std::optional<double> minutes_of(const MetricsLine& line) { return line.seconds / 60; }

std::string loss_chart(const Report& report, const std::string& by, const Value& x) {
  const auto val = [](const MetricsLine& line) { return line.val_loss; };
  plot::Chart made =
      chart("loss by " + by, by,
            train::names_task(report.config.data) ? "nats a target" : "nats a token");
  made.lines = {{points_of(report.lines, x, [](const MetricsLine& line) { return line.loss; }),
                 plot::kBlue, "training", 1.4},
                {points_of(report.lines, x, val), plot::kOrange, "val", 2.2}};
  return drawn(std::move(made));
}

std::string charts(const Report& report) {
  std::string text =
      loss_chart(report, "step", step_of) + loss_chart(report, "minutes", minutes_of);
  if (train::names_task(report.config.data)) {
    plot::Chart accuracy = chart("accuracy", "step", "of labelled positions");
    accuracy.lines = {
        {points_of(report.lines, step_of, [](const auto& l) { return l.accuracy; }), plot::kBlue,
         "training", 1.4},
        {points_of(report.lines, step_of, [](const auto& l) { return l.val_accuracy; }),
         plot::kOrange, "val", 2.2}};
    text += drawn(std::move(accuracy));
  }
  plot::Chart rate = chart("learning rate", "step", "");
  rate.lines = {{points_of(report.lines, step_of, [](const auto& l) { return l.lr; })}};
  text += drawn(std::move(rate));
  plot::Chart norm = chart("gradient norm before clipping", "step", "");
  norm.logarithmic_y = true;
  norm.lines = {{points_of(report.lines, step_of, [](const auto& l) {
    return l.grad_norm > 0 ? std::optional(l.grad_norm) : std::nullopt;
  })}};
  text += drawn(std::move(norm));
  std::vector<double> speeds;
  const std::vector<MetricsLine> lines = speeds_of(report.lines, speeds);
  plot::Chart speed = chart("speed, with evaluations and checkpoints", "step", "tokens a second");
  speed.lines = {{points_of(lines, step_of, [&](const MetricsLine& line) {
    return std::optional(speeds[static_cast<std::size_t>(&line - lines.data())]);
  })}};
  return text + drawn(std::move(speed));
}

std::string summary(const Report& report) {
  std::string text = "<dl>\n";
  const auto row = [&](const char* what, const std::string& value) {
    text += fmt::format("<dt>{}</dt><dd>{}</dd>\n", what, plot::escape_xml(value));
  };
  const MetricsLine& last = report.lines.back();
  row("data", report.config.data);
  row("preset", report.config.preset);
  row("steps",
      fmt::format("{}, {} tokens, {:.3g} minutes", last.step, last.tokens, last.seconds / 60));
  row("last loss", fmt::format("{:.4g} nats", last.loss));
  const MetricsLine* best = nullptr;
  for (const MetricsLine& line : report.lines) {
    if (line.val_loss && (best == nullptr || *line.val_loss < *best->val_loss)) best = &line;
  }
  if (best != nullptr) {
    row("best val", fmt::format("{:.4g} nats at step {}", *best->val_loss, best->step));
  }
  return text + "</dl>\n";
}

}  // namespace

std::string report_page(const Report& report) {
  const std::string name = plot::escape_xml(report.name);
  std::string page =
      kHead +
      fmt::format("<title>{0}: report of a run</title>\n</head>\n<body>\n<h1>{0}</h1>\n", name);
  page += summary(report) + "<div class=\"charts\">\n" + charts(report) + "</div>\n";
  if (report.lines.size() > kMostPoints) {
    page += fmt::format("<p>{} lines were logged; a point is the mean of {} of them.</p>\n",
                        report.lines.size(), (report.lines.size() + kMostPoints - 1) / kMostPoints);
  }
  if (!report.samples.empty()) page += "<h2>What it writes</h2>\n";
  for (const Sample& sample : report.samples) {
    page += fmt::format("<p>{}</p>\n<pre>{}</pre>\n", plot::escape_xml(sample.title),
                        plot::escape_xml(sample.text));
  }
  page += "<h2>Settings</h2>\n<table>\n<tbody>\n";
  for (const auto& [setting, value] : report.settings) {
    page += fmt::format("<tr><td>{}</td><td>{}</td></tr>\n", plot::escape_xml(setting),
                        plot::escape_xml(value));
  }
  return page +
         fmt::format("</tbody>\n</table>\n<footer>lior {}</footer>\n</body>\n</html>\n", version());
}

}  // namespace lior::app
