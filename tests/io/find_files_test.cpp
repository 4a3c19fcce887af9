// SPDX-License-Identifier: Apache-2.0
#include "lior/io/find_files.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>

#include "lior/core/error.h"

namespace lior::io {
namespace {

namespace fs = std::filesystem;

class FindFiles : public testing::Test {
 public:
  ~FindFiles() override { fs::remove_all(folder_); }

 protected:
  FindFiles() {
    for (const char* name : {"b.txt", "a.txt", "c.md", "sub/d.txt", ".hidden.txt", ".git/e.txt"}) {
      fs::create_directories((folder_ / name).parent_path());
      std::ofstream(folder_ / name) << name;
    }
  }

  /// Below the folder, in one line.
  std::string found(std::vector<std::string> names, std::string_view pattern = "*") const {
    for (std::string& name : names) name = (folder_ / name).string();
    std::string line;
    for (const FoundFile& file : find_files(names, pattern)) {
      line += (line.empty() ? "" : " ") +
              fs::path(file.path).lexically_normal().lexically_relative(folder_).string();
    }
    return line;
  }
  std::string error(const std::string& name, std::string_view pattern = "*") const {
    try {
      return found({name}, pattern);
    } catch (const Error& error) {
      const std::string text = error.what();
      return text.substr(text.find(": ") + 2);
    }
  }

  fs::path folder_ = fs::temp_directory_path() / fmt::format("lior-find-{}", ::getpid());
};

TEST_F(FindFiles, InAFolderThatFitAPatternByTheirPaths) {
  EXPECT_EQ(found({"."}), "a.txt b.txt c.md sub/d.txt");
  EXPECT_EQ(found({"."}, "*.txt"), "a.txt b.txt sub/d.txt");
  EXPECT_EQ(found({"."}, "*.md,d*"), "c.md sub/d.txt");
  EXPECT_EQ(found({"."}, "sub/*"), "sub/d.txt");
}

TEST_F(FindFiles, OfNamesInTheirOrderAndOnce) {
  EXPECT_EQ(found({"c.md", "a.txt", "."}, "*.txt"), "c.md a.txt b.txt sub/d.txt");
  fs::create_symlink("a.txt", folder_ / "z.txt");
  EXPECT_EQ(found({"z.txt", "."}, "[az].txt"), "z.txt");
}

TEST_F(FindFiles, FoldersAreLeftOutWhereTheyAreNotNamed) {
  const auto is_sub = [](const std::string& folder) {
    return fs::path(folder).filename() == "sub";
  };
  const auto found = [&](const std::string& name) {
    const std::string path = (folder_ / name).string();
    return find_files(std::array{path}, "*", is_sub).size();
  };
  EXPECT_EQ(found("."), 3);
  fs::create_directory(folder_ / "empty");  // is no fault of a pattern's that others fit
  EXPECT_EQ(found("*"), 3);
  EXPECT_EQ(found("sub"), 1);  // by its own name
  EXPECT_EQ(found("sub/d.txt"), 1);
  try {
    found("s*");
    FAIL();
  } catch (const Error& error) {
    const std::string text = error.what();
    EXPECT_EQ(text.substr(text.find(": ")),
              fmt::format(": no file has such a name; {} is left out", (folder_ / "sub").string()));
  }
}

TEST_F(FindFiles, ByAPatternOfPaths) {
  EXPECT_EQ(found({"*.txt"}), "a.txt b.txt");
  EXPECT_EQ(found({"s*"}), "sub/d.txt");
  std::ofstream(folder_ / "[1].txt") << "a name that looks like a pattern";
  EXPECT_EQ(found({"[1].txt"}), "[1].txt");
}

TEST_F(FindFiles, LinksThatLeadRoundEndTheWalk) {
  fs::create_symlink(".", folder_ / "sub" / "loop");
  fs::create_symlink("y", folder_ / "x");
  fs::create_symlink("x", folder_ / "y");
  EXPECT_EQ(found({"."}, "*"), "a.txt b.txt c.md sub/d.txt");
  EXPECT_EQ(error("x"),
            "cannot be opened (Too many levels of symbolic links); give the path of a readable "
            "file");
}

TEST_F(FindFiles, WhatIsNotThereIsNamed) {
  EXPECT_EQ(error(".", "*.tex"), "no file in this folder fits \"*.tex\"");
  EXPECT_EQ(error("*.tex"), "nothing has such a name");
  EXPECT_EQ(error("none"),
            "cannot be opened (No such file or directory); give the path of a readable file");
  EXPECT_THROW(found({"."}, ""), Error);
  EXPECT_THROW(find_files(std::vector<std::string>{"/dev/null"}, "*"), Error);
}

}  // namespace
}  // namespace lior::io
