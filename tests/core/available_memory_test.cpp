// SPDX-License-Identifier: Apache-2.0
#include "lior/core/available_memory.h"

#include <sys/resource.h>

#include "lior/core/control_group.h"
#include "support/temporary_folder.h"

#if defined(__SANITIZE_ADDRESS__)
#define LIOR_UNDER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LIOR_UNDER_ASAN 1
#endif
#endif

namespace lior {
namespace {

TEST(AvailableMemory, IsLessUnderAnAddressSpaceLimit) {
#if defined(LIOR_UNDER_ASAN)
  GTEST_SKIP() << "AddressSanitizer itself maps memory meanwhile, and ends where it cannot";
#endif
  const std::size_t before = available_memory();
  EXPECT_GT(before, std::size_t{1} << 20);

  rlimit unlimited{};
  ASSERT_EQ(getrlimit(RLIMIT_AS, &unlimited), 0);
  rlimit limited = unlimited;
  limited.rlim_cur = 64 << 20;  // less than is mapped already
  ASSERT_EQ(setrlimit(RLIMIT_AS, &limited), 0);
  rlimit in_force{};
  getrlimit(RLIMIT_AS, &in_force);
  const std::size_t under_limit = available_memory();
  setrlimit(RLIMIT_AS, &unlimited);
  if (in_force.rlim_cur != limited.rlim_cur)
    GTEST_SKIP() << "the limit was ignored, as by qemu-user";
  EXPECT_LT(under_limit, std::size_t{64} << 20);
}

TEST(AvailableMemory, IsAShareWhereProcessesShareIt) {
  const std::size_t alone = available_memory();
  share_memory(8);
  const std::size_t of_eight = available_memory();
  share_memory(1);
  EXPECT_LT(of_eight, alone / 4);
  EXPECT_GT(of_eight, alone / 16);
}

/// A folder in place of /sys/fs/cgroup, and a file in place of /proc/self/cgroup.
class ControlGroups : public testing::Test {
 protected:
  void write(const std::string& file, const std::string& text) {
    const std::filesystem::path path = folder_.file(file);
    std::filesystem::create_directories(path.parent_path());
    write_plain(path.string(), text);
  }
  std::optional<std::size_t> left(const std::string& membership) {
    write("membership", membership);
    return left_in_control_groups(folder_.file("membership"), folder_.file("mount"));
  }
  std::optional<double> cores(const std::string& membership) {
    write("membership", membership);
    return cores_in_control_groups(folder_.file("membership"), folder_.file("mount"));
  }

 private:
  TemporaryFolder folder_;
};

TEST_F(ControlGroups, WithoutAnyLimitLeaveNoNumber) {
  EXPECT_EQ(left("0::/\n"), std::nullopt);
  write("mount/memory.max", "max\n");
  EXPECT_EQ(left("0::/\n"), std::nullopt);
  EXPECT_EQ(left("no colons\n0:one\n"), std::nullopt);
}

TEST_F(ControlGroups, OfTheProcessAndThoseAboveItCount) {
  write("mount/a/memory.max", "1000\n");
  write("mount/a/memory.current", "300\n");
  write("mount/a/b/memory.max", "max\n");
  write("mount/a/b/memory.current", "200\n");
  write("mount/other/memory.max", "1\n");
  EXPECT_EQ(left("0::/a/b\n"), 700);
  write("mount/a/b/memory.max", "500\n");
  EXPECT_EQ(left("0::/a/b\n"), 300);
  EXPECT_EQ(left("0::/a\n"), 700);
}

TEST_F(ControlGroups, FilePagesThatCanBeGivenBackAreLeft) {
  write("mount/a/memory.max", "1000\n");
  write("mount/a/memory.current", "900\n");
  write("mount/a/memory.stat", "anon 100\ninactive_file 600\nactive_file 200\n");
  EXPECT_EQ(left("0::/a\n"), 700);
}

TEST_F(ControlGroups, OfTheFirstVersionAreReadToo) {
  write("mount/memory/user/memory.limit_in_bytes", "1000\n");
  write("mount/memory/user/memory.usage_in_bytes", "400\n");
  write("mount/memory/user/memory.stat", "inactive_file 1\ntotal_inactive_file 100\n");
  EXPECT_EQ(left("5:cpu:/\n4:cpuset,memory:/user/session\n0::/\n"), 700);
  EXPECT_EQ(left("5:cpu:/user\n"), std::nullopt);
}

// In a container the file names the host's group, whose folder is mounted as the root.
TEST_F(ControlGroups, ThatAreNotThereLeaveTheRootsLimit) {
  write("mount/memory.max", "1000\n");
  write("mount/memory.current", "1\n");
  EXPECT_EQ(left("0::/kubepods/pod7/container\n"), 999);
}

TEST_F(ControlGroups, UsedPastTheLimitLeaveNothing) {
  write("mount/memory.max", "1000\n");
  write("mount/memory.current", "2000\n");
  EXPECT_EQ(left("0::/\n"), 0);
}

TEST_F(ControlGroups, GrantTheLeastQuotaOfThoseAboveTheProcess) {
  EXPECT_EQ(cores("0::/a/b\n"), std::nullopt);
  write("mount/cpu.max", "max 100000\n");
  EXPECT_EQ(cores("0::/a/b\n"), std::nullopt);
  write("mount/a/cpu.max", "150000 100000\n");
  write("mount/a/b/cpu.max", "400000 100000\n");
  EXPECT_EQ(cores("0::/a/b\n"), 1.5);
  write("mount/a/b/cpu.max", "25000 50000\n");
  EXPECT_EQ(cores("0::/a/b\n"), 0.5);
  EXPECT_EQ(cores("0::/kubepods/pod7\n"), std::nullopt);
}

TEST_F(ControlGroups, OfTheFirstVersionHaveQuotasToo) {
  write("mount/cpu/user/cpu.cfs_quota_us", "250000\n");
  write("mount/cpu/user/cpu.cfs_period_us", "100000\n");
  write("mount/cpu/cpu.cfs_quota_us", "-1\n");
  write("mount/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(cores("5:cpu,cpuacct:/user/session\n0::/\n"), 2.5);
  EXPECT_EQ(cores("5:cpuset:/user\n"), std::nullopt);
}

TEST(BytesText, HasThreeDigitsAndPowersOfAThousand) {
  EXPECT_EQ(bytes_text(512), "512 bytes");
  EXPECT_EQ(bytes_text(3.2e6), "3.2 MB");
  EXPECT_EQ(bytes_text(1.234e13), "12.3 TB");
}

}  // namespace
}  // namespace lior
