// SPDX-License-Identifier: Apache-2.0
#pragma once
// The bound functions for a caller whose arrays are no Python objects: XLA, which runs them inside
// compiled programs, on threads of its own that do not hold the GIL.
//
// An operation has a name and options, and is a function of arrays:
//
//   Operation readout(const Options& options) {
//     const MixerConfig mixer = ...;
//     return [=](Arguments in, Outputs& out) { readout_forward(mixer, in[0], out); };
//   }
//   define_operation("readout", &readout);
//
// It calls what NumPy's arrays go to, so shapes, errors and bits are the same.

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrays.h"

namespace lior::python {

/// The options of an operation: an object of JSON.
class Options {
 public:
  /// Error where `text` is none.
  explicit Options(std::string_view text);

  bool contains(const std::string& name) const;
  std::size_t size() const;
  std::vector<std::string> names() const;
  /// The option `name` as a bool, an Index, a double, a string or a vector of double. Error where
  /// it is missing or something else.
  template <class Value>
  Value get(const std::string& name) const;
  /// The same, or `otherwise` where it is missing.
  template <class Value>
  Value get(const std::string& name, Value otherwise) const {
    return contains(name) ? get<Value>(name) : otherwise;
  }
  /// The option `name`, an object itself. Error as of get.
  Options part(const std::string& name) const;

 private:
  struct Content;
  std::shared_ptr<const Content> content_;
};

/// The inputs of a call, which may come from a program that another version made.
class Arguments {
 public:
  explicit Arguments(std::span<const Argument> all) : all_(all) {}
  /// Error where there are fewer.
  const Argument& operator[](std::size_t at) const;
  /// The same, or None where there are fewer.
  Argument or_none(std::size_t at) const;

 private:
  std::span<const Argument> all_;
};

using Operation = std::function<void(Arguments in, Outputs& out)>;
using MakeOperation = Operation (*)(const Options& options);

/// Once for each name, as the module is made.
void define_operation(const std::string& name, MakeOperation make);

/// The operation of that name with these options; made at the first call, kept for the process's
/// life. Any thread. Error where there is none, and of the options.
const Operation& operation(std::string_view name, std::string_view options);

/// The last of `out`, which then has one less, as the state that a function reads and writes in
/// place: first a copy of `before`. Error unless it has that type.
Output state_in_place(const Argument& before, Outputs& out);
/// Behind the results of that function: where only their types are asked for, that of the state.
void want_state(const Argument& before, Outputs& out);

}  // namespace lior::python
