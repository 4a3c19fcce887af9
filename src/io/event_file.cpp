// SPDX-License-Identifier: Apache-2.0
#include "lior/io/event_file.h"

#include <fmt/core.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <system_error>
#include <utility>

#include "lior/core/text.h"

namespace lior::io {
namespace {

static_assert(std::endian::native == std::endian::little, "records are little endian");

constexpr std::array<std::uint32_t, 256> kCrcTable = [] {
  constexpr std::uint32_t kPolynomial = 0x82f63b78;  // Castagnoli's, reflected
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t rest = byte;
    for (int bit = 0; bit < 8; ++bit) rest = (rest >> 1) ^ ((rest & 1) != 0 ? kPolynomial : 0);
    table[byte] = rest;
  }
  return table;
}();

/// So that the check of a record that holds checks is no trivial one.
std::uint32_t masked(std::uint32_t crc) { return std::rotr(crc, 15) + 0xa282ead8U; }

template <class T>
std::string bytes_of(T value) {
  std::string bytes(sizeof(value), '\0');
  std::memcpy(bytes.data(), &value, sizeof(value));
  return bytes;
}

std::string record(const std::string& data) {
  const std::string length = bytes_of(static_cast<std::uint64_t>(data.size()));
  return length + bytes_of(masked(crc32c(length))) + data + bytes_of(masked(crc32c(data)));
}

// Fields of protocol buffers: a key, number << 3 | wire type, and the value.
enum Wire { kVarint = 0, kEight = 1, kLength = 2, kFour = 5 };

std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
  return bytes + static_cast<char>(value);
}
std::string key(unsigned number, Wire wire) { return varint(number << 3 | wire); }
std::string field(unsigned number, std::string_view value) {
  return key(number, kLength) + varint(value.size()) + std::string(value);
}
std::string field(unsigned number, double value) { return key(number, kEight) + bytes_of(value); }
std::string field(unsigned number, float value) { return key(number, kFour) + bytes_of(value); }
std::string field(unsigned number, std::int64_t value) {
  return key(number, kVarint) + varint(static_cast<std::uint64_t>(value));
}

double now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

/// event.proto: wall_time = 1, step = 2, file_version = 3, summary = 5, session_log = 7.
std::string event(Index step, unsigned number, std::string_view what) {
  return record(field(1, now()) + field(2, std::int64_t{step}) + field(number, what));
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  std::uint32_t crc = ~0U;
  for (const char byte : bytes) {
    crc = (crc >> 8) ^ kCrcTable[(crc ^ static_cast<unsigned char>(byte)) & 0xff];
  }
  return ~crc;
}

struct EventFile::State {
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::filesystem::path path;
  std::unique_ptr<std::FILE, Close> file{};
  bool begun = false;

  void append(const std::string& bytes) {
    if (std::fwrite(bytes.data(), 1, bytes.size(), file.get()) == bytes.size() &&
        std::fflush(file.get()) == 0) {
      return;
    }
    throw RunError(fmt::format("{}: cannot be written ({})", shown_path(path.string()),
                               std::generic_category().message(errno)));
  }
};

EventFile::EventFile(const std::filesystem::path& folder) : state_(std::make_unique<State>()) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  // TensorBoard looks for the word tfevents, and takes files in the order of their names.
  const std::string name =
      fmt::format("events.out.tfevents.{:.6f}.{}.lior", now(), static_cast<long>(getpid()));
  state_->path = folder / name;
  if (!error) state_->file.reset(std::fopen(state_->path.c_str(), "wbx"));
  LIOR_CHECK(state_->file != nullptr,
             "{}: no event file can be made there ({}); expected a folder that may be written",
             shown_path(folder.string()),
             error ? error.message() : std::generic_category().message(errno));
  state_->append(event(0, 3, "brain.Event:2"));
}
EventFile::EventFile(EventFile&&) noexcept = default;
EventFile::~EventFile() = default;

const std::filesystem::path& EventFile::path() const { return state_->path; }

void EventFile::write(Index step, std::span<const EventScalar> scalars) {
  std::string bytes;
  // SessionLog: status = 1, whose START is 1.
  if (!std::exchange(state_->begun, true)) bytes += event(step, 7, field(1, std::int64_t{1}));
  std::string summary;
  for (const EventScalar& scalar : scalars) {  // Summary.Value: tag = 1, simple_value = 2
    summary += field(1, field(1, scalar.tag) + field(2, static_cast<float>(scalar.value)));
  }
  state_->append(bytes + event(step, 5, summary));
}

}  // namespace lior::io
