// SPDX-License-Identifier: Apache-2.0
#include "lior/io/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>

#include "io/file_descriptor.h"
#include "lior/core/error.h"
#include "lior/core/text.h"

namespace lior::io {
namespace {

[[noreturn]] void fail(const std::string& path, const char* action, int error) {
  throw RunError(fmt::format("{}: {} failed ({}); an older file there is untouched",
                             shown_path(path), action, error_text(error)));
}

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

struct AtomicFile::State {
  std::string path;
  std::string like;
  std::string aside = path + ".partial";
  FileDescriptor file{};
  struct stat made {};  // what `aside` was when it was made

  /// Whether `aside` is still the file that is being written.
  bool is_ours() const {
    struct stat now {};
    return ::lstat(aside.c_str(), &now) == 0 && now.st_dev == made.st_dev &&
           now.st_ino == made.st_ino;
  }
  void make();
};

/// A file of its own: O_EXCL takes nothing that is there, so a link that somebody left under the
/// name is removed and not followed.
void AtomicFile::State::make() {
  const auto permissions = permissions_of(like);
  constexpr int kTries = 3;
  for (int attempt = 0; attempt < kTries && !file.is_open(); ++attempt) {
    if (::unlink(aside.c_str()) != 0 && errno != ENOENT) break;
    file = open_file(aside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW,
                     permissions.value_or(0666) & 0777);
    if (!file.is_open() && errno != EEXIST) break;
  }
  if (!file.is_open()) return;
  // Past the umask; a wish where the file is not ours.
  if (permissions) (void)::fchmod(file.get(), *permissions);
  ::fstat(file.get(), &made);
}

AtomicFile::AtomicFile(const std::string& path, const std::string& like)
    : state_(new State{.path = path, .like = like.empty() ? path : like}) {
  LIOR_CHECK(path.find('\0') == std::string::npos,
             "{}: the path holds a NUL byte; no file can be called so", shown_path(path));
  state_->make();
  LIOR_CHECK(state_->file.is_open(),
             "{}: cannot be written ({}); give a path in an existing folder that you may write to",
             shown_path(path), error_text(errno));
}

AtomicFile::~AtomicFile() {
  if (state_ && state_->is_ours()) ::unlink(state_->aside.c_str());
}

void AtomicFile::write(std::string_view bytes) {
  if (!write_all(state_->file.get(), bytes)) fail(state_->path, "writing", errno);
}

void AtomicFile::commit() {
  if (::fsync(state_->file.get()) != 0) fail(state_->path, "syncing", errno);
  if (!state_->file.close()) fail(state_->path, "closing", errno);
  if (!state_->is_ours()) {
    throw RunError(
        fmt::format("{}: another program writes it too; an older file there is untouched",
                    shown_path(state_->path)));
  }
  if (std::rename(state_->aside.c_str(), state_->path.c_str()) != 0) {
    fail(state_->path, "renaming the new file", errno);
  }
  const std::string path = std::move(state_->path);
  state_.reset();
  // The new name is on the disk only when the folder is.
  const FileDescriptor folder = open_file(folder_of(path), O_RDONLY | O_DIRECTORY);
  if (!folder.is_open() || ::fsync(folder.get()) != 0) {
    throw RunError(fmt::format("{}: written, but syncing its folder failed ({})", shown_path(path),
                               error_text(errno)));
  }
}

void write_file_atomically(const std::string& path, std::string_view bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

}  // namespace lior::io
