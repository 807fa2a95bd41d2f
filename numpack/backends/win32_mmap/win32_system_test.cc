#include "numpack/backends/win32_mmap/win32_system.h"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "numpack/backends/win32_mmap/temp_directory.h"
#include "numpack/backends/win32_mmap/win32_api.h"
#include "numpack/backends/win32_mmap/win32_error.h"
#include "numpack/backends/win32_mmap/win32_handle.h"
#include "numpack/backends/win32_mmap/win32_name.h"
#include "numpack/base/errno_payload.h"

namespace numpack {
namespace {

TEST(Win32ErrorTest, OneTable) {
  const struct {
    DWORD error;
    absl::StatusCode code;
    int c_error;
  } kTable[] = {
      {ERROR_FILE_NOT_FOUND, absl::StatusCode::kNotFound, ENOENT},
      {ERROR_PATH_NOT_FOUND, absl::StatusCode::kNotFound, ENOENT},
      {ERROR_FILE_EXISTS, absl::StatusCode::kAlreadyExists, EEXIST},
      {ERROR_ALREADY_EXISTS, absl::StatusCode::kAlreadyExists, EEXIST},
      {ERROR_INVALID_NAME, absl::StatusCode::kInvalidArgument, EINVAL},
      {ERROR_DISK_FULL, absl::StatusCode::kResourceExhausted, ENOSPC},
      {ERROR_HANDLE_DISK_FULL, absl::StatusCode::kResourceExhausted, ENOSPC},
      {ERROR_NOT_ENOUGH_MEMORY, absl::StatusCode::kResourceExhausted, ENOMEM},
      {ERROR_TOO_MANY_OPEN_FILES, absl::StatusCode::kResourceExhausted, EMFILE},
      {ERROR_ACCESS_DENIED, absl::StatusCode::kPermissionDenied, EACCES},
      {ERROR_SHARING_VIOLATION, absl::StatusCode::kPermissionDenied, EACCES},
      {ERROR_WRITE_PROTECT, absl::StatusCode::kPermissionDenied, EROFS},
      {ERROR_LOCK_VIOLATION, absl::StatusCode::kUnavailable, EAGAIN},
      {ERROR_USER_MAPPED_FILE, absl::StatusCode::kFailedPrecondition, EBUSY},
      {ERROR_DIRECTORY, absl::StatusCode::kFailedPrecondition, ENOTDIR},
      {ERROR_IO_DEVICE, absl::StatusCode::kDataLoss, EIO},
      {ERROR_CRC, absl::StatusCode::kDataLoss, EIO},
  };
  for (const auto& [error, code, c_error] : kTable) {
    const absl::Status status = Win32ErrorToStatus(error, "cannot do", "it");
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_EQ(GetErrno(status), c_error) << status;
    EXPECT_TRUE(absl::StartsWith(status.message(), "cannot do it: ")) << status;
    EXPECT_TRUE(absl::EndsWith(status.message(), " (Windows error " + std::to_string(error) + ")"))
        << status;
  }
  const absl::Status other = Win32ErrorToStatus(ERROR_INVALID_HANDLE, "cannot do", "it");
  EXPECT_EQ(other.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(GetErrno(other), std::nullopt);
}

TEST(Win32NameTest, GoesToUtf16AndBack) {
  const std::string text = "a \xc3\x84 \xe6\x96\x87 \xf0\x9f\x99\x82";
  const absl::StatusOr<std::wstring> wide = Utf8ToWide(text);
  ASSERT_TRUE(wide.ok()) << wide.status();
  EXPECT_EQ(*wide, L"a \u00c4 \u6587 \U0001f642");
  EXPECT_EQ(WideToUtf8(*wide), text);
  EXPECT_EQ(*Utf8ToWide(""), L"");
  EXPECT_EQ(WideToUtf8(L""), "");
  EXPECT_EQ(WideToUtf8(std::wstring(1, wchar_t{0xd83d})), "\xef\xbf\xbd") << "half a pair";
  for (const char* bad : {"\xff", "a\xc3", "\xed\xa0\xbd", "\xc0\x80"}) {
    EXPECT_EQ(Utf8ToWide(bad).status().code(), absl::StatusCode::kInvalidArgument) << bad;
  }
}

TEST(Win32NameTest, MakesPathsAbsoluteAndLong) {
  const struct {
    const char* path;
    const wchar_t* absolute;
  } kTable[] = {
      {"C:\\a\\b", L"\\\\?\\C:\\a\\b"},
      {"C:/a//b/", L"\\\\?\\C:\\a\\b"},
      {"C:\\a\\.\\b\\..\\c", L"\\\\?\\C:\\a\\c"},
      {"C:\\", L"\\\\?\\C:\\"},
      {"C:/a/\xc3\x84", L"\\\\?\\C:\\a\\\u00c4"},
      {"\\\\server\\share\\a\\", L"\\\\?\\UNC\\server\\share\\a"},
      {"//server/share/a", L"\\\\?\\UNC\\server\\share\\a"},
      {"\\\\?\\C:\\as it is. \\", L"\\\\?\\C:\\as it is. "},
      {"\\\\?\\UNC\\server\\share", L"\\\\?\\UNC\\server\\share"},
  };
  for (const auto& [path, absolute] : kTable) {
    const absl::StatusOr<std::wstring> result = AbsolutePath(path);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(*result, absolute) << path;
  }
  EXPECT_EQ(*AbsolutePath("C:/" + std::string(5000, 'x')),
            L"\\\\?\\C:\\" + std::wstring(5000, 'x'));
  EXPECT_EQ(AbsolutePath("relative")->substr(0, 4), L"\\\\?\\");
  for (const absl::string_view bad :
       {absl::string_view(), absl::string_view("a\0b", 3), absl::string_view("\xff"),
        absl::string_view("\\\\.\\PhysicalDrive0"), absl::string_view("nul")}) {
    EXPECT_EQ(AbsolutePath(bad).status().code(), absl::StatusCode::kInvalidArgument) << bad;
  }
}

TEST(Win32NameTest, KnowsParents) {
  EXPECT_EQ(ParentOf(L"\\\\?\\C:\\a\\b"), L"\\\\?\\C:\\a");
  EXPECT_EQ(ParentOf(L"\\\\?\\C:\\a"), L"\\\\?\\C:\\");
  EXPECT_EQ(ParentOf(L"\\\\?\\C:\\"), L"");
  EXPECT_EQ(JoinPath(L"\\\\?\\C:\\", L"a/b"), L"\\\\?\\C:\\a\\b");
  EXPECT_EQ(JoinPath(L"\\\\?\\C:\\a", L"b"), L"\\\\?\\C:\\a\\b");
}

TEST(Win32NameTest, RefusesForeignNamesThatWindowsCannotHave) {
  EXPECT_EQ(*ForeignNameToWide("data_x_segments/seg 1.npkd"), L"data_x_segments/seg 1.npkd");
  EXPECT_EQ(*ForeignNameToWide(".hidden"), L".hidden");
  for (const char* bad : {"a\\b", "C:x", "stream:a", "a?", "a*", "a<b", "a>b", "a\"b", "a|b",
                          "a\nb", "end.", "end ", "folder./a", "folder /a", "\xff"}) {
    EXPECT_EQ(ForeignNameToWide(bad).status().code(), absl::StatusCode::kInvalidArgument) << bad;
  }
}

class Win32SystemTest : public testing::Test {
 protected:
  static std::wstring Absolute(const std::string& path) { return *AbsolutePath(path); }

  static Handle Open(const std::wstring& path, DWORD access, DWORD disposition = OPEN_EXISTING) {
    OpenRequest request;
    request.access = access;
    request.disposition = disposition;
    Handle handle;
    EXPECT_EQ(OpenHandle(path, request, handle), Win32Error{ERROR_SUCCESS});
    return handle;
  }

  uint64_t Size() const {
    uint64_t size = 0;
    EXPECT_EQ(GetSize(file_.get(), size), Win32Error{ERROR_SUCCESS});
    return size;
  }

  const TempDirectory temp_;
  const std::wstring path_ = Absolute(temp_ / "a");
  const Handle file_ = Open(path_, GENERIC_READ | GENERIC_WRITE, CREATE_NEW);
};

TEST_F(Win32SystemTest, WritesZerosBehindWhatIsThere) {
  constexpr uint64_t kSize = 300'001;
  const std::byte text[] = {std::byte{'t'}, std::byte{'x'}};
  size_t written = 0;
  ASSERT_EQ(WriteOnce(file_.get(), 0, text, 2, written), Win32Error{ERROR_SUCCESS});
  ASSERT_EQ(written, 2u);
  ASSERT_EQ(WriteZeros(file_.get(), 2, kSize), Win32Error{ERROR_SUCCESS});
  EXPECT_EQ(Size(), kSize);
  ASSERT_EQ(SetSize(file_.get(), 3), Win32Error{ERROR_SUCCESS});
  EXPECT_EQ(Size(), 3u);
}

// On Windows; Wine has no such call, and says so.
TEST_F(Win32SystemTest, AllocatesWithoutMovingTheEnd) {
  const Win32Error error = AllocateSpace(file_.get(), 300'001);
  EXPECT_EQ(Size(), 0u);
  if (error == ERROR_NOT_SUPPORTED) GTEST_SKIP() << "not on this system or file system";
  ASSERT_EQ(error, Win32Error{ERROR_SUCCESS});
  FILE_STANDARD_INFO info;
  ASSERT_NE(GetFileInformationByHandleEx(file_.get(), FileStandardInfo, &info, sizeof(info)), 0);
  EXPECT_GE(info.AllocationSize.QuadPart, 300'001);
}

TEST_F(Win32SystemTest, NumbersFiles) {
  FileId first, again, other;
  ASSERT_EQ(GetFileId(file_.get(), first), Win32Error{ERROR_SUCCESS});
  ASSERT_EQ(GetFileId(Open(path_, GENERIC_READ).get(), again), Win32Error{ERROR_SUCCESS});
  const Handle another = Open(Absolute(temp_ / "b"), GENERIC_READ, CREATE_NEW);
  ASSERT_EQ(GetFileId(another.get(), other), Win32Error{ERROR_SUCCESS});
  EXPECT_EQ(first, again);
  EXPECT_NE(first, other);
}

TEST_F(Win32SystemTest, RenamesOnlyToFreeNames) {
  Open(Absolute(temp_ / "taken"), GENERIC_READ, CREATE_NEW);
  const Handle file = Open(path_, DELETE | SYNCHRONIZE);
  EXPECT_EQ(RenameHandle(file.get(), Absolute(temp_ / "taken")), Win32Error{ERROR_ALREADY_EXISTS});
  EXPECT_EQ(RenameHandle(file.get(), Absolute(temp_ / "free")), Win32Error{ERROR_SUCCESS});
  EXPECT_EQ(GetFileAttributesW(path_.c_str()), INVALID_FILE_ATTRIBUTES);
  Open(Absolute(temp_ / "free"), GENERIC_READ);
}

TEST_F(Win32SystemTest, KnowsWhatIsLocal) {
  const std::wstring directory = ParentOf(path_);
  EXPECT_TRUE(IsOnLocalVolume(directory));
  EXPECT_TRUE(IsDirectory(directory));
  EXPECT_FALSE(IsDirectory(path_));
  EXPECT_FALSE(IsOnLocalVolume(L"\\\\?\\UNC\\server\\share\\a"));
  EXPECT_FALSE(IsOnLocalVolume(L"\\\\?\\Q:\\no such drive"));
  EXPECT_FALSE(IsOnLocalVolume(L""));
}

TEST_F(Win32SystemTest, SharingViolationsEndSomeTime) {
  OpenRequest alone;
  alone.sharing = 0;
  Handle holder, rival;
  const std::wstring path = Absolute(temp_ / "alone");
  Open(path, GENERIC_WRITE, CREATE_NEW);
  ASSERT_EQ(OpenHandle(path, alone, holder), Win32Error{ERROR_SUCCESS});
  EXPECT_EQ(OpenHandle(path, OpenRequest{}, rival), Win32Error{ERROR_SHARING_VIOLATION});
  holder = Handle();
  EXPECT_EQ(OpenHandle(path, OpenRequest{}, rival), Win32Error{ERROR_SUCCESS});
}

TEST(Win32BootIdTest, IsRandomAndStays) {
  const std::string id = SystemBootId();
  EXPECT_EQ(id.size(), 36u);
  EXPECT_NE(id, "00000000-0000-0000-0000-000000000000");
  EXPECT_EQ(SystemBootId(), id);
}

TEST(AllocationGranularityTest, IsAPowerOfTwo) {
  EXPECT_GE(AllocationGranularity(), 4096u);
  EXPECT_EQ(AllocationGranularity() & (AllocationGranularity() - 1), 0u);
}

}  // namespace
}  // namespace numpack
