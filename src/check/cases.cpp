// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <filesystem>
#include <memory>

#include "lior/check/verify.h"
#include "lior/io/safetensors.h"

namespace lior::check {
namespace {

namespace fs = std::filesystem;

/// The case files of a folder, by name.
std::vector<fs::path> case_files(const std::string& folder) {
  LIOR_CHECK(fs::is_directory(folder),
             "cases folder {} does not exist; give a folder of .safetensors files", folder);
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".safetensors") files.push_back(entry.path());
  }
  LIOR_CHECK(!files.empty(),
             "cases folder {} holds no .safetensors file; give one that holds recorded cases",
             folder);
  std::sort(files.begin(), files.end());
  return files;
}

/// A check of a file that fails and says why.
Check unusable(const fs::path& file, const std::string& why) {
  return {.name = "cases." + file.stem().string() + ".file",
          .module = "check",
          .dtype = "-",
          .shape = file.filename().string(),
          .tolerance = 0,
          .error = [why]() -> double { throw Error(why); }};
}

std::vector<Check> read_cases(const Cases& cases, const fs::path& file) {
  try {
    std::vector<Check> checks =
        cases(std::make_shared<const io::SafeTensors>(io::SafeTensors::open(file.string())));
    if (checks.empty()) return {unusable(file, "the file holds no case")};
    return checks;
  } catch (const std::exception& exception) {
    return {unusable(file, exception.what())};
  }
}

}  // namespace

LoadedCases load_cases(const Registry& registry, const std::string& folder) {
  LoadedCases loaded;
  for (const fs::path& file : case_files(folder)) {
    const auto known = std::find_if(registry.cases.begin(), registry.cases.end(),
                                    [&](const auto& entry) { return entry.first == file.stem(); });
    if (known == registry.cases.end()) {
      loaded.not_covered.push_back(file.filename().string());
      continue;
    }
    std::vector<Check> checks = read_cases(known->second, file);
    std::move(checks.begin(), checks.end(), std::back_inserter(loaded.checks));
  }
  return loaded;
}

}  // namespace lior::check
