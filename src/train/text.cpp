// SPDX-License-Identifier: Apache-2.0
#include "lior/train/text.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <utility>

#include "lior/core/available_memory.h"
#include "lior/core/text.h"

namespace lior::train {
namespace {

constexpr Index kPieces = 1024, kPieceBytes = 4096;  // of a fingerprint

/// Without waiting for the other end of a FIFO.
int open_to_read(const std::string& path) {
  if (path == "-") return ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
  return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

/// One piece of what comes through a pipe; nothing while there is none. False at its end.
bool read_some(int file, const std::string& path, std::vector<std::byte>& bytes) {
  constexpr int kWaitMilliseconds = 100;
  constexpr std::size_t kMost = 1 << 16;
  pollfd ready{.fd = file, .events = POLLIN, .revents = 0};
  if (::poll(&ready, 1, kWaitMilliseconds) <= 0) return true;
  const std::size_t before = bytes.size();
  bytes.resize(before + kMost);
  const ssize_t count = ::read(file, bytes.data() + before, kMost);
  const int error = errno;
  bytes.resize(before + static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  if (count < 0 && (error == EAGAIN || error == EINTR)) return true;
  LIOR_CHECK(count >= 0, "{}: cannot be read ({}); data are a file or a pipe", shown_path(path),
             std::strerror(error));
  return count > 0;
}

std::vector<std::byte> read_to_end(int file, const std::string& path,
                                   const std::function<bool()>& interrupted) {
  const std::size_t most = available_memory() / 2;
  std::vector<std::byte> bytes;
  while (!interrupted() && read_some(file, path, bytes)) {
    LIOR_CHECK(bytes.size() <= most,
               "{}: more than {} came through the pipe, half of the memory that is available; a "
               "file may be of any size",
               shown_path(path), bytes_text(static_cast<double>(most)));
  }
  return bytes;
}

}  // namespace

TextBytes::TextBytes(const std::string& path, const std::function<bool()>& interrupted)
    : path_(path), file_(open_to_read(path)) {
  LIOR_CHECK(file_ >= 0, "{}: cannot be opened ({}); give the path of a readable file",
             shown_path(path), std::strerror(errno));
  struct stat status {};
  const bool is_known = ::fstat(file_, &status) == 0;
  if (is_known && S_ISREG(status.st_mode) && path != "-") {
    size_ = static_cast<Index>(status.st_size);
    // Windows lie anywhere: what the system would read ahead is never used.
    ::posix_fadvise(file_, 0, 0, POSIX_FADV_RANDOM);
  } else {
    LIOR_CHECK(is_known && !S_ISDIR(status.st_mode),
               "{}: is no file; give the path of a readable file", shown_path(path));
    held_ = read_to_end(file_, path, interrupted);
    size_ = std::ssize(held_);
  }
  if (size_ > 0 || interrupted()) return;
  ::close(std::exchange(file_, -1));
  throw Error(
      fmt::format("{}: the file is empty; data is a file with text in it", shown_path(path)));
}

TextBytes::TextBytes(TextBytes&& other) noexcept
    : path_(std::move(other.path_)),
      file_(std::exchange(other.file_, -1)),
      size_(other.size_),
      held_(std::move(other.held_)) {}

TextBytes::TextBytes(std::string path, std::vector<std::byte> held)
    : path_(std::move(path)), size_(std::ssize(held)), held_(std::move(held)) {}

TextBytes& TextBytes::operator=(TextBytes&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(file_, other.file_);
  std::swap(size_, other.size_);
  std::swap(held_, other.held_);
  return *this;
}

TextBytes::~TextBytes() {
  if (file_ >= 0) ::close(file_);
}

void TextBytes::read(Index begin, std::span<std::byte> to) const {
  if (!held_.empty()) {
    std::copy_n(held_.begin() + begin, to.size(), to.begin());
    return;
  }
  while (!to.empty()) {
    const ssize_t count = ::pread(file_, to.data(), to.size(), begin);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      throw TextLost(
          fmt::format("{}: cannot be read any more ({})", shown_path(path_), std::strerror(errno)));
    }
    if (count == 0) {
      throw TextLost(fmt::format("{}: had {} bytes and has {} or fewer now: something has cut it",
                                 shown_path(path_), size_, begin));
    }
    begin += count;
    to = to.subspan(static_cast<std::size_t>(count));
  }
}

bool TextBytes::is_sampled() const { return size_ > kPieces * kPieceBytes; }

void TextBytes::visit_pieces(const std::function<bool(std::span<const std::byte>)>& visit) const {
  const Index pieces = std::min(kPieces, (size_ + kPieceBytes - 1) / kPieceBytes);
  std::vector<std::byte> bytes(static_cast<std::size_t>(kPieceBytes));
  for (Index piece = 0; piece < pieces; ++piece) {
    const Index begin =
        pieces < kPieces ? piece * kPieceBytes : piece * (size_ - kPieceBytes) / (kPieces - 1);
    const auto some =
        std::span(bytes).first(static_cast<std::size_t>(std::min(kPieceBytes, size_ - begin)));
    read(begin, some);
    if (!visit(some)) return;
  }
}

std::uint64_t TextBytes::fingerprint(const std::function<bool()>& interrupted) const {
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  visit_pieces([&](std::span<const std::byte> piece) {
    for (const std::byte b : piece) {
      hash = (hash ^ static_cast<std::uint64_t>(b)) * 0x100000001b3;
    }
    return !interrupted();
  });
  return hash;
}

double TextBytes::entropy() const {
  std::array<Index, 256> counts{};
  Index total = 0;
  visit_pieces([&](std::span<const std::byte> piece) {
    for (const std::byte b : piece) ++counts[static_cast<std::size_t>(b)];
    total += std::ssize(piece);
    return true;
  });
  double bits = 0;
  for (const Index count : counts) {
    const double p = static_cast<double>(count) / static_cast<double>(total);
    if (count > 0) bits -= p * std::log2(p);
  }
  return bits;
}

}  // namespace lior::train
