// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A profile beside the limits of the machine.

#include <string>

#include "lior/check/probe.h"
#include "lior/core/profile.h"

namespace lior::check {

/// An op a step, and how near it comes to floor_s = max(bytes / bandwidth, flops / rate).
struct ProfiledCost {
  std::string op;  ///< the last row is "other": what no op owns
  double calls = 0, seconds = 0, flops = 0, bytes = 0;
  double floor_s = 0;  ///< 0: nothing is counted

  double limit_fraction() const { return seconds > 0 ? floor_s / seconds : 0; }
};

struct ProfileReport {
  Index steps = 0;
  double step_seconds = 0;
  int threads = 0;
  double fma_f32 = 0;                 ///< operations a second that this machine reaches
  double triad = 0;                   ///< bytes a second, at 256 MiB
  std::vector<ProfiledCost> costs{};  ///< longest first, "other" last
};

/// Each op beside the bandwidth at its own footprint. Probes the machine: about a second.
ProfileReport report(const Profile& profile, const Limits& limits);

/// For a person: a line an op, and what the columns mean.
std::string to_table(const ProfileReport& report);
/// {version, cpu, threads, steps, step_seconds, limits: {fma_f32, triad}, ops: [{op, calls,
/// seconds, flops, bytes, floor_s, limit_fraction}]}: an op's numbers are a step's; null where
/// nothing is counted.
std::string to_json(const ProfileReport& report);

}  // namespace lior::check
