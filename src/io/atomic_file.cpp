#include "lior/io/atomic_file.h"

#include <fcntl.h>

#include <cerrno>
#include <cstdio>

#include "io/file_descriptor.h"
#include "lior/core/error.h"

namespace lior::io {
namespace {

[[noreturn]] void fail(const std::string& path, const char* action, int error) {
  throw RunError(fmt::format("{}: {} failed ({}); an older file there is untouched", path, action,
                             error_text(error)));
}

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

bool write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

struct AtomicFile::State {
  std::string path;
  std::string aside = path + ".partial";
  FileDescriptor file{
      ::open(aside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)};  // less umask
};

AtomicFile::AtomicFile(const std::string& path) : state_(new State{.path = path}) {
  LIOR_CHECK(state_->file.is_open(),
             "{}: cannot be written ({}); give a path in an existing folder that you may write to",
             path, error_text(errno));
}

AtomicFile::~AtomicFile() {
  if (state_) ::unlink(state_->aside.c_str());
}

void AtomicFile::write(std::string_view bytes) {
  if (!write_all(state_->file.get(), bytes)) fail(state_->path, "writing", errno);
}

void AtomicFile::commit() {
  if (::fsync(state_->file.get()) != 0) fail(state_->path, "syncing", errno);
  if (!state_->file.close()) fail(state_->path, "closing", errno);
  if (std::rename(state_->aside.c_str(), state_->path.c_str()) != 0) {
    fail(state_->path, "renaming the new file", errno);
  }
  const std::string path = std::move(state_->path);
  state_.reset();
  // The new name is on the disk only when the folder is.
  const FileDescriptor folder(::open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.is_open() || ::fsync(folder.get()) != 0) {
    throw RunError(
        fmt::format("{}: written, but syncing its folder failed ({})", path, error_text(errno)));
  }
}

void write_file_atomically(const std::string& path, std::string_view bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

}  // namespace lior::io
