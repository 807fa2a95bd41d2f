// What only a directory of a POSIX system can go through. The contract itself is tested by
// posix_mmap_conformance_test, other processes by posix_process_test.

#include "numpack/backends/posix_mmap/posix_mmap_backend.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>  // NOLINT(build/c++17)
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/file.h"
#include "numpack/backends/mapped_region.h"
#include "numpack/backends/posix_mmap/temp_directory.h"
#include "numpack/base/errno_payload.h"

namespace numpack {
namespace {

namespace fs = std::filesystem;

constexpr PosixMmapOptions kMustExist = {/*create_directory=*/false};

class PosixMmapBackendTest : public testing::Test {
 protected:
  static std::shared_ptr<Backend> OpenAt(const std::string& path) {
    absl::StatusOr<std::shared_ptr<Backend>> backend = OpenPosixMmapBackend(path);
    EXPECT_TRUE(backend.ok()) << backend.status();
    return *std::move(backend);
  }

  static absl::Status OpenError(const std::string& path, PosixMmapOptions options = {}) {
    return OpenPosixMmapBackend(path, options).status();
  }

  // Of this process.
  static int OpenDescriptors() {
    int count = 0;
    for (int fd = 0; fd < 1024; ++fd) count += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
    return count;
  }

  const TempDirectory temp_;
};

TEST_F(PosixMmapBackendTest, MissingDirectoryIsNotFoundUnlessItMayBeMade) {
  const absl::Status status = OpenError(temp_ / "new", kMustExist);
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(GetErrno(status), ENOENT);
  EXPECT_TRUE(absl::StrContains(status.message(), temp_ / "new")) << status;
  EXPECT_FALSE(fs::exists(temp_ / "new"));
}

TEST_F(PosixMmapBackendTest, MakesTheDirectoryAndItsParents) {
  for (const char* name : {"one", "two/", "a/b//c/../d/", "./e/f///"}) {
    EXPECT_TRUE(OpenAt(temp_ / name)->CheckPresent().ok()) << name;
    EXPECT_TRUE(OpenError(temp_ / name, kMustExist).ok()) << name;
  }
}

TEST_F(PosixMmapBackendTest, PathThatIsNoDirectoryIsRefused) {
  std::ofstream(temp_ / "file") << "x";
  EXPECT_EQ(OpenError(temp_ / "file").code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(OpenError(temp_ / "file/below").code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(OpenError("").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(OpenError(std::string("a\0b", 3)).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(OpenError(temp_ / std::string(5000, 'x')).code(), absl::StatusCode::kInternal);
  fs::create_symlink(temp_ / "nowhere", temp_ / "dangling");
  EXPECT_EQ(OpenError(temp_ / "dangling").code(), absl::StatusCode::kNotFound);
}

TEST_F(PosixMmapBackendTest, NoticesThatTheDirectoryIsGone) {
  const std::shared_ptr<Backend> backend = OpenAt(temp_ / "store");
  fs::remove_all(temp_ / "store");
  EXPECT_EQ(backend->CheckPresent().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(backend->Open("a", OpenMode::kCreate).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(backend->List().status().code(), absl::StatusCode::kNotFound);
  OpenAt(temp_ / "store");  // a new one under the same path is another directory
  EXPECT_EQ(backend->CheckPresent().code(), absl::StatusCode::kNotFound);
}

TEST_F(PosixMmapBackendTest, RenamingTheDirectoryIsHarmless) {
  const std::shared_ptr<Backend> backend = OpenAt(temp_ / "before");
  fs::rename(temp_ / "before", temp_ / "after");
  EXPECT_TRUE(backend->CheckPresent().ok());
  ASSERT_TRUE(backend->Open("a", OpenMode::kCreate).ok());
  EXPECT_TRUE(fs::exists(temp_ / "after/a"));
}

TEST_F(PosixMmapBackendTest, OnePathMayBeWrittenInManyWays) {
  fs::create_directory_symlink(temp_ / "store", temp_ / "link");
  const std::string identity = OpenAt(temp_ / "store")->Identity();
  const std::shared_ptr<Backend> held = OpenAt(temp_ / "store");
  EXPECT_EQ(OpenAt(temp_ / "link")->Identity(), identity);
  EXPECT_EQ(OpenAt(temp_ / "./store/../store/")->Identity(), identity);
  EXPECT_NE(OpenAt(temp_ / "other")->Identity(), identity);
}

TEST_F(PosixMmapBackendTest, OnlyPlainFilesOpenAndAreListed) {
  const std::shared_ptr<Backend> backend = OpenAt(temp_.path());
  fs::create_directory(temp_ / "directory");
  fs::create_symlink(temp_ / "directory", temp_ / "link");
  ASSERT_EQ(mkfifo((temp_ / "pipe").c_str(), 0600), 0);
  ASSERT_TRUE(backend->Open("plain", OpenMode::kCreate).ok());
  EXPECT_EQ(*backend->List(), std::vector<std::string>{"plain"});
  for (const char* name :
       {"directory", "pipe"}) {  // opening a pipe must not wait for its other end
    for (const OpenMode mode : {OpenMode::kReadOnly, OpenMode::kReadWrite}) {
      EXPECT_EQ(backend->Open(name, mode).status().code(), absl::StatusCode::kFailedPrecondition)
          << name;
    }
  }
}

// A directory that came as an archive may hold links to anywhere.
TEST_F(PosixMmapBackendTest, ForeignNamesFollowNoLinks) {
  const std::shared_ptr<Backend> backend = OpenAt(temp_ / "store");
  fs::create_directory(temp_ / "outside");
  std::ofstream(temp_ / "outside/secret") << "secret";
  fs::create_symlink(temp_ / "outside/secret", temp_ / "store/data_file.npkd");
  fs::create_symlink(temp_ / "outside", temp_ / "store/folder");
  fs::create_directory(temp_ / "store/directory");
  for (const char* name : {"data_file.npkd", "folder/secret", "directory", "folder"}) {
    for (const OpenMode mode : {OpenMode::kReadOnly, OpenMode::kReadWrite}) {
      EXPECT_EQ(backend->OpenForeign(name, mode).status().code(),
                absl::StatusCode::kFailedPrecondition)
          << name;
    }
  }
  EXPECT_EQ(backend->Rename("folder/secret", "mine").code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(fs::exists(temp_ / "outside/secret"));
}

TEST_F(PosixMmapBackendTest, ErrorsCarryErrno) {
  const std::shared_ptr<Backend> backend = OpenAt(temp_.path());
  EXPECT_EQ(GetErrno(backend->Open("a", OpenMode::kReadOnly).status()), ENOENT);
  ASSERT_TRUE(backend->Open("a", OpenMode::kCreateNew).ok());
  EXPECT_EQ(GetErrno(backend->Open("a", OpenMode::kCreateNew).status()), EEXIST);
  EXPECT_EQ(GetErrno(backend->Remove("b")), ENOENT);
}

TEST_F(PosixMmapBackendTest, KeepsNoDescriptors) {
  const int before = OpenDescriptors();
  {
    const std::shared_ptr<Backend> backend = OpenAt(temp_ / "new/store");
    EXPECT_EQ(OpenDescriptors(), before + 1);
    ASSERT_TRUE(backend->List().ok());
    auto file = backend->Open("a", OpenMode::kCreate);
    ASSERT_TRUE(file.ok() && (*file)->Reserve(10).ok());
    const auto first = (*file)->Map(0, 5, MapMode::kReadOnly);
    const auto second = (*file)->Map(5, 5, MapMode::kReadOnly);
    EXPECT_FALSE(backend->Open("missing", OpenMode::kReadOnly).ok());
    EXPECT_EQ(OpenDescriptors(), before + 2) << "one for the directory, one for the file";
  }
  EXPECT_EQ(OpenDescriptors(), before);
}

TEST_F(PosixMmapBackendTest, DescriptorsDoNotPassToOtherPrograms) {
  std::vector<bool> before(1024);
  for (int fd = 0; fd < 1024; ++fd) before[fd] = fcntl(fd, F_GETFD) >= 0;
  const std::shared_ptr<Backend> backend = OpenAt(temp_.path());
  const auto file = backend->Open("a", OpenMode::kCreate);
  for (int fd = 0; fd < 1024; ++fd) {
    const int flags = fcntl(fd, F_GETFD);
    EXPECT_TRUE(flags < 0 || before[fd] || (flags & FD_CLOEXEC) != 0) << fd;
  }
}

TEST_F(PosixMmapBackendTest, RunningOutOfDescriptorsIsAnError) {
  const std::shared_ptr<Backend> backend = OpenAt(temp_.path());
  rlimit normal;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &normal), 0);
  rlimit tight = normal;
  tight.rlim_cur = 3;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &tight), 0);
  const absl::Status open = backend->Open("a", OpenMode::kCreate).status();
  const absl::Status list = backend->List().status();
  const absl::Status again = OpenError(temp_.path());
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &normal), 0);
  for (const absl::Status& status : {open, list, again}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
    EXPECT_EQ(GetErrno(status), EMFILE);
  }
}

TEST_F(PosixMmapBackendTest, ManyFilesComeAndGo) {
  const std::shared_ptr<Backend> backend = OpenAt(temp_.path());
  const auto kept = backend->Open("kept", OpenMode::kCreate);
  ASSERT_TRUE(kept.ok() && (*kept)->Reserve(10).ok());
  const auto region = (*kept)->Map(0, 10, MapMode::kReadOnly);
  for (int i = 0; i < 300; ++i) {  // more than the table of known files holds without tidying up
    ASSERT_TRUE(backend->Open(std::to_string(i), OpenMode::kCreate).ok());
  }
  const auto other_open = backend->Open("kept", OpenMode::kReadWrite);
  EXPECT_EQ((*other_open)->Truncate(0).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(PosixMmapBackendTest, BootIdIsKnownHere) {
#if defined(__linux__) || defined(__APPLE__)
  EXPECT_EQ(OpenAt(temp_.path())->BootId().size(), 36u);
#endif
}

}  // namespace
}  // namespace numpack
