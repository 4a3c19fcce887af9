#include "lior/core/memory.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace lior {
namespace {

TEST(Memory, AvailableIsLessUnderALimit) {
  const std::size_t before = available_memory();
  EXPECT_GT(before, std::size_t{1} << 20);

  rlimit unlimited{};
  ASSERT_EQ(getrlimit(RLIMIT_AS, &unlimited), 0);
  rlimit limited = unlimited;
  limited.rlim_cur = 64 << 20;  // less than is mapped already
  ASSERT_EQ(setrlimit(RLIMIT_AS, &limited), 0);
  const std::size_t under_limit = available_memory();
  setrlimit(RLIMIT_AS, &unlimited);
  EXPECT_LT(under_limit, std::size_t{64} << 20);
}

TEST(Memory, Text) {
  EXPECT_EQ(bytes_text(512), "512 bytes");
  EXPECT_EQ(bytes_text(3.2e6), "3.2 MB");
  EXPECT_EQ(bytes_text(1.234e13), "12.3 TB");
}

}  // namespace
}  // namespace lior
