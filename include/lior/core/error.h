// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Errors: a user's mistake and a failed run are exceptions; a mistake of ours is an assertion.

#include <fmt/core.h>

#include <cassert>
#include <stdexcept>
#include <string>

namespace lior {

/// A wrong argument or wrong input: the message says what, where, and what would be right.
/// The program prints it on one line and exits with status 2.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The arguments were right and the run failed all the same (a full disk, a NaN in the loss).
/// The program exits with status 1.
class RunError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace lior

/// At public boundaries: throws lior::Error with a message in fmt's syntax unless `condition`
/// holds.
#define LIOR_CHECK(condition, ...)                   \
  do {                                               \
    if (!(condition)) [[unlikely]]                   \
      throw ::lior::Error(fmt::format(__VA_ARGS__)); \
  } while (false)

/// For our own bugs, in debug builds only.
#define LIOR_ASSERT(condition) assert(condition)
