// SPDX-License-Identifier: Apache-2.0
#pragma once
// An object of the library whose number type is known when the program runs.

#include <variant>

#include "arrays.h"

namespace lior::python {

/// X<float> or X<double>.
template <template <class> class X>
class Either {
 public:
  template <class T, class... Arguments>
  void emplace(Arguments&&... arguments) {
    held_.template emplace<X<T>>(std::forward<Arguments>(arguments)...);
  }

  /// body(x) for the one that is held.
  template <class Body>
  auto visit(Body&& body) {
    if (auto* single = std::get_if<X<float>>(&held_)) return body(*single);
    return body(std::get<X<double>>(held_));
  }

 private:
  std::variant<std::monostate, X<float>, X<double>> held_;
};

}  // namespace lior::python
