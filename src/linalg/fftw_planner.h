// SPDX-License-Identifier: Apache-2.0
#pragma once
// FFTW's planner and its wisdom are not thread-safe: whoever makes plans holds this lock.

#include <mutex>

namespace lior::linalg {

std::mutex& fftw_planner_lock();

}  // namespace lior::linalg
