// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Event files that TensorBoard reads: numbers by step.
///
/// A file is a row of records (TFRecord: the length as 8 bytes, its masked CRC-32C, the data, its
/// masked CRC-32C; little endian), each an `Event` of TensorFlow's event.proto in the wire format
/// of protocol buffers.

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "lior/core/view.h"

namespace lior::io {

struct EventScalar {
  std::string_view tag;
  double value;  ///< a float in the file
};

class EventFile {
 public:
  /// Makes `folder` and a file of a name of its own in it. Throws lior::Error where it cannot.
  explicit EventFile(const std::filesystem::path& folder);
  EventFile(EventFile&&) noexcept;
  ~EventFile();

  const std::filesystem::path& path() const;

  /// Appends numbers of a step. The first call also says that what other files of the folder hold
  /// from that step on was given up, as a run does that goes on from a checkpoint. Readers see it
  /// at once. Throws lior::RunError when the disk takes no more.
  void write(Index step, std::span<const EventScalar> scalars);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// CRC-32C (Castagnoli): crc32c("123456789") is 0xe3069283.
std::uint32_t crc32c(std::string_view bytes);

}  // namespace lior::io
