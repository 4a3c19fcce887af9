// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The settings of a program: their names, their order of precedence, and the files that keep them.
///
/// A configuration is a struct, and a function that lists its fields once:
///
///     settings::Fields fields(Config& c) {
///       return {{"batch", c.batch, {1, 64}}, {"model.heads", c.model.heads, {1, 16}}};
///     }
///
/// A member that is a Table takes any names: fields {{"parameters", c.parameters}} read and write
/// [parameters] a = 2, and as one text "a=2,b=3", in the environment LIOR_PARAMETERS; numbers lie
/// between commas, texts between semicolons.
///
/// A field has one key, which is its name in a TOML file ([model] heads = 4), in a JSON file, and,
/// with a prefix, in the environment (LIOR_MODEL_HEADS). Reading, writing and comparing walk the
/// list. Every message about a setting names it, where it stands, and what would fit.

#include <algorithm>
#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "lior/core/names.h"
#include "lior/core/view.h"

namespace lior::settings {

/// A number of bytes; in text "512M", "1.5G": powers of 1,000.
struct ByteCount {
  Index count = 0;
};

/// A value of a file that no setting can take: "an array".
struct OtherValue {
  std::string description;
};
/// A value as words of the command line or the environment: read by the type of its setting.
struct TextValue {
  std::string text;
};
/// JSON's null: an optional setting that is not set.
struct Absent {};

/// One setting somewhere. `where` opens its messages: "run.toml:12", or the flag or variable that
/// is the setting: "--batch", "LIOR_BATCH".
struct Setting {
  std::string key;
  std::variant<bool, Index, double, std::string, TextValue, OtherValue, Absent> value;
  std::string where;
};

/// Values by names.
template <class T>
using Table = std::map<std::string, T>;

/// The values that a number may take, ends included unless `above` excludes the lower one or
/// `below` the higher one. Numbers are finite whatever the bounds.
struct Bounds {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool above = false, below = false;
};

inline constexpr double kMost = std::numeric_limits<double>::infinity();
inline constexpr Bounds kFraction{0, 1}, kPositive{0, kMost, true}, kNotNegative{0, kMost};
inline constexpr Bounds kCount{1, 1e15}, kCountOrNone{0, 1e15};

/// Where a setting of words lies: an enumeration's value, or a list of them.
class WordMember {
 public:
  WordMember(std::vector<std::string_view> words, bool is_list)
      : words(std::move(words)), is_list(is_list) {}
  virtual ~WordMember() = default;
  /// Places in `words`; exactly one unless it is a list.
  virtual std::vector<std::size_t> get() const = 0;
  virtual void set(std::span<const std::size_t> places) = 0;

  std::vector<std::string_view> words;
  bool is_list;
};

namespace detail {

template <NamedEnum E>
std::vector<std::string_view> words_of(std::size_t count) {
  const auto all = enum_names(E{});
  return {all.begin(), all.begin() + static_cast<std::ptrdiff_t>(std::min(count, all.size()))};
}

template <NamedEnum E>
class OneWord : public WordMember {
 public:
  OneWord(E& member, std::size_t words) : WordMember(words_of<E>(words), false), member_(member) {}
  std::vector<std::size_t> get() const override { return {static_cast<std::size_t>(member_)}; }
  void set(std::span<const std::size_t> places) override {
    member_ = static_cast<E>(places.front());
  }

 private:
  E& member_;
};

template <NamedEnum E>
class WordList : public WordMember {
 public:
  explicit WordList(std::vector<E>& member)
      : WordMember(words_of<E>(enum_names(E{}).size()), true), member_(member) {}
  std::vector<std::size_t> get() const override {
    std::vector<std::size_t> places;
    for (const E value : member_) places.push_back(static_cast<std::size_t>(value));
    return places;
  }
  void set(std::span<const std::size_t> places) override {
    member_.clear();
    for (const std::size_t place : places) member_.push_back(static_cast<E>(place));
  }

