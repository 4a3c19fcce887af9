#include "output.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include "lior/core/error.h"

namespace lior::app {

OutputFile::OutputFile(std::string path)
    : path_(std::move(path)), file_(std::fopen(path_.c_str(), "w")) {
  LIOR_CHECK(file_ != nullptr, "cannot write {}: {}; give a file in a folder that exists", path_,
             std::strerror(errno));
}

OutputFile::~OutputFile() {
  if (file_ != nullptr) std::fclose(file_);
}

void OutputFile::write(const std::string& text) {
  const bool written = std::fwrite(text.data(), 1, text.size(), file_) == text.size();
  const bool closed = std::fclose(std::exchange(file_, nullptr)) == 0;
  if (!written || !closed) {
    throw RunError(fmt::format("writing {} failed: {}", path_, std::strerror(errno)));
  }
}

}  // namespace lior::app
