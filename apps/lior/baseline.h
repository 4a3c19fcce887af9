// SPDX-License-Identifier: Apache-2.0
#pragma once
// Sizes that compressors reach on the bytes that a model predicted.

#include <optional>
#include <string>
#include <string_view>

#include "lior/core/names.h"
#include "lior/train/source.h"

namespace lior::app {

/// bzip2's largest blocks (libbz2), and 7-Zip's PPMd, of contexts of 6 bytes and 16 MB of memory
/// (libarchive).
enum class Compressor { bzip2, ppmd };
constexpr auto enum_names(Compressor) { return enum_words("bzip2", "ppmd"); }

/// Bytes of what the compressor makes of a text, with its headers.
std::int64_t compressed_size(Compressor compressor, std::string_view text);

/// Compressors that have read what a model was trained on.
class Baseline {
 public:
  /// More than any of them remembers.
  static constexpr std::int64_t kMostBefore = std::int64_t{64} << 20;

  /// `trained_on`: of its training part the last kMostBefore bytes at most.
  explicit Baseline(const train::Source& trained_on);
  /// Fewer bytes say nothing: bzip2 codes a block as a whole, and the difference of two sizes is
  /// some 40 bytes off. Twelve places of 1.5 MB of C++, behind 100 KB: .33 bits a byte beyond what
  /// PPMd varies at 1,000 bytes, .94 at 200, 10 at 20.
  static constexpr std::int64_t kFewest = 1'000;
  /// Bits for each byte of `text` by which it grows what they make; nothing for fewer than kFewest,
  /// or where it does not grow. Compresses as much as was trained on, and the text.
  std::optional<double> bits_per_byte(Compressor compressor, std::string_view text) const;

 private:
  std::string before_;
};

/// The bytes that the targets of a stream of a text stand for, sequence after sequence.
std::string target_bytes(train::Stream& stream, const train::Tokenizer& tokenizer);

}  // namespace lior::app
