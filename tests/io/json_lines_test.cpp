// SPDX-License-Identifier: Apache-2.0
#include "lior/io/json_lines.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

#include "support/error_of.h"
#include "support/small_disk.h"
#include "support/temporary_folder.h"

namespace lior::io {
namespace {

using nlohmann::json;

std::vector<json> lines(const std::string& path) {
  std::vector<json> objects;
  std::istringstream text(read_plain(path));
  for (std::string line; std::getline(text, line);) objects.push_back(json::parse(line));
  return objects;
}

TEST(JsonLines, WritesFieldsInTheirOrder) {
  const TemporaryFolder folder;
  const auto path = folder.file("m.jsonl");
  JsonLines file(path);
  file.append({{"step", Index{3}}, {"loss", 0.5}, {"done", true}, {"note", "a \"b\"\n\x01"}});
  file.append({});
  EXPECT_EQ(
      read_plain(path),
      "{\"step\": 3, \"loss\": 0.5, \"done\": true, \"note\": \"a \\\"b\\\"\\u000a\\u0001\"}\n"
      "{}\n");
}

TEST(JsonLines, NumbersComeBackExactlyAndOthersAsNull) {
  const TemporaryFolder folder;
  const auto path = folder.file("m.jsonl");
  using Limits = std::numeric_limits<double>;
  const double numbers[] = {0.1, -1.0 / 3, 1e300, Limits::denorm_min(), Limits::max(), 2};
  JsonLines file(path);
  for (const double x : numbers) file.append({{"x", x}});
  for (const double x : {double(NAN), Limits::infinity()}) file.append({{"x", x}});
  file.append({{"x", std::numeric_limits<Index>::min()}});
  const auto read = lines(path);
  for (std::size_t i = 0; i < std::size(numbers); ++i) EXPECT_EQ(read[i]["x"], numbers[i]);
  EXPECT_TRUE(read[6]["x"].is_null());
  EXPECT_TRUE(read[7]["x"].is_null());
  EXPECT_EQ(read[8]["x"], std::numeric_limits<Index>::min());
}

TEST(JsonLines, TextThatIsNotUtf8IsReplaced) {
  const TemporaryFolder folder;
  const auto path = folder.file("m.jsonl");
  JsonLines(path).append({{"text", "\xc3\xa9 \xff \xe2\x82"}});
  EXPECT_EQ(lines(path)[0]["text"], "\xc3\xa9 \xef\xbf\xbd \xef\xbf\xbd\xef\xbf\xbd");
}

TEST(JsonLines, ReopeningCutsATornLastLineAndAppends) {
  const TemporaryFolder folder;
  const auto path = folder.file("m.jsonl");
  JsonLines(path).append({{"step", Index{1}}});
  write_plain(path, read_plain(path) + "{\"step\": 2, \"lo");
  JsonLines(path).append({{"step", Index{3}}});
  EXPECT_EQ(read_plain(path), "{\"step\": 1}\n{\"step\": 3}\n");
  write_plain(path, "{\"st");
  JsonLines(path).append({{"step", Index{4}}});
  EXPECT_EQ(read_plain(path), "{\"step\": 4}\n");
}

TEST(JsonLines, AFullDiskIsARunErrorAndLeavesWholeLines) {
  const TemporaryFolder folder;
  const auto path = folder.file("m.jsonl");
  JsonLines file(path);
  file.append({{"step", Index{1}}});
  {
    const SmallDisk disk(20);
    EXPECT_THROW(file.append({{"step", Index{2}}}), RunError);
  }
  file.append({{"step", Index{3}}});
  EXPECT_EQ(read_plain(path), "{\"step\": 1}\n{\"step\": 3}\n");
}

TEST(JsonLines, NamesAPathThatCannotBeWritten) {
  const TemporaryFolder folder;
  const auto path = folder.file("missing/m.jsonl");
  EXPECT_EQ(error_of([&] { JsonLines file(path); }),
            path +
                ": cannot be written (No such file or directory); give a path in an existing "
                "folder that you may write to");
}

}  // namespace
}  // namespace lior::io
