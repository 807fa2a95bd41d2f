#include "numpack/backends/posix_mmap/posix_system.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "numpack/backends/posix_mmap/posix_descriptor.h"
#include "numpack/backends/posix_mmap/posix_error.h"
#include "numpack/backends/posix_mmap/temp_directory.h"
#include "numpack/base/errno_payload.h"

namespace numpack {
namespace {

TEST(PosixErrorTest, OneTable) {
  const struct {
    int error;
    absl::StatusCode code;
  } kTable[] = {
      {ENOENT, absl::StatusCode::kNotFound},
      {EEXIST, absl::StatusCode::kAlreadyExists},
      {ENOSPC, absl::StatusCode::kResourceExhausted},
      {EDQUOT, absl::StatusCode::kResourceExhausted},
      {EFBIG, absl::StatusCode::kResourceExhausted},
      {EMFILE, absl::StatusCode::kResourceExhausted},
      {ENFILE, absl::StatusCode::kResourceExhausted},
      {ENOMEM, absl::StatusCode::kResourceExhausted},
      {EACCES, absl::StatusCode::kPermissionDenied},
      {EPERM, absl::StatusCode::kPermissionDenied},
      {EROFS, absl::StatusCode::kPermissionDenied},
      {ENOTDIR, absl::StatusCode::kFailedPrecondition},
      {EISDIR, absl::StatusCode::kFailedPrecondition},
      {ELOOP, absl::StatusCode::kFailedPrecondition},
      {EIO, absl::StatusCode::kDataLoss},
      {EBADF, absl::StatusCode::kInternal},
  };
  for (const auto& [error, code] : kTable) {
    const absl::Status status = ErrnoToStatus(error, "cannot do", "it");
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_EQ(GetErrno(status), error);
    EXPECT_TRUE(absl::StartsWith(status.message(), "cannot do it: ")) << status;
  }
}

TEST(RetryOnSignalTest, RepeatsOnlyInterruptedCalls) {
  int calls = 0;
  const auto interrupted_twice = [&] {
    errno = EINTR;
    return ++calls < 3 ? -1 : 5;
  };
  EXPECT_EQ(RetryOnSignal(interrupted_twice), 5);
  EXPECT_EQ(calls, 3);
  const auto fails = [&] {
    ++calls;
    errno = EIO;
    return -1;
  };
  EXPECT_EQ(RetryOnSignal(fails), -1);
  EXPECT_EQ(calls, 4);
}

class PosixSystemTest : public testing::Test {
 protected:
  struct stat Stat() const {
    struct stat info;
    EXPECT_EQ(fstat(file_.get(), &info), 0);
    return info;
  }

  const TempDirectory temp_;
  const Descriptor file_{open((temp_ / "a").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
};

// What Reserve falls back to; no file system at hand needs it, so it is called here.
TEST_F(PosixSystemTest, GrowsWithBlocksWhereTheSystemCannotAllocate) {
  constexpr uint64_t kSize = 300'001;
  ASSERT_EQ(pwrite(file_.get(), "text", 4, 0), 4);
  ASSERT_EQ(GrowWithBlocks(file_.get(), kSize), 0);
  EXPECT_EQ(Stat().st_size, static_cast<off_t>(kSize));
  EXPECT_GE(static_cast<uint64_t>(Stat().st_blocks) * 512, kSize);
  std::string contents(kSize, '?');
  ASSERT_EQ(pread(file_.get(), &contents[0], kSize, 0), static_cast<ssize_t>(kSize));
  EXPECT_EQ(contents, "text" + std::string(kSize - 4, '\0'));
  ASSERT_EQ(GrowWithBlocks(file_.get(), 10), 0);
  EXPECT_EQ(Stat().st_size, static_cast<off_t>(kSize)) << "never shrinks";
}

TEST_F(PosixSystemTest, AllocatesBlocks) {
  const int error = AllocateBlocks(file_.get(), 300'001);
  if (error == EOPNOTSUPP) GTEST_SKIP() << "not on this system or file system";
  ASSERT_EQ(error, 0);
  EXPECT_EQ(Stat().st_size, 300'001);
  EXPECT_GE(Stat().st_blocks * 512, 300'001);
}

TEST_F(PosixSystemTest, SyncsFilesAndDirectories) {
  EXPECT_EQ(SyncContents(file_.get()), 0);
  const Descriptor directory(open(temp_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  EXPECT_EQ(SyncEntries(directory.get()), 0);
  EXPECT_EQ(SyncContents(-1), EBADF);
}

// /dev/shm and the like; no network file system is at hand in a test.
TEST_F(PosixSystemTest, WhatCannotBeAskedIsNotLocal) {
  EXPECT_FALSE(IsOnLocalFileSystem(-1));
  const Descriptor memory(open("/dev/shm", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (memory.get() < 0) GTEST_SKIP() << "no /dev/shm";
  EXPECT_TRUE(IsOnLocalFileSystem(memory.get()));
}

TEST(PageSizeTest, IsAPowerOfTwo) {
  EXPECT_GE(PageSize(), 4096u);
  EXPECT_EQ(PageSize() & (PageSize() - 1), 0u);
}

}  // namespace
}  // namespace numpack
