// What only a directory of Windows can go through. The contract itself is tested by
// win32_mmap_conformance_test, other processes by win32_process_test.

#include "numpack/backends/win32_mmap/win32_mmap_backend.h"

#include <cerrno>
#include <filesystem>  // NOLINT(build/c++17): tests only
#include <fstream>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/file.h"
#include "numpack/backends/mapped_region.h"
#include "numpack/backends/win32_mmap/temp_directory.h"
#include "numpack/backends/win32_mmap/win32_api.h"
#include "numpack/backends/win32_mmap/win32_handle.h"
#include "numpack/base/errno_payload.h"

namespace numpack {
namespace {

namespace fs = std::filesystem;

constexpr Win32MmapOptions kMustExist = {/*create_directory=*/false};

class Win32MmapBackendTest : public testing::Test {
 protected:
  static std::shared_ptr<Backend> OpenAt(const std::string& path) {
    absl::StatusOr<std::shared_ptr<Backend>> backend = OpenWin32MmapBackend(path);
    EXPECT_TRUE(backend.ok()) << backend.status();
    return *std::move(backend);
  }

  static absl::Status OpenError(const std::string& path, Win32MmapOptions options = {}) {
    return OpenWin32MmapBackend(path, options).status();
  }

  // Of this process.
  static DWORD OpenHandles() {
    DWORD count = 0;
    EXPECT_NE(GetProcessHandleCount(GetCurrentProcess(), &count), 0);
    return count;
  }

  // In the directory itself, past the backend.
  std::vector<std::string> FilesOf(const std::string& directory) const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(TempDirectory::Path(temp_ / directory)))
      names.push_back(entry.path().filename().u8string());
    return names;
  }

  fs::path Path(const std::string& name) const { return TempDirectory::Path(temp_ / name); }

  const TempDirectory temp_;
};

TEST_F(Win32MmapBackendTest, MissingDirectoryIsNotFoundUnlessItMayBeMade) {
  const absl::Status status = OpenError(temp_ / "new", kMustExist);
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(GetErrno(status), ENOENT);
  EXPECT_TRUE(absl::StrContains(status.message(), temp_ / "new")) << status;
  EXPECT_FALSE(fs::exists(Path("new")));
}

TEST_F(Win32MmapBackendTest, MakesTheDirectoryAndItsParents) {
  for (const char* name :
       {"one", "two/", "a\\b\\\\c\\..\\d\\", "./e/f///", "\xc3\x84 \xe6\x96\x87"}) {
    EXPECT_TRUE(OpenAt(temp_ / name)->CheckPresent().ok()) << name;
    EXPECT_TRUE(OpenError(temp_ / name, kMustExist).ok()) << name;
  }
  EXPECT_TRUE(fs::is_directory(Path("\xc3\x84 \xe6\x96\x87")));
}

TEST_F(Win32MmapBackendTest, PathsMayBeLong) {
  std::string path = temp_ / "long";
  for (int i = 0; i < 5; ++i) path += "/" + std::string(200, static_cast<char>('a' + i));
  {
    const std::shared_ptr<Backend> backend = OpenAt(path);
    auto file = backend->Open(std::string(64, 'a'), OpenMode::kCreateNew);
    ASSERT_TRUE(file.ok()) << file.status();
    ASSERT_TRUE((*file)->Reserve(100).ok());
    EXPECT_TRUE((*file)->Map(0, 100, MapMode::kReadWrite).ok());
    EXPECT_TRUE(backend->SyncDirectory().ok());
    EXPECT_TRUE(backend->FreeSpace().ok());
    ASSERT_TRUE(backend->Rename(std::string(64, 'a'), "Short").ok());
    EXPECT_EQ(*backend->List(), std::vector<std::string>{"Short"});
  }
  EXPECT_TRUE(OpenError(path, kMustExist).ok());
}

