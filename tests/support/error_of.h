// SPDX-License-Identifier: Apache-2.0
#pragma once
// The message of a call that refuses its arguments.

#include <string>

#include "lior/core/error.h"

namespace lior {

/// The message of the lior::Error that `call` throws; "no error" when it throws none.
template <class Call>
std::string error_of(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

/// The same for the lior::RunError of a run that fails with right arguments.
template <class Call>
std::string run_error_of(Call&& call) {
  try {
    call();
  } catch (const RunError& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace lior
