// Several processes over one directory: locks, mappings, permissions, limits.

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/file.h"
#include "numpack/backends/mapped_region.h"
#include "numpack/backends/posix_mmap/posix_mmap_backend.h"
#include "numpack/backends/posix_mmap/temp_directory.h"
#include "numpack/base/errno_payload.h"

namespace numpack {
namespace {

// What a child process ends with: 0, or the number of the check that failed.
using Verdict = int;
constexpr Verdict kSkipped = 77;

// A forked child, and a way for it to say that it has got somewhere. Ends with this object.
class Child {
 public:
  // `body` runs in the child. It may call `ready`, and must not use gtest.
  explicit Child(const std::function<Verdict(const std::function<void()>& ready)>& body) {
    EXPECT_EQ(pipe(pipe_), 0);
    pid_ = fork();
    if (pid_ != 0) return;
    const Verdict verdict = body([this] { (void)!write(pipe_[1], "!", 1); });
    _exit(verdict);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    Kill();
    close(pipe_[0]);
    close(pipe_[1]);
  }

  void AwaitReady() {
    char byte;
    EXPECT_EQ(read(pipe_[0], &byte, 1), 1);
  }

  // The body's verdict; -1 when a signal ended it.
  int Wait() {
    int status = -1;
    EXPECT_EQ(waitpid(pid_, &status, 0), pid_);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  void Kill() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    Wait();
  }

 private:
  int pipe_[2] = {-1, -1};
  pid_t pid_ = -1;
};

class PosixProcessTest : public testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<std::shared_ptr<Backend>> backend = OpenPosixMmapBackend(temp_.path());
    ASSERT_TRUE(backend.ok()) << backend.status();
    backend_ = *std::move(backend);
  }

  std::unique_ptr<File> OpenFile(absl::string_view name, OpenMode mode = OpenMode::kCreate) {
    absl::StatusOr<std::unique_ptr<File>> file = backend_->Open(name, mode);
    EXPECT_TRUE(file.ok()) << file.status();
    return *std::move(file);
  }

  static absl::StatusCode TryLock(File& file, LockKind kind = LockKind::kExclusive,
                                  absl::Duration max_wait = absl::ZeroDuration()) {
    return file.Lock(0, 1, kind, max_wait).code();
  }

  const TempDirectory temp_;
  std::shared_ptr<Backend> backend_;
};

// Sanitizers have more memory of their own than any limit.
#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
// The system would let a mapping become private beyond the limit, and refuse each byte afterwards.
TEST_F(PosixProcessTest, NothingIsMadePrivateBeyondTheDataLimit) {
  constexpr uint64_t kBytes = uint64_t{256} << 20;
  const std::unique_ptr<File> file = OpenFile("a");
  ASSERT_TRUE(file->Reserve(kBytes).ok());
  Child child([&](const std::function<void()>&) -> Verdict {
    absl::StatusOr<MappedRegion> region = file->Map(0, kBytes, MapMode::kReadWrite);
    if (!region.ok()) return 1;
    region->data()[0] = std::byte{7};
    rlimit limit = {kBytes / 2, kBytes / 2};
    if (setrlimit(RLIMIT_DATA, &limit) != 0) return kSkipped;
    // QEMU says yes and does nothing.
    if (getrlimit(RLIMIT_DATA, &limit) != 0 || limit.rlim_cur != kBytes / 2) return kSkipped;
    if (!absl::IsResourceExhausted(region->MakePrivate())) return 2;
    if (region->data()[0] != std::byte{7}) return 3;
    return std::make_unique<std::vector<char>>(size_t{1} << 20)->size() == (size_t{1} << 20) ? 0
                                                                                             : 4;
  });
  const int verdict = child.Wait();
  if (verdict == kSkipped) GTEST_SKIP() << "limits cannot be set here";
  EXPECT_EQ(verdict, 0);
}
#endif

TEST_F(PosixProcessTest, DeadProcessLosesItsLock) {
  const std::unique_ptr<File> file = OpenFile("a");
  Child holder([&](const std::function<void()>& ready) -> Verdict {
    const std::unique_ptr<File> own = OpenFile("a");
    if (TryLock(*own) != absl::StatusCode::kOk) return 1;
    ready();
    for (;;) pause();
  });
  holder.AwaitReady();
  EXPECT_EQ(TryLock(*file), absl::StatusCode::kUnavailable);
  EXPECT_EQ(TryLock(*file, LockKind::kShared, absl::Milliseconds(20)),
            absl::StatusCode::kUnavailable);
  holder.Kill();
  EXPECT_EQ(TryLock(*file), absl::StatusCode::kOk);
}

