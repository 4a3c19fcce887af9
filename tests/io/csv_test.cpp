// SPDX-License-Identifier: Apache-2.0
#include "lior/io/csv.h"

#include <gtest/gtest.h>

#include "support/error_of.h"
#include "support/temporary_folder.h"

namespace lior::io {
namespace {

class Csvs : public testing::Test {
 protected:
  Table read(std::string_view text) {
    write_plain(path_, text);
    return read_csv(path_);
  }
  /// The message without the folder.
  std::string error(std::string_view text) {
    const std::string message = error_of([&] { read(text); });
    return message.starts_with(path_) ? message.substr(path_.size()) : message;
  }
  TemporaryFolder folder_;
  std::string path_ = folder_.file("table.csv");
};

TEST_F(Csvs, NamesAndRowsAreRead) {
  const Table table = read("# starts\n r , \"phi\"\r\n1, -2.5e-1\r\n\n3,4");
  EXPECT_EQ(table.columns, (std::vector<std::string>{"r", "phi"}));
  EXPECT_EQ(table.numbers, (std::vector<double>{1, -0.25, 3, 4}));
  EXPECT_EQ(table.rows(), 2);
  EXPECT_EQ(read("r\n").rows(), 0);
  EXPECT_EQ(read("\xef\xbb\xbfr\n1\n").columns, std::vector<std::string>{"r"});
}

TEST_F(Csvs, CellsAreReadAsTheCallerSays) {
  const Cells lengths{[](std::string_view cell) -> std::optional<double> {
                        if (cell.empty()) return {};
                        return static_cast<double>(cell.size());
                      },
                      "a word"};
  write_plain(path_, "a,b\none, three \n");
  EXPECT_EQ(read_csv(path_, lengths).numbers, (std::vector<double>{3, 5}));
  write_plain(path_, "a,b\none,\n");
  const std::string message = error_of([&] { read_csv(path_, lengths); });
  EXPECT_NE(message.find(":2: 'b' is ''; expected a word"), std::string::npos) << message;
}

TEST_F(Csvs, WhatIsNoTableIsRefusedWithItsLine) {
  EXPECT_EQ(error(""), ": is empty; expected a line of names, then numbers");
  EXPECT_EQ(error("r,phi\n1,2\n3\n"), ":3: has 1 cells; expected 2, as many as names");
  EXPECT_EQ(error("r,phi\n1,x\n"), ":2: 'phi' is 'x'; expected a finite number");
  EXPECT_EQ(error("r\nnan\n"), ":2: 'r' is 'nan'; expected a finite number");
  EXPECT_EQ(error("r\n1 2\n"), ":2: 'r' is '1 2'; expected a finite number");
  EXPECT_EQ(error("r,r\n"), ":1: two columns are named 'r'");
  EXPECT_EQ(error("r,,z\n"), ":1: a column has no name");
}

}  // namespace
}  // namespace lior::io
