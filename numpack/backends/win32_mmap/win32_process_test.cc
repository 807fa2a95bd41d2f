// Several processes over one directory: locks, mappings, removals. The test starts itself again for
// each of them, with what to do as its arguments.

#include <cstddef>
#include <cstdint>
#include <filesystem>  // NOLINT(build/c++17): tests only
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/file.h"
#include "numpack/backends/mapped_region.h"
#include "numpack/backends/win32_mmap/temp_directory.h"
#include "numpack/backends/win32_mmap/win32_api.h"
#include "numpack/backends/win32_mmap/win32_handle.h"
#include "numpack/backends/win32_mmap/win32_mmap_backend.h"
#include "numpack/backends/win32_mmap/win32_name.h"

namespace numpack {
namespace {

constexpr uint64_t kLockByte = uint64_t{1} << 62;
constexpr absl::Duration kLong = absl::Seconds(60);

// What a child process ends with: 0, or the number of the check that failed.
using Verdict = int;

absl::StatusCode TryLock(File& file, LockKind kind = LockKind::kExclusive,
                         absl::Duration max_wait = absl::ZeroDuration()) {
  return file.Lock(kLockByte, 1, kind, max_wait).code();
}

// Tells the parent that this child has got somewhere.
void SayReady(Backend& backend) { backend.Open("ready", OpenMode::kCreateNew).IgnoreError(); }

[[noreturn]] void WaitToBeKilled() {
  for (;;) Sleep(1000);
}

// What a child does, chosen by name.
Verdict RunChild(absl::string_view role, const std::string& directory) {
  const auto backend = OpenWin32MmapBackend(directory);
  if (!backend.ok()) return 100;
  const auto file = (*backend)->Open("a", OpenMode::kReadWrite);
  if (!file.ok()) return 101;
  if (role == "hold_lock") {
    if (TryLock(**file) != absl::StatusCode::kOk) return 1;
    SayReady(**backend);
    WaitToBeKilled();
  }
  if (role == "share_lock") {
    if (TryLock(**file) != absl::StatusCode::kUnavailable) return 1;
    return TryLock(**file, LockKind::kShared) == absl::StatusCode::kOk ? 0 : 2;
  }
  if (role == "store") {
    const auto region = (*file)->Map(70'001, 1, MapMode::kReadWrite);
    if (!region.ok()) return 1;
    region->data()[0] = std::byte{42};
    return 0;
  }
  if (role == "store_and_hold") {  // and never unmaps, flushes or syncs
    const auto region = (*file)->Map(70'001, 1, MapMode::kReadWrite);
    if (!region.ok()) return 1;
    region->data()[0] = std::byte{43};
    SayReady(**backend);
    WaitToBeKilled();
  }
  if (role == "hold_mapping") {
    const auto region = (*file)->Map(0, 100'000, MapMode::kReadOnly);
    if (!region.ok()) return 1;
    SayReady(**backend);
    WaitToBeKilled();
  }
  if (role == "boot_id") {
    const std::string id = (*backend)->BootId();
    const auto* bytes = reinterpret_cast<const std::byte*>(id.data());
    return (*file)->WriteAt(0, absl::MakeConstSpan(bytes, id.size())).ok() ? 0 : 1;
  }
  return 102;
}

// This program once more. Ends with this object.
class Child {
 public:
  Child(const std::string& role, const std::string& directory) {
    std::wstring program(32768, L'\0');
    program.resize(GetModuleFileNameW(nullptr, &program[0], static_cast<DWORD>(program.size())));
    std::wstring command = L"\"" + program + L"\" --child=" + *Utf8ToWide(role) +
                           L" \"--directory=" + *Utf8ToWide(directory) + L"\"";
    STARTUPINFOW startup = {};
    startup.cb = sizeof(startup);
    PROCESS_INFORMATION started = {};
    EXPECT_NE(CreateProcessW(program.c_str(), &command[0], nullptr, nullptr, FALSE, 0, nullptr,
                             nullptr, &startup, &started),
              0)
        << GetLastError();
    process_ = Handle(started.hProcess);
    const Handle thread(started.hThread);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() { Kill(); }

  Verdict Wait() {
    DWORD verdict = 0;
    EXPECT_EQ(WaitForSingleObject(process_.get(), INFINITE), DWORD{WAIT_OBJECT_0});
    EXPECT_NE(GetExitCodeProcess(process_.get(), &verdict), 0);
    process_ = Handle();
    return static_cast<Verdict>(verdict);
  }

  bool Ended() const { return WaitForSingleObject(process_.get(), 0) == WAIT_OBJECT_0; }

  void Kill() {
    if (!process_.valid()) return;
    TerminateProcess(process_.get(), 99);
    Wait();
  }

 private:
  Handle process_;
};

class Win32ProcessTest : public testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<std::shared_ptr<Backend>> backend = OpenWin32MmapBackend(temp_.path());
    ASSERT_TRUE(backend.ok()) << backend.status();
    backend_ = *std::move(backend);
    file_ = OpenFile("a", OpenMode::kCreateNew);
    ASSERT_TRUE(file_->Reserve(100'000).ok());
  }

  std::unique_ptr<File> OpenFile(absl::string_view name, OpenMode mode = OpenMode::kReadWrite) {
    absl::StatusOr<std::unique_ptr<File>> file = backend_->Open(name, mode);
    EXPECT_TRUE(file.ok()) << file.status();
    return *std::move(file);
  }

  void AwaitReady(const Child& child) {
    while (!backend_->Open("ready", OpenMode::kReadOnly).ok()) {
      ASSERT_FALSE(child.Ended());
      absl::SleepFor(absl::Milliseconds(10));
    }
  }

  std::byte ByteAt(uint64_t offset) {
    std::byte byte{};
    EXPECT_TRUE(file_->ReadAt(offset, absl::MakeSpan(&byte, 1)).ok());
    return byte;
  }

  const TempDirectory temp_;
  std::shared_ptr<Backend> backend_;
  std::unique_ptr<File> file_;
};

TEST_F(Win32ProcessTest, DeadProcessLosesItsLock) {
  Child holder("hold_lock", temp_.path());
  AwaitReady(holder);
  EXPECT_EQ(TryLock(*file_), absl::StatusCode::kUnavailable);
  EXPECT_EQ(TryLock(*file_, LockKind::kShared, absl::Milliseconds(20)),
            absl::StatusCode::kUnavailable);
  holder.Kill();
  // The system may take its time.
  EXPECT_EQ(TryLock(*file_, LockKind::kExclusive, kLong), absl::StatusCode::kOk);
}

TEST_F(Win32ProcessTest, ProcessesShareSharedLocks) {
  ASSERT_EQ(TryLock(*file_, LockKind::kShared), absl::StatusCode::kOk);
  EXPECT_EQ(Child("share_lock", temp_.path()).Wait(), 0);
}

TEST_F(Win32ProcessTest, MappingsAreShared) {
  const absl::StatusOr<MappedRegion> region = file_->Map(0, 100'000, MapMode::kReadOnly);
  ASSERT_TRUE(region.ok());
  EXPECT_EQ(Child("store", temp_.path()).Wait(), 0);
  EXPECT_EQ(region->data()[70'001], std::byte{42});
  EXPECT_EQ(ByteAt(70'001), std::byte{42});
}

TEST_F(Win32ProcessTest, WhatAKilledProcessStoredIsThere) {
  Child writer("store_and_hold", temp_.path());
  AwaitReady(writer);
  EXPECT_EQ(ByteAt(70'001), std::byte{43});
  writer.Kill();
  EXPECT_EQ(ByteAt(70'001), std::byte{43});
  EXPECT_TRUE(file_->Sync().ok());
}

TEST_F(Win32ProcessTest, FileThatAnotherProcessMapsIsNotCutButRemoved) {
  Child reader("hold_mapping", temp_.path());
  AwaitReady(reader);
  EXPECT_EQ(file_->Truncate(10).code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(backend_->Remove("a").ok());
  OpenFile("a", OpenMode::kCreateNew);
  EXPECT_EQ(backend_->List()->size(), 2u) << "a and ready";
  reader.Kill();
  file_.reset();
  backend_.reset();
  ASSERT_TRUE(OpenWin32MmapBackend(temp_.path()).ok());
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(TempDirectory::Path(temp_.path()))) {
    static_cast<void>(entry);
    ++files;
  }
  EXPECT_EQ(files, 2) << "a and ready";
}

TEST_F(Win32ProcessTest, AllProcessesAreInTheSameBoot) {
  EXPECT_EQ(Child("boot_id", temp_.path()).Wait(), 0);
  std::string id(36, '?');
  ASSERT_TRUE(
      file_->ReadAt(0, absl::MakeSpan(reinterpret_cast<std::byte*>(&id[0]), id.size())).ok());
  EXPECT_EQ(backend_->BootId(), id);
}

}  // namespace
}  // namespace numpack

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  const absl::string_view kRole = "--child=", kDirectory = "--directory=";
  std::string role, directory;
  for (int i = 1; i < argc; ++i) {
    const absl::string_view argument = argv[i];
    if (argument.substr(0, kRole.size()) == kRole)
      role = std::string(argument.substr(kRole.size()));
    if (argument.substr(0, kDirectory.size()) == kDirectory)
      directory = std::string(argument.substr(kDirectory.size()));
  }
  return role.empty() ? RUN_ALL_TESTS() : numpack::RunChild(role, directory);
}
