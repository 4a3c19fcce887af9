// SPDX-License-Identifier: Apache-2.0
#include "comm/memory_of_host.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <utility>

namespace lior::comm {
namespace {

/// Behind the numbers: by it another process knows that it has opened what it was to open.
using Stamp = std::array<std::byte, 16>;
Index length_of(Index bytes) { return bytes + static_cast<Index>(sizeof(Stamp)); }

/// A file without a name, in memory, which other processes of the same user open by its number.
class MemoryFile {
 public:
  explicit MemoryFile(int file) : file_(file) {}
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() {
    if (file_ >= 0) close(file_);
  }
  int number() const { return file_; }

 private:
  int file_;
};

/// A file's bytes as memory; null where that fails.
class Mapping {
 public:
  Mapping() = default;
  Mapping(const MemoryFile& file, Index bytes) : size_(static_cast<std::size_t>(bytes)) {
    if (file.number() < 0) return;
    void* const memory = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED, file.number(), 0);
    if (memory != MAP_FAILED) data_ = static_cast<std::byte*>(memory);
  }
  Mapping(Mapping&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(other.size_) {}
  Mapping& operator=(Mapping&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~Mapping() {
    if (data_ != nullptr) munmap(data_, size_);
  }
  std::byte* data() const { return data_; }

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

struct MappedMemory : SharedMemory {
  std::vector<Mapping> mappings;
};

/// What a rank tells the others of its memory.
struct Offer {
  bool is_there = false;
  pid_t process = 0;
  int file = -1;
  Index bytes = 0;
  Stamp stamp{};
  char host[256] = "";
};

/// A rank's memory, as the process that calls it sees it.
Mapping opened(const Offer& offer) {
  const std::string path = fmt::format("/proc/{}/fd/{}", offer.process, offer.file);
  const MemoryFile file(open(path.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK));
  const Index length = length_of(offer.bytes);
  struct stat status {};
  if (fstat(file.number(), &status) != 0 || status.st_size != length) return {};
  Mapping memory(file, length);
  const bool is_it = memory.data() != nullptr &&
                     std::memcmp(memory.data() + offer.bytes, &offer.stamp, sizeof(Stamp)) == 0;
  return is_it ? std::move(memory) : Mapping();
}

}  // namespace

std::unique_ptr<SharedMemory> memory_of_host(Communicator& ranks, Index bytes) {
  auto memory = std::make_unique<MappedMemory>();
  const auto size = static_cast<std::size_t>(ranks.size()),
             own = static_cast<std::size_t>(ranks.rank());
  memory->of.resize(size);
  memory->mappings.resize(size);
  Offer mine{.process = getpid(), .bytes = bytes};
  ranks.host().copy(mine.host, sizeof mine.host - 1);
  // All of its pages at once, because a page that is not to be had later ends the process.
  const MemoryFile file(memfd_create("lior", MFD_CLOEXEC));
  const Index length = length_of(bytes);
  if (file.number() >= 0 && posix_fallocate(file.number(), 0, length) == 0 &&
      getrandom(&mine.stamp, sizeof mine.stamp, 0) == static_cast<ssize_t>(sizeof mine.stamp)) {
    memory->mappings[own] = Mapping(file, length);
  }
  memory->of[own] = memory->mappings[own].data();
  mine.file = file.number();
  mine.is_there = memory->of[own] != nullptr;
  if (mine.is_there) {
    std::memcpy(memory->of[own] + bytes, &mine.stamp, sizeof mine.stamp);
  } else {
    memory->own = Buffer<std::byte>(bytes);
    memory->of[own] = memory->own.data();
  }
  std::vector<Offer> offers(size);
  ranks.all_gather(mine, std::span(offers));
  std::vector<char> reached(size), reaching(size);
  for (std::size_t r = 0; r < size; ++r) {
    const bool can = r != own && mine.is_there && offers[r].is_there &&
                     std::string_view(offers[r].host) == mine.host;
    if (can) memory->mappings[r] = opened(offers[r]);
    reached[r] = r != own && memory->mappings[r].data() != nullptr;
  }
  std::vector<std::span<const char>> outgoing;
  std::vector<std::span<char>> incoming;
  for (std::size_t r = 0; r < size; ++r) {
    outgoing.emplace_back(&reached[r], 1);
    incoming.emplace_back(&reaching[r], 1);
  }
  ranks.all_to_all<char>(outgoing, incoming);  // after which nobody opens the file any more
  for (std::size_t r = 0; r < size; ++r) {
    if (r == own) continue;
    if (reaching[r] == 0) memory->mappings[r] = {};
    memory->of[r] = memory->mappings[r].data();
  }
  return memory;
}

}  // namespace lior::comm
