// SPDX-License-Identifier: Apache-2.0
#pragma once
// Sizes that compressors reach on the bytes that a model predicted.

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
  /// Bits for each byte of `text` by which it grows what they make. Compresses as much as was
  /// trained on, and the text.
  double bits_per_byte(Compressor compressor, std::string_view text) const;

 private:
  std::string before_;
};

/// The bytes that the targets of a stream of a text stand for, sequence after sequence.
std::string target_bytes(train::Stream& stream, const train::Tokenizer& tokenizer);

}  // namespace lior::app