TEST_F(Win32MmapBackendTest, PathThatIsNoDirectoryIsRefused) {
  std::ofstream(Path("file")) << "x";
  EXPECT_EQ(OpenError(temp_ / "file").code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(OpenError(temp_ / "file/below").code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(OpenError("").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(OpenError(std::string("a\0b", 3)).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(OpenError(temp_ / "\xff").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(OpenError("nul").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(OpenError(temp_ / std::string(5000, 'x')).ok());
  EXPECT_FALSE(OpenError(temp_ / "a<b").ok());
}

// Which is how the paths of its files stay right.
TEST_F(Win32MmapBackendTest, DirectoryInUseStaysWhereItIs) {
  {
    const std::shared_ptr<Backend> backend = OpenAt(temp_ / "store");
    const std::shared_ptr<Backend> second = OpenAt(temp_ / "store");
    std::error_code error;
    EXPECT_FALSE(fs::remove(Path("store"), error));
    EXPECT_TRUE(error);
    fs::rename(Path("store"), Path("elsewhere"), error);
    EXPECT_TRUE(error);
    EXPECT_TRUE(backend->CheckPresent().ok());
    EXPECT_TRUE(second->Open("a", OpenMode::kCreate).ok());
  }
  fs::rename(Path("store"), Path("elsewhere"));
  EXPECT_EQ(OpenAt(temp_ / "elsewhere")->List()->size(), 1u);
}

TEST_F(Win32MmapBackendTest, OnePathMayBeWrittenInManyWays) {
  const std::shared_ptr<Backend> held = OpenAt(temp_ / "store");
  const std::string identity = held->Identity();
  EXPECT_EQ(OpenAt(temp_ / "store")->Identity(), identity);
  EXPECT_EQ(OpenAt(temp_ / "STORE")->Identity(), identity);
  EXPECT_EQ(OpenAt(temp_ / ".\\store/..\\store\\")->Identity(), identity);
  EXPECT_NE(OpenAt(temp_ / "other")->Identity(), identity);
}

TEST_F(Win32MmapBackendTest, OnlyPlainFilesOpenAndAreListed) {
  const std::shared_ptr<Backend> backend = OpenAt(temp_.path());
  fs::create_directory(Path("directory"));
  ASSERT_TRUE(backend->Open("plain", OpenMode::kCreate).ok());
  EXPECT_EQ(*backend->List(), std::vector<std::string>{"plain"});
  for (const OpenMode mode : {OpenMode::kReadOnly, OpenMode::kReadWrite, OpenMode::kCreate}) {
    EXPECT_EQ(backend->Open("directory", mode).status().code(),
              absl::StatusCode::kFailedPrecondition);
  }
  EXPECT_EQ(backend->Remove("directory").code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(backend->Rename("directory", "elsewhere").code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(fs::is_directory(Path("directory")));
}

TEST_F(Win32MmapBackendTest, ForeignNamesFollowNoLinks) {
  const std::shared_ptr<Backend> backend = OpenAt(temp_ / "store");
  fs::create_directory(Path("outside"));
  std::ofstream(Path("outside/secret")) << "secret";
  const bool linked =
      CreateSymbolicLinkW(Path("store/folder").c_str(), Path("outside").c_str(),
                          SYMBOLIC_LINK_FLAG_DIRECTORY) != 0 &&
      CreateSymbolicLinkW(Path("store/file").c_str(), Path("outside/secret").c_str(), 0) != 0;
  const DWORD attributes = GetFileAttributesW(Path("store/file").c_str());
  if (!linked || attributes == INVALID_FILE_ATTRIBUTES ||
      (attributes & FILE_ATTRIBUTE_REPARSE_POINT) == 0) {
    GTEST_SKIP() << "no permission to make links, or (Wine) no links";
  }
  for (const char* name : {"file", "folder/secret", "folder"}) {
    EXPECT_EQ(backend->OpenForeign(name, OpenMode::kReadOnly).status().code(),
              absl::StatusCode::kFailedPrecondition)
        << name;
  }
  EXPECT_EQ(backend->Rename("folder/secret", "mine").code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(Win32MmapBackendTest, ForeignNamesThatWindowsCannotHaveAreInvalid) {
  const std::shared_ptr<Backend> backend = OpenAt(temp_.path());
  ASSERT_TRUE(backend->Open("a", OpenMode::kCreate).ok());
  for (const char* name : {"a\\b", "a:stream", "a ", "a.", "a?", "\xff"}) {
    EXPECT_EQ(backend->OpenForeign(name, OpenMode::kReadOnly).status().code(),
              absl::StatusCode::kInvalidArgument)
        << name;
    EXPECT_EQ(backend->Rename("a", name).code(), absl::StatusCode::kInvalidArgument) << name;
  }
}

TEST_F(Win32MmapBackendTest, ErrorsCarryErrno) {
  const std::shared_ptr<Backend> backend = OpenAt(temp_.path());
  EXPECT_EQ(GetErrno(backend->Open("a", OpenMode::kReadOnly).status()), ENOENT);
  ASSERT_TRUE(backend->Open("a", OpenMode::kCreateNew).ok());
  EXPECT_EQ(GetErrno(backend->Open("a", OpenMode::kCreateNew).status()), EEXIST);
  EXPECT_EQ(GetErrno(backend->Remove("b")), ENOENT);
}

// A program that shares nothing: an editor, a virus scanner.
TEST_F(Win32MmapBackendTest, FileThatSomebodyKeepsToHimselfIsDenied) {
  const std::shared_ptr<Backend> backend = OpenAt(temp_.path());
  ASSERT_TRUE(backend->Open("a", OpenMode::kCreate).ok());
  const Handle other(CreateFileW(Path("a").c_str(), GENERIC_READ, FILE_SHARE_READ, nullptr,
                                 OPEN_EXISTING, 0, nullptr));
  ASSERT_TRUE(other.valid());
  EXPECT_TRUE(backend->Open("a", OpenMode::kReadOnly).ok());
  EXPECT_EQ(backend->Open("a", OpenMode::kReadWrite).status().code(),
            absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(backend->Remove("a").code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(*backend->List(), std::vector<std::string>{"a"});
}

TEST_F(Win32MmapBackendTest, RemovedFilesLeaveNothingBehind) {
  const std::shared_ptr<Backend> backend = OpenAt(temp_ / "store");
  {
    auto file = backend->Open("a", OpenMode::kCreateNew);
    ASSERT_TRUE(file.ok() && (*file)->Reserve(100'000).ok());
    const auto region = (*file)->Map(0, 100'000, MapMode::kReadWrite);
    ASSERT_TRUE(region.ok() && backend->Remove("a").ok());
    EXPECT_TRUE(backend->List()->empty());
    ASSERT_TRUE(backend->Open("a", OpenMode::kCreateNew).ok());
    EXPECT_EQ(*backend->List(), std::vector<std::string>{"a"});
  }
  EXPECT_EQ(FilesOf("store"), std::vector<std::string>{"a"});
}

TEST_F(Win32MmapBackendTest, WhatADeadProcessHadRemovedIsDeletedAtTheNextOpen) {
  OpenAt(temp_ / "store");
  std::ofstream(Path("store/~numpack-removed-1-0")) << "was mapped when its process ended";
  std::ofstream(Path("store/~numpack")) << "somebody else's";
  const std::shared_ptr<Backend> backend = OpenAt(temp_ / "store");
  EXPECT_EQ(FilesOf("store"), std::vector<std::string>{"~numpack"});
  EXPECT_EQ(*backend->List(), std::vector<std::string>{"~numpack"});
}

TEST_F(Win32MmapBackendTest, KeepsNoHandles) {
  { OpenAt(temp_ / "new/store"); }  // what the system opens once
  const DWORD before = OpenHandles();
  if (before == 0) GTEST_SKIP() << "the system (Wine) does not count handles";
  {
    const std::shared_ptr<Backend> backend = OpenAt(temp_ / "new/store");
    EXPECT_EQ(OpenHandles(), before + 1);
    ASSERT_TRUE(backend->List().ok());
    ASSERT_TRUE(backend->SyncDirectory().ok());
    auto file = backend->Open("a", OpenMode::kCreate);
    ASSERT_TRUE(file.ok() && (*file)->Reserve(10).ok());
    const auto first = (*file)->Map(0, 5, MapMode::kReadOnly);
    const auto second = (*file)->Map(5, 5, MapMode::kReadWrite);
    EXPECT_FALSE(backend->Open("missing", OpenMode::kReadOnly).ok());
    EXPECT_FALSE(backend->OpenForeign("missing/too", OpenMode::kReadOnly).ok());
    EXPECT_EQ(OpenHandles(), before + 2) << "one for the directory, one for the file";
    ASSERT_TRUE(backend->Remove("a").ok());
  }
  EXPECT_EQ(OpenHandles(), before);
}

TEST_F(Win32MmapBackendTest, ManyFilesComeAndGo) {
  const std::shared_ptr<Backend> backend = OpenAt(temp_.path());
  const auto kept = backend->Open("kept", OpenMode::kCreate);
  ASSERT_TRUE(kept.ok() && (*kept)->Reserve(10).ok());
  auto region = (*kept)->Map(0, 10, MapMode::kReadWrite);
  for (int i = 0; i < 300; ++i) {  // more than the table of known files holds without tidying up
    ASSERT_TRUE(backend->Open(std::to_string(i), OpenMode::kCreate).ok());
  }
  const auto other_open = backend->Open("kept", OpenMode::kReadWrite);
  EXPECT_EQ((*other_open)->Truncate(0).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE((*other_open)->Sync().ok());
}

TEST_F(Win32MmapBackendTest, BootIdIsKnownHere) {
  EXPECT_EQ(OpenAt(temp_.path())->BootId().size(), 36u);
}

}  // namespace
}  // namespace numpack
