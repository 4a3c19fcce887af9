// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The limits of this machine, measured now, with which bench rows are compared.
///
/// Machines are shared and drift, so a probe is good for the seconds around it.

#include <functional>
#include <optional>
#include <vector>

#include "lior/check/registry.h"

namespace lior::check {

/// Asked at threads() and the SIMD level in force.
struct Limits {
  /// Operations a second (an FMA is 2); 0 where the processor has no such arithmetic.
  std::function<double(Arithmetic)> rate;
  /// Bytes a second over data of `footprint` bytes in all, moved again and again.
  std::function<double(Traffic, double footprint)> bandwidth;
};

/// Measures, each call in about 50 ms: the best of 5 runs of at least 4 ms.
///
/// fma_f32, fma_f64: independent chains of multiply-adds. fma_bf16: a matrix product of 1024^3 by
/// oneDNN where it is native. read: sums. write: the faster of stores that stream past the caches
/// and stores that do not. triad: z = x + s y with plain stores, 12 bytes an element counted.
/// Footprints are clamped to [64 KiB a thread, 256 MiB].
Limits machine_limits();

/// The limits at one moment, for the report.
struct Probe {
  struct Row {
    double footprint = 0, read = 0, write = 0, triad = 0;  ///< bytes; bytes a second
  };
  int threads = 0;
  double fma_f32 = 0, fma_f64 = 0;   ///< operations a second
  std::optional<double> fma_bf16{};  ///< empty where it is not native
  std::vector<Row> bandwidth{};      ///< at 128 KiB a thread, 8 MiB and 256 MiB
};

Probe take_probe(const Limits& limits);

}  // namespace lior::check
