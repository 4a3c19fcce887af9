// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The files that a user names: files, folders, and patterns of a shell.

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lior::io {

struct FoundFile {
  std::string path;
  bool is_named = false;  ///< by its own name, and not found in a folder or by a pattern
};

/// The files of each name, in order: a file is itself; of a folder, all files in it and in its
/// folders whose names fit `pattern`, by their paths' bytes; a name that is no file and has one of
/// * ? [ is a pattern of paths. Not walked into and left out: names that begin with a dot, links to
/// folders (so a loop of links ends), and whatever is neither file nor link to a file. A file
/// comes once, however many names lead to it.
///
/// left_out(path): whether a folder that is found, and is not a name itself, is left out with all
/// that is in it. It is asked once for each such folder; empty: none is.
///
/// pattern: "*.txt", or several between commas; with a slash in it, of the path below the folder.
///
/// Throws lior::Error that names what is not there, is no file, cannot be looked into, or gives no
/// file.
std::vector<FoundFile> find_files(std::span<const std::string> names, std::string_view pattern,
                                  const std::function<bool(const std::string&)>& left_out = {});

}  // namespace lior::io
