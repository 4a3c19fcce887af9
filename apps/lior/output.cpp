// SPDX-License-Identifier: Apache-2.0
#include "output.h"

#include <unistd.h>

#include <filesystem>

#include "lior/core/text.h"

namespace lior::app {

OutputFile::OutputFile(const std::string& path) : path_(path) {
  std::error_code error;
  const auto type = std::filesystem::status(path, error).type();
  using std::filesystem::file_type;
  if (type == file_type::regular || type == file_type::not_found) {
    file_.emplace(path);  // an older file stays until there is something to put in its place
    return;
  }
  device_.reset(std::fopen(path.c_str(), "w"));
  LIOR_CHECK(device_ != nullptr, "cannot write {}; give a file in a folder that exists",
             shown_path(path));
}

void OutputFile::write(const std::string& text) {
  if (file_) {
    file_->write(text);
    file_->commit();
    return;
  }
  const bool written = std::fwrite(text.data(), 1, text.size(), device_.get()) == text.size();
  if (!written || std::fflush(device_.get()) != 0) {
    throw RunError(fmt::format("writing {} failed; is there a reader?", shown_path(path_)));
  }
}

void check_folder_of(const char* flag, const std::string& file) {
  const std::filesystem::path path(file);
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  LIOR_CHECK(std::filesystem::is_directory(folder) && access(folder.c_str(), W_OK) == 0,
             "{} {}: cannot write there; give a file in a folder that may be written", flag,
             shown_path(file));
}

void check_picture(const std::string& file) {
  const std::filesystem::path path(file);
  LIOR_CHECK(path.extension() == ".png" || path.extension() == ".svg",
             "--plot {}: a PNG or SVG is written; give a name that ends in .png or .svg",
             shown_path(file));
  check_folder_of("--plot", file);
}

}  // namespace lior::app
