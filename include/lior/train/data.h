#pragma once
/// What a model trains on: a file's bytes, or a task's sequences, behind one face.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lior/io/mapped_file.h"
#include "lior/train/task.h"

namespace lior::train {

inline constexpr Index kByteValues = 256;

/// The tokens of a text: its bytes, 0 .. 255. The byte of a token is its value.
std::vector<std::int32_t> encode(std::string_view text);

/// The bytes of a file of any size, UTF-8 or not: a token is a byte. The file is mapped, not read;
/// its tail is held out.
class Text {
 public:
  /// The last floor(size fraction) bytes are held out. Throws lior::Error when the file is missing
  /// or empty, or the fraction is not in [0, 1].
  Text(const std::string& path, double held_out_fraction);

  Index size() const { return static_cast<Index>(file_.bytes().size()); }
  std::span<const std::byte> training() const { return file_.bytes().first(training_size_); }
  std::span<const std::byte> held_out() const { return file_.bytes().subspan(training_size_); }
  std::span<const std::byte> all() const { return file_.bytes(); }

  /// A hash of the whole text up to 4 MB, of 1,024 pieces of 4,096 bytes spread over a longer one:
  /// whether two texts are the same, at a glance.
  std::uint64_t fingerprint() const;

  /// B windows of N bytes and the byte after each, drawn uniformly from the training part:
  /// targets(b, t) = the byte after tokens(b, t). A function of (seed, step, row).
  /// Throws lior::Error when the training part has fewer than N + 1 bytes.
  void fill_windows(std::uint64_t seed, Index step, View<std::int32_t, 2> tokens,
                    View<std::int32_t, 2> targets) const;

 private:
  io::MappedFile file_;
  std::string path_;
  std::size_t training_size_;
};

/// A named source. vocabulary() and classes() are what a model for it needs.
class Data {
 public:
  /// builtin:TASK, or a file. Throws lior::Error that says what names there are.
  static Data open(const std::string& name, double held_out_fraction);

  bool is_text() const { return text_.has_value(); }
  const Text& text() const { return *text_; }
  Task task() const { return task_; }
  Index vocabulary() const { return is_text() ? kByteValues : train::vocabulary(task_); }
  Index classes() const { return is_text() ? kByteValues : train::classes(task_); }
  bool has_generators() const { return !is_text() && train::has_generators(task_); }
  Index shortest_length() const { return is_text() ? 1 : train::shortest_length(task_); }

  /// The training batch of `step`. tokens, targets: [B, N]. A text has no alphabet but all bytes.
  void fill_training(std::uint64_t seed, Index step, View<std::int32_t, 2> tokens,
                     View<std::int32_t, 2> targets, Alphabet alphabet = Alphabet::all) const;

 private:
  std::optional<Text> text_;
  Task task_{};
};

/// "builtin:" before a task's name.
inline constexpr std::string_view kBuiltin = "builtin:";

}  // namespace lior::train