 private:
  std::vector<E>& member_;
};

}  // namespace detail

/// A setting of a configuration: its key, the member that holds it, and what the member may hold.
class Field {
 public:
  using Member =
      std::variant<bool*, Index*, double*, std::string*, ByteCount*, std::optional<Index>*,
                   std::optional<double>*, std::optional<ByteCount>*, std::shared_ptr<WordMember>,
                   Table<double>*, Table<std::string>*>;
  /// The value of a member, as a file has it.
  using Value =
      std::variant<Absent, bool, Index, double, std::string, Table<double>, Table<std::string>>;

  template <class T>
  requires std::is_constructible_v<Member, T*> Field(std::string_view key, T& member,
                                                     const Bounds& bounds = {})
      : key_(key), member_(&member), bounds_(bounds) {}
  /// `words`: only the first so many of the enumeration's.
  template <NamedEnum E>
  Field(std::string_view key, E& member, std::size_t words = enum_names(E{}).size())
      : key_(key), member_(std::make_shared<detail::OneWord<E>>(member, words)) {}
  template <NamedEnum E>
  Field(std::string_view key, std::vector<E>& member)
      : key_(key), member_(std::make_shared<detail::WordList<E>>(member)) {}

  /// It may be another one when a run goes on.
  Field changes_on_resume() && {
    changes_on_resume_ = true;
    return std::move(*this);
  }
  /// Files that were written before it existed lack it, and mean its default.
  Field absent_in_old_files() && {
    absent_in_old_files_ = true;
    return std::move(*this);
  }

  const std::string& key() const { return key_; }
  /// Whether a setting of this key is the field's, or one of its table's.
  bool takes(std::string_view key) const;
  bool may_change_on_resume() const { return changes_on_resume_; }
  bool may_lack() const { return absent_in_old_files_; }

  Value value() const;
  /// The value in the words of the messages: "absent", "512 MB", "attention, causal_field".
  std::string text() const;
  /// A description of values that fit: "an integer from 1 to 8", "one of \"adamw\", \"lior\"".
  std::string fitting() const;
  /// Takes the setting's value, unless its type or bounds forbid.
  bool assign(const Setting& setting) const;

 private:
  std::string key_;
  Member member_;
  Bounds bounds_;
  bool changes_on_resume_ = false, absent_in_old_files_ = false;
};

/// The fields of a configuration, in the order of its file: those without a table first. It must
/// not outlive the configuration.
using Fields = std::vector<Field>;

/// A line for each field: its key, the value that it has now, and what fits. For help.
std::string describe(const Fields& fields);

/// Sets one setting. Throws lior::Error on an unknown key, a wrong type, a value out of bounds.
void assign(const Fields& fields, const Setting& setting);

/// The last setting of `key`, if there is one.
const Setting* last_of(std::span<const Setting> settings, std::string_view key);

/// Throws lior::Error unless `after` differs from `before` only in fields that may change when a
/// run goes on. The message names the one of `given` that differs, or `where` if none has its key.
void check_resumed(const Fields& before, const Fields& after, std::span<const Setting> given,
                   std::string_view where);

/// The settings among the variables of the environment: prefix + KEY, "LIOR_" + "MODEL_HEADS".
std::vector<Setting> read_environment(const Fields& fields, std::string_view prefix);
/// Variables of the environment that begin with `prefix`, are no settings, and do not begin with
/// one of `others`: nothing reads them.
std::vector<std::string> unknown_variables(const Fields& fields, std::string_view prefix,
                                           std::span<const std::string_view> others);

/// The settings of a file: JSON where it is named so or its first letter is {, else TOML. Unknown
/// keys are assign's to find. Throws lior::Error that names the file, and the line or byte, where
/// it cannot be read, is neither, exceeds a megabyte or nests deeper than 32.
std::vector<Setting> read_file(const std::filesystem::path& path);

/// Sets every field by a file that to_json or to_toml wrote. Throws lior::Error where one is
/// missing (unless old files lack it) or unknown.
void read_all(const Fields& fields, const std::filesystem::path& path);

/// Every field as a JSON object with an object for each table. Throws lior::Error on text that is
/// not UTF-8.
std::string to_json(const Fields& fields);
/// The same in TOML, without what is absent.
std::string to_toml(const Fields& fields);

}  // namespace lior::settings
