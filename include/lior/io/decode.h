// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Files that may be compressed, read as what they hold: .gz (zlib), .zst (libzstd), .xz (liblzma),
/// by the end of their names; every other file as it is.

#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace lior::io {

/// `path` without its .gz, .zst or .xz; all of it where it has none.
std::string_view without_compression(std::string_view path);

/// Whether `path` ends in one of them.
inline bool is_compressed(std::string_view path) {
  return without_compression(path).size() < path.size();
}

/// Calls take(piece) with what the file holds, piece by piece, until its end or until `take` says
/// false. Members and frames that follow one another are one text, as for gzip, zstd and xz.
///
/// Throws lior::Error that names the file where it cannot be opened or read, is damaged, ends
/// before its text does, or goes on with something else after it; where more than kLargestRatio
/// bytes come of one byte, past kTrustedBytes of them; or where undoing it takes more than
/// kMostMemory.
void read_decoded(const std::string& path,
                  const std::function<bool(std::span<const std::byte>)>& take);

/// Prose packs to a third, logs that repeat themselves to a hundredth; what was made to fill a
/// memory gives thousands (gzip 1,030, zstd and xz 10,000 and more).
inline constexpr double kLargestRatio = 500;
inline constexpr std::size_t kTrustedBytes = std::size_t{1} << 26;
inline constexpr std::size_t kMostMemory = std::size_t{1} << 28;

}  // namespace lior::io
