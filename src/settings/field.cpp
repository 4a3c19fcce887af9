// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/trimmed.h"
#include "lior/core/available_memory.h"
#include "lior/core/text.h"
#include "lior/settings/settings.h"

namespace lior::settings {
namespace {

template <class T>
inline constexpr bool kIsOptional = false;
template <class T>
inline constexpr bool kIsOptional<std::optional<T>> = true;

template <class T>
std::optional<T> parse(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return {};
  return value;
}

/// "512M".
std::optional<ByteCount> parse_bytes(std::string_view text) {
  constexpr std::string_view kUnits = "KMGT";
  double unit = 1;
  if (!text.empty()) {
    const std::size_t place = kUnits.find(text.back());
    if (place != std::string_view::npos) {
      unit = std::pow(1000.0, static_cast<double>(place + 1));
      text.remove_suffix(1);
    }
  }
  constexpr double kMostBytes = 1e18;
  const auto number = parse<double>(text);
  if (!number || !(*number >= 0) || *number * unit > kMostBytes) return {};
  return ByteCount{static_cast<Index>(*number * unit)};
}

/// The setting's value as a T, if it is one.
template <class T>
std::optional<T> value_as(const Setting& setting) {
  if (const auto* words = std::get_if<TextValue>(&setting.value)) {
    const std::string& text = words->text;
    if constexpr (std::is_same_v<T, bool>) {
      if (text == "true") return true;
      if (text == "false") return false;
      return {};
    } else if constexpr (std::is_same_v<T, std::string>) {
      return text;
    } else {
      return parse<T>(text);
    }
  }
  if constexpr (std::is_same_v<T, double>) {
    if (const auto* integer = std::get_if<Index>(&setting.value)) {
      return static_cast<double>(*integer);
    }
  }
  if (const auto* value = std::get_if<T>(&setting.value)) return *value;
  return {};
}

/// "a, b" as {"a", "b"}; blanks do not count.
std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> names(1);
  for (const char c : text) {
    if (c == ',') names.emplace_back();
    if (c != ',' && c != ' ') names.back() += c;
  }
  return names;
}

bool within(double number, const Bounds& bounds) {
  return std::isfinite(number) && number >= bounds.low && number <= bounds.high &&
         !(bounds.above && number == bounds.low) && !(bounds.below && number == bounds.high);
}

bool assign_to(WordMember& member, const Setting& setting) {
  const auto text = value_as<std::string>(setting);
  if (!text) return false;
  std::vector<std::size_t> places;
  for (const std::string& word : member.is_list ? split_list(*text) : std::vector{*text}) {
    const auto found = std::find(member.words.begin(), member.words.end(), word);
    if (found == member.words.end()) return false;
    places.push_back(static_cast<std::size_t>(found - member.words.begin()));
  }
  member.set(places);
  return true;
}

/// Sets `member` if the value fits its type and bounds.
template <class T>
bool assign_to(T& member, const Setting& setting, const Bounds& bounds) {
  if constexpr (kIsOptional<T>) {
    if (std::holds_alternative<Absent>(setting.value)) {
      member.reset();
      return true;
    }
    typename T::value_type value{};
    if (!assign_to(value, setting, bounds)) return false;
    member = value;
    return true;
  } else if constexpr (std::is_same_v<T, ByteCount>) {
    const auto count = value_as<Index>(setting);
    const auto text = value_as<std::string>(setting);
    const auto bytes =
        count ? parse_bytes(fmt::format("{}", *count)) : parse_bytes(text.value_or(""));
    if (bytes) member = *bytes;
    return bytes.has_value();
  } else {
    const auto value = value_as<T>(setting);
    if (!value) return false;
    if constexpr (std::is_same_v<T, Index> || std::is_same_v<T, double>) {
      if (!within(static_cast<double>(*value), bounds)) return false;
    }
    member = *value;
    return true;
  }
}

/// Sets entries by "a=2,b=3", texts between semicolons.
template <class T>
bool assign_entries(Table<T>& table, const Setting& setting) {
  constexpr char kSeparator = std::is_same_v<T, std::string> ? ';' : ',';
  const auto* words = std::get_if<TextValue>(&setting.value);
  if (words == nullptr) return false;
  std::string_view rest = words->text;
  Table<T> all = table;
  while (true) {
    const std::string_view entry = rest.substr(0, rest.find(kSeparator));
    const std::string_view name = trimmed(entry.substr(0, entry.find('=')));
    if (name.empty() || entry.find('=') == entry.npos) return false;
    const TextValue value{std::string(trimmed(entry.substr(entry.find('=') + 1)))};
    if (!assign_to(all[std::string(name)], {setting.key, value, setting.where}, {})) return false;
    if (rest.find(kSeparator) == rest.npos) break;
    rest.remove_prefix(rest.find(kSeparator) + 1);
  }
  table = std::move(all);
  return true;
}

/// Sets the entry of a table that the key of the setting names, or several by one text.
template <class T>
bool assign_in_table(Table<T>& table, std::string_view key, const Setting& setting) {
  if (setting.key == key) return assign_entries(table, setting);
  T value{};
  if (!assign_to(value, setting, {})) return false;
  table[setting.key.substr(key.size() + 1)] = value;
  return true;
}

std::string fitting_number(const char* kind, const Bounds& bounds) {
  if (bounds.low == -kMost) return fmt::format("{} that is finite", kind);
  const char* from = bounds.above ? "above" : bounds.high == kMost ? "of at least" : "from";
  std::string low = fmt::format("{} {} {:.15g}", kind, from, bounds.low);
  if (bounds.high == kMost) return low;
  return fmt::format("{} {} {:.15g}", low, bounds.below ? "and below" : "to", bounds.high);
}

template <class T>
std::string fitting_value(const Bounds& bounds) {
  if constexpr (kIsOptional<T>) {
    return fitting_value<typename T::value_type>(bounds);
  } else if constexpr (std::is_same_v<T, bool>) {
    return "true or false";
  } else if constexpr (std::is_same_v<T, std::string>) {
    return "a string";
  } else if constexpr (std::is_same_v<T, ByteCount>) {
    return "a number of bytes, as 800K, 512M or 1.5G";
  } else if constexpr (std::is_same_v<T, Table<double>>) {
    return "finite numbers with names, as a=2,b=0.5";
  } else if constexpr (std::is_same_v<T, Table<std::string>>) {
    return "strings with names, as a=2*x; b=a^2";
  } else {
    return fitting_number(std::is_same_v<T, Index> ? "an integer" : "a number", bounds);
  }
}

std::string fitting_words(const WordMember& member) {
  std::string text = member.is_list ? "a string of names between commas, each one of" : "one of";
  for (const std::string_view word : member.words) {
    text += fmt::format("{} \"{}\"", word == member.words.front() ? "" : ",", word);
  }
  return text;
}

template <class T>
Field::Value value_of(const T& member) {
  if constexpr (kIsOptional<T>) {
    return member ? value_of(*member) : Absent{};
  } else if constexpr (std::is_same_v<T, ByteCount>) {
    return member.count;
  } else {
    return member;
  }
}

/// "geometric_mamba, attention": a list as files and messages have it.
std::string words_text(const WordMember& member) {
  std::string text;
  for (const std::size_t place : member.get()) {
    text += text.empty() ? "" : ", ";
    text += member.words[place];
  }
  return text;
}

/// "a=2, b=3".
template <class T>
std::string table_text(const Table<T>& table) {
  std::string text;
  for (const auto& [name, value] : table) {
    text += fmt::format("{}{}={}",
                        text.empty()                     ? ""
                        : std::is_same_v<T, std::string> ? "; "
                                                         : ", ",
                        name, value);
  }
  return shown(text);
}

template <class... Calls>
struct Overloaded : Calls... {
  using Calls::operator()...;
};
template <class... Calls>
Overloaded(Calls...) -> Overloaded<Calls...>;

}  // namespace