TEST_F(PosixProcessTest, ProcessesShareSharedLocks) {
  const std::unique_ptr<File> file = OpenFile("a");
  ASSERT_EQ(TryLock(*file, LockKind::kShared), absl::StatusCode::kOk);
  Child other([&](const std::function<void()>&) -> Verdict {
    const std::unique_ptr<File> own = OpenFile("a", OpenMode::kReadWrite);
    if (TryLock(*own) != absl::StatusCode::kUnavailable) return 1;
    return TryLock(*own, LockKind::kShared) == absl::StatusCode::kOk ? 0 : 2;
  });
  EXPECT_EQ(other.Wait(), 0);
}

// A forked child inherits the open file, and with it the lock. Tidying up in it must not release
// the parent's.
TEST_F(PosixProcessTest, ForkedChildLeavesTheParentsLockAlone) {
  std::unique_ptr<File> file = OpenFile("a");
  const std::unique_ptr<File> rival = OpenFile("a");
  ASSERT_EQ(TryLock(*file), absl::StatusCode::kOk);
  Child child([&](const std::function<void()>&) -> Verdict {
    file.reset();
    return 0;
  });
  EXPECT_EQ(child.Wait(), 0);
  EXPECT_EQ(TryLock(*rival), absl::StatusCode::kUnavailable);
}

TEST_F(PosixProcessTest, ParentReleasesItsLockAlthoughAForkedChildLives) {
  std::unique_ptr<File> file = OpenFile("a");
  const std::unique_ptr<File> rival = OpenFile("a");
  ASSERT_EQ(TryLock(*file), absl::StatusCode::kOk);
  Child child([&](const std::function<void()>& ready) -> Verdict {
    ready();
    for (;;) pause();
  });
  child.AwaitReady();
  file.reset();
  EXPECT_EQ(TryLock(*rival), absl::StatusCode::kOk);
}

TEST_F(PosixProcessTest, MappingsAreShared) {
  const std::unique_ptr<File> file = OpenFile("a");
  ASSERT_TRUE(file->Reserve(100'000).ok());
  const absl::StatusOr<MappedRegion> region = file->Map(0, 100'000, MapMode::kReadOnly);
  ASSERT_TRUE(region.ok());
  Child writer([&](const std::function<void()>&) -> Verdict {
    const auto own = OpenFile("a", OpenMode::kReadWrite)->Map(70'001, 1, MapMode::kReadWrite);
    if (!own.ok()) return 1;
    own->data()[0] = std::byte{42};
    return 0;
  });
  EXPECT_EQ(writer.Wait(), 0);
  EXPECT_EQ(region->data()[70'001], std::byte{42});
}

TEST_F(PosixProcessTest, ReadOnlyDirectoryIsReadable) {
  const std::unique_ptr<File> file = OpenFile("a");
  ASSERT_TRUE(file->WriteAt(0, std::vector<std::byte>(10)).ok());
  ASSERT_EQ(chmod((temp_ / "a").c_str(), 0444), 0);
  ASSERT_EQ(chmod(temp_.path().c_str(), 0555), 0);
  Child reader([&](const std::function<void()>&) -> Verdict {
    // Root may do everything, so go on as nobody.
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) return kSkipped;
    const auto denied = [&](absl::string_view name, OpenMode mode) {
      const absl::Status status = backend_->Open(name, mode).status();
      return status.code() == absl::StatusCode::kPermissionDenied && GetErrno(status) == EACCES;
    };
    if (!denied("a", OpenMode::kReadWrite)) return 1;
    if (!denied("b", OpenMode::kCreate)) return 2;
    if (backend_->Remove("a").code() != absl::StatusCode::kPermissionDenied) return 3;
    if (!backend_->List().ok()) return 4;
    const auto own = backend_->Open("a", OpenMode::kReadOnly);
    if (!own.ok() || !(*own)->Map(0, 10, MapMode::kReadOnly).ok()) return 5;
    return TryLock(**own, LockKind::kShared) == absl::StatusCode::kOk ? 0 : 6;
  });
  const int verdict = reader.Wait();
  ASSERT_EQ(chmod(temp_.path().c_str(), 0755), 0);
  if (verdict == kSkipped) GTEST_SKIP() << "root, and not allowed to become nobody";
  EXPECT_EQ(verdict, 0);
}

// The limit cuts the first write short and refuses the next, as a disk does that fills up.
TEST_F(PosixProcessTest, WriteThatIsCutShortIsAnError) {
  Child writer([&](const std::function<void()>&) -> Verdict {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit = {10'000, 10'000};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return kSkipped;
    const std::unique_ptr<File> file = OpenFile("a");
    const absl::Status write = file->WriteAt(0, std::vector<std::byte>(10'001, std::byte{7}));
    if (write.code() != absl::StatusCode::kResourceExhausted || GetErrno(write) != EFBIG) return 1;
    if (file->Reserve(10'001).code() != absl::StatusCode::kResourceExhausted) return 2;
    if (file->Truncate(10'001).code() != absl::StatusCode::kResourceExhausted) return 3;
    return file->Size().value() == 10'000 ? 0 : 4;
  });
  EXPECT_EQ(writer.Wait(), 0);
}

}  // namespace
}  // namespace numpack
