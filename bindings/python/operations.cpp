// SPDX-License-Identifier: Apache-2.0
#include "operations.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <shared_mutex>
#include <utility>

#include "lior/core/text.h"

namespace lior::python {

struct Options::Content {
  nlohmann::json object;
};

Options::Options(std::string_view text)
    : content_(new Content{nlohmann::json::parse(text, nullptr, false)}) {
  LIOR_CHECK(content_->object.is_object(), "options are '{}'; expected an object of JSON",
             shown(text));
}

bool Options::contains(const std::string& name) const { return content_->object.contains(name); }

std::size_t Options::size() const { return content_->object.size(); }

std::vector<std::string> Options::names() const {
  std::vector<std::string> names;
  for (const auto& [name, value] : content_->object.items()) names.push_back(name);
  return names;
}

template <class Value>
Value Options::get(const std::string& name) const {
  LIOR_CHECK(contains(name), "options lack '{}'", name);
  const nlohmann::json& value = content_->object.at(name);
  try {
    return value.get<Value>();
  } catch (const nlohmann::json::exception&) {
    throw Error(
        fmt::format("{} is {}, which is of another type than wanted", name, shown(value.dump())));
  }
}

Options Options::part(const std::string& name) const {
  LIOR_CHECK(contains(name), "options lack '{}'", name);
  return Options(content_->object.at(name).dump());
}

template bool Options::get<bool>(const std::string&) const;
template Index Options::get<Index>(const std::string&) const;
template double Options::get<double>(const std::string&) const;
template std::string Options::get<std::string>(const std::string&) const;
template std::vector<double> Options::get<std::vector<double>>(const std::string&) const;

namespace {

using Key = std::pair<std::string, std::string>;
using KeyView = std::pair<std::string_view, std::string_view>;

struct Less {
  using is_transparent = void;
  static KeyView view(const Key& key) { return {key.first, key.second}; }
  static KeyView view(const KeyView& key) { return key; }
  template <class A, class B>
  bool operator()(const A& a, const B& b) const {
    return view(a) < view(b);
  }
};

/// Never destroyed: XLA's threads may outlive static objects.
template <class Map>
Map& the() {
  static Map* const map = new Map;
  return *map;
}

using Makers = std::map<std::string, MakeOperation, std::less<>>;
using Made = std::map<Key, Operation, Less>;

}  // namespace

void define_operation(const std::string& name, MakeOperation make) { the<Makers>()[name] = make; }

const Operation& operation(std::string_view name, std::string_view options) {
  static std::shared_mutex mutex;
  auto& made = the<Made>();
  {
    const std::shared_lock lock(mutex);
    const auto found = made.find(KeyView{name, options});
    if (found != made.end()) return found->second;
  }
  const auto& makers = the<Makers>();
  const auto maker = makers.find(name);
  LIOR_CHECK(maker != makers.end(), "there is no operation '{}' in this version of lior",
             shown(name));
  Operation fresh = maker->second(Options(options));
  const std::unique_lock lock(mutex);
  return made.emplace(Key{name, options}, std::move(fresh)).first->second;
}

const Argument& Arguments::operator[](std::size_t at) const {
  LIOR_CHECK(at < all_.size(), "the call has {} arrays; expected {} or more", all_.size(), at + 1);
  return all_[at];
}

Argument Arguments::or_none(std::size_t at) const {
  return at < all_.size() ? all_[at] : Argument{.object = nb::handle(Py_None)};
}

namespace {

std::span<const Index> shape_of(const nb::dlpack::dltensor& tensor) {
  return {tensor.shape, static_cast<std::size_t>(tensor.ndim)};
}

}  // namespace

Output state_in_place(const Argument& before, Outputs& out) {
  const auto& from = before.tensor;
  if (out.wanted != nullptr) return {.place = Place::nowhere, .tensor = from};
  LIOR_CHECK(!out.arrays.empty(), "the call has no results; expected the next state as its last");
  const Output state = out.arrays.back();
  out.arrays.pop_back();
  const auto& to = state.tensor;
  LIOR_CHECK(from.dtype == to.dtype && std::ranges::equal(shape_of(from), shape_of(to)),
             "the next state is of another dtype or shape than the state; expected the same");
  std::size_t bytes = from.dtype.bits / 8;
  for (const Index extent : shape_of(from)) bytes *= static_cast<std::size_t>(extent);
  if (bytes > 0) std::memcpy(to.data, from.data, bytes);
  return state;
}

void want_state(const Argument& before, Outputs& out) {
  if (out.wanted == nullptr) return;
  const auto shape = shape_of(before.tensor);
  out.wanted->push_back({before.tensor.dtype, {shape.begin(), shape.end()}});
}

}  // namespace lior::python
