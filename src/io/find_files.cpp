// SPDX-License-Identifier: Apache-2.0
#include "lior/io/find_files.h"

#include <fnmatch.h>
#include <glob.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <set>
#include <utility>

#include "io/file_descriptor.h"
#include "lior/core/error.h"
#include "lior/core/text.h"

namespace lior::io {
namespace {

namespace fs = std::filesystem;
using LeftOut = std::function<bool(const std::string&)>;

std::vector<std::string> split_pattern(std::string_view patterns) {
  std::vector<std::string> all;
  for (std::size_t begin = 0; begin <= patterns.size();) {
    const std::size_t end = std::min(patterns.find(',', begin), patterns.size());
    if (end > begin) all.emplace_back(patterns.substr(begin, end - begin));
    begin = end + 1;
  }
  return all;
}

/// Collects files, each once.
class Finder {
 public:
  Finder(std::string_view pattern, const LeftOut& left_out)
      : pattern_(pattern), patterns_(split_pattern(pattern)), left_out_(left_out) {
    LIOR_CHECK(!patterns_.empty(), "the pattern of names is empty; \"*\" fits every name");
  }

  void add(const std::string& name) {
    struct stat status {};
    if (::stat(name.c_str(), &status) == 0) {
      add_existing(name, true);
    } else if (const int error = errno; name.find_first_of("*?[") != std::string::npos) {
      add_glob(name);
    } else {
      throw Error(fmt::format("{}: cannot be opened ({}); give the path of a readable file",
                              shown_path(name), error_text(error)));
    }
  }

  std::vector<FoundFile> found() && { return std::move(found_); }

 private:
  void add_existing(const std::string& name, bool is_named) {
    if (fs::is_directory(name)) {
      if (is_named || !is_left_out(name)) add_folder(name, is_named);
    } else {
      LIOR_CHECK(fs::is_regular_file(name), "{}: is no file; several data are files and folders",
                 shown_path(name));
      add_file(name, is_named);
    }
  }

  void add_glob(const std::string& name) {
    glob_t matches{};
    const std::unique_ptr<glob_t, decltype(&::globfree)> freed(&matches, &::globfree);
    const int status = ::glob(name.c_str(), 0, nullptr, &matches);
    const std::vector<std::string> paths(matches.gl_pathv, matches.gl_pathv + matches.gl_pathc);
    LIOR_CHECK(status == 0 && !paths.empty(), "{}: nothing has such a name", shown_path(name));
    const std::size_t before = found_.size();
    for (const std::string& path : paths) {
      if (fs::exists(path)) add_existing(path, false);  // a link may lead nowhere
    }
    LIOR_CHECK(found_.size() > before || has_repeated_, "{}: no file has such a name{}",
               shown_path(name), what_is_left_out());
  }

  void add_folder(const std::string& folder, bool is_named) {
    std::vector<std::string> paths;
    std::error_code error;
    const fs::path root(folder);
    std::string entered = folder;  // where an error comes from
    fs::recursive_directory_iterator at(root, error), end;
    for (; !error && at != end; at.increment(error)) {
      const bool is_hidden = at->path().filename().string().starts_with('.');
      std::error_code ignored;  // a link that leads nowhere, or round and round
      const bool is_folder = at->is_directory(ignored) && !at->is_symlink(ignored);
      if (is_hidden || (is_folder && is_left_out(at->path().string()))) {
        at.disable_recursion_pending();
      } else if (is_folder) {
        entered = at->path().string();
      }
      if (is_hidden || !at->is_regular_file(ignored)) continue;
      if (fits(at->path().lexically_relative(root))) paths.push_back(at->path().string());
    }
    LIOR_CHECK(!error, "{}: cannot be looked into ({})", shown_path(entered), error.message());
    LIOR_CHECK(!paths.empty() || !is_named, "{}: no file in this folder fits \"{}\"{}",
               shown_path(folder), shown(pattern_), what_is_left_out());
    std::sort(paths.begin(), paths.end());
    for (const std::string& path : paths) add_file(path, false);
  }

  bool is_left_out(const std::string& folder) {
    if (!left_out_ || !left_out_(folder)) return false;
    last_left_out_ = folder;
    return true;
  }
  /// For the message that nothing is left.
  std::string what_is_left_out() const {
    if (last_left_out_.empty()) return "";
    return fmt::format("; {} is left out", shown_path(last_left_out_));
  }

  bool fits(const fs::path& below) const {
    return std::any_of(patterns_.begin(), patterns_.end(), [&](const std::string& pattern) {
      const bool has_folder = pattern.find('/') != std::string::npos;
      const std::string name = has_folder ? below.string() : below.filename().string();
      return ::fnmatch(pattern.c_str(), name.c_str(), FNM_PATHNAME) == 0;
    });
  }

  void add_file(const std::string& path, bool is_named) {
    struct stat status {};
    LIOR_CHECK(::stat(path.c_str(), &status) == 0, "{}: cannot be opened ({})", shown_path(path),
               error_text(errno));
    if (seen_.emplace(status.st_dev, status.st_ino).second) {
      found_.push_back({path, is_named});
    } else {
      has_repeated_ = true;
    }
  }

  std::string pattern_;
  std::vector<std::string> patterns_;
  const LeftOut& left_out_;
  std::string last_left_out_;
  std::vector<FoundFile> found_;
  std::set<std::pair<dev_t, ino_t>> seen_;
  bool has_repeated_ = false;
};

}  // namespace

std::vector<FoundFile> find_files(std::span<const std::string> names, std::string_view pattern,
                                  const std::function<bool(const std::string&)>& left_out) {
  Finder finder(pattern, left_out);
  for (const std::string& name : names) finder.add(name);
  return std::move(finder).found();
}

}  // namespace lior::io
