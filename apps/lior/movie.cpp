// SPDX-License-Identifier: Apache-2.0
#include "movie.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <vector>

#include "lior/core/error.h"
#include "lior/core/text.h"

namespace lior::app {
namespace {

namespace fs = std::filesystem;

/// Where ffmpeg is; empty: nowhere on the PATH.
std::string find_ffmpeg() {
  const char* const path = std::getenv("PATH");
  std::string_view rest = path != nullptr ? path : "";
  while (!rest.empty()) {
    const std::string_view folder = rest.substr(0, rest.find(':'));
    rest.remove_prefix(std::min(rest.size(), folder.size() + 1));
    std::string program = std::string(folder) + "/ffmpeg";
    if (access(program.c_str(), X_OK) == 0 && fs::is_regular_file(program)) return program;
  }
  return "";
}

/// All that a program writes to its standard error.
std::string read_all(int descriptor) {
  std::string text;
  std::array<char, 4096> block{};
  ssize_t count = 0;
  while ((count = read(descriptor, block.data(), block.size())) != 0) {
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) break;
    text.append(block.data(), static_cast<std::size_t>(count));
  }
  return text;
}

/// Runs a program with our blocked signals let through; its status, and what it said.
std::pair<int, std::string> run_program(const std::vector<std::string>& words) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    throw RunError(fmt::format("{} cannot be started: {}", words[0], std::strerror(errno)));
  }
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, ends[1], STDERR_FILENO);
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  pid_t child = 0;
  const int failed =
      posix_spawn(&child, arguments[0], &files, &attributes, arguments.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  close(ends[1]);
  const std::string said = failed == 0 ? read_all(ends[0]) : std::strerror(failed);
  close(ends[0]);
  int status = -1;
  while (failed == 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  return {status, said};
}

/// The pictures of a folder as ffmpeg names them; its % is a number's.
std::string pattern_of(const std::string& folder) {
  std::string pattern;
  for (const char c : folder) pattern += c == '%' ? "%%" : std::string(1, c);
  return pattern + "/%06d.png";
}

std::string last_line(std::string_view text) {
  while (text.ends_with('\n')) text.remove_suffix(1);
  const std::size_t start = text.rfind('\n');
  return shown(start == text.npos ? text : text.substr(start + 1), 200);
}

}  // namespace

void check_movie(const std::string& file) {
  LIOR_CHECK(!find_ffmpeg().empty(),
             "--movie needs the program ffmpeg, which is not on the PATH; the pictures in frames/ "
             "are there without it");
  const fs::path folder = fs::path(file).parent_path();
  LIOR_CHECK(folder.empty() || fs::is_directory(folder), "--movie {}: the folder {} is missing",
             shown(file), shown(folder.string()));
  LIOR_CHECK(fs::path(file).has_extension() && !fs::is_directory(file),
             "--movie {}: expected a file whose ending says its format, as .mp4, .gif or .webm",
             shown(file));
}

void write_movie(const std::string& folder, Index count, const std::string& file) {
  constexpr Index kSeconds = 10, kSlowest = 5, kFastest = 30;
  const Index rate = std::clamp(count / kSeconds, kSlowest, kFastest);
  // Common formats want even sides.
  const auto [status, said] =
      run_program({find_ffmpeg(), "-nostdin", "-y", "-loglevel", "error", "-framerate",
                   std::to_string(rate), "-i", pattern_of(folder), "-frames:v",
                   std::to_string(count), "-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-pix_fmt",
                   file.ends_with(".gif") ? "rgb8" : "yuv420p", fs::absolute(file).string()});
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  throw RunError(fmt::format("ffmpeg did not make {}: {}", shown(file),
                             said.empty() ? fmt::format("status {}", status) : last_line(said)));
}

}  // namespace lior::app
