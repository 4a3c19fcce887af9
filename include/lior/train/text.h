// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The bytes of a text, read where they are needed.

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lior/core/view.h"

namespace lior::train {

/// A file that is not what it was when it was opened: it has shrunk, or cannot be read any more.
class TextLost : public RunError {
 public:
  using RunError::RunError;
};

/// A file of any size, of which only what is asked for is read; or what came through a pipe or was
/// decoded (corpus.h), which is held in memory.
class TextBytes {
 public:
  /// A file, a FIFO or a device, or "-" for the standard input. All but a file are read to their
  /// end, which `interrupted`, asked several times a second, can cut short: what there is then
  /// counts. Throws lior::Error when there is nothing to read, nothing in it, or more in a pipe
  /// than half of the memory that is available.
  explicit TextBytes(
      const std::string& path, const std::function<bool()>& interrupted = [] { return false; });
  /// Bytes that were read already; `path` is what messages call them.
  TextBytes(std::string path, std::vector<std::byte> held);
  /// No text.
  TextBytes() = default;
  TextBytes(TextBytes&&) noexcept;
  TextBytes& operator=(TextBytes&&) noexcept;
  ~TextBytes();

  const std::string& path() const { return path_; }
  Index size() const { return size_; }
  /// The bytes where they are held in memory; empty for a file.
  std::span<const std::byte> held() const { return held_; }

  /// Bytes begin .. begin + to.size() - 1 into `to`. Throws TextLost.
  void read(Index begin, std::span<std::byte> to) const;

  /// A hash of the whole text up to 4 MB, of 1,024 pieces of 4,096 bytes spread over a longer one:
  /// whether two texts are the same, at a glance.
  /// `interrupted` is asked at each piece; it ends there, and the hash is of no use.
  std::uint64_t fingerprint(const std::function<bool()>& interrupted = [] { return false; }) const;
  /// Whether the fingerprint is of pieces alone.
  bool is_sampled() const;
  /// - sum_b p_b log2 p_b over the bytes of the same pieces, in bits: 4 to 5 for prose, near 8 for
  /// what is compressed or encrypted.
  double entropy() const;

 private:
  /// visit(piece), whether to go on, for each of the pieces that a fingerprint is of, in order.
  void visit_pieces(const std::function<bool(std::span<const std::byte>)>& visit) const;

  std::string path_;
  int file_ = -1;
  Index size_ = 0;
  std::vector<std::byte> held_;
};

}  // namespace lior::train