bool Field::takes(std::string_view key) const {
  const bool is_table = std::holds_alternative<Table<double>*>(member_) ||
                        std::holds_alternative<Table<std::string>*>(member_);
  return key == key_ || (is_table && key.starts_with(key_ + "."));
}

Field::Value Field::value() const {
  return std::visit(
      Overloaded{[](const std::shared_ptr<WordMember>& m) -> Value { return words_text(*m); },
                 [](const auto* member) -> Value { return value_of(*member); }},
      member_);
}

std::string Field::text() const {
  const bool is_bytes = std::holds_alternative<ByteCount*>(member_) ||
                        std::holds_alternative<std::optional<ByteCount>*>(member_);
  return std::visit(Overloaded{[](Absent) -> std::string { return "absent"; },
                               [&](Index value) {
                                 return is_bytes ? bytes_text(static_cast<double>(value))
                                                 : fmt::format("{}", value);
                               },
                               [](const std::string& value) { return shown(value); },
                               []<class T>(const Table<T>& table) { return table_text(table); },
                               [](auto value) { return fmt::format("{}", value); }},
                    value());
}

std::string Field::fitting() const {
  return std::visit(
      Overloaded{[](const std::shared_ptr<WordMember>& m) { return fitting_words(*m); },
                 [&]<class T>(const T* member) {
                   static_cast<void>(member);
                   return fitting_value<T>(bounds_);
                 }},
      member_);
}

bool Field::assign(const Setting& setting) const {
  return std::visit(
      Overloaded{[&](const std::shared_ptr<WordMember>& m) { return assign_to(*m, setting); },
                 [&]<class T>(Table<T>* member) { return assign_in_table(*member, key_, setting); },
                 [&](auto* member) { return assign_to(*member, setting, bounds_); }},
      member_);
}

}  // namespace lior::settings
