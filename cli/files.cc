#include "cli/files.h"

#include <cerrno>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace numpack::cli {
namespace {

namespace fs = std::filesystem;

fs::path PathOf(const std::string& utf8) { return fs::u8path(utf8); }

absl::Status Failed(absl::string_view what, const std::string& path) {
  const int error = errno != 0 ? errno : EIO;
  return absl::ErrnoToStatus(error, absl::StrCat(what, " ", path));
}

}  // namespace

absl::StatusOr<InputFile> InputFile::Open(const std::string& path) {
  if (IsDirectory(path))
    return absl::FailedPreconditionError(absl::StrCat(path, " is a directory, not a file"));
  InputFile file;
  file.path_ = path;
  errno = 0;
  file.stream_.open(PathOf(path), std::ios::binary);
  if (!file.stream_) return Failed("cannot open", path);
  std::error_code error;
  file.size_ = fs::file_size(PathOf(path), error);
  if (error) return absl::FailedPreconditionError(absl::StrCat(path, ": ", error.message()));
  return file;
}

absl::Status InputFile::ReadAt(uint64_t offset, absl::Span<std::byte> to) {
  if (offset > size_ || to.size() > size_ - offset) {
    return absl::OutOfRangeError(absl::StrCat(path_, " ends at byte ", size_, ", and bytes up to ",
                                              offset + to.size(), " are needed: it is cut short"));
  }
  if (to.empty()) return absl::OkStatus();
  errno = 0;
  stream_.clear();
  stream_.seekg(static_cast<std::streamoff>(offset));
  stream_.read(reinterpret_cast<char*>(to.data()), static_cast<std::streamsize>(to.size()));
  return stream_ ? absl::OkStatus() : Failed("cannot read", path_);
}

absl::StatusOr<OutputFile> OutputFile::Create(const std::string& path, bool replace) {
  if (Exists(path) && (!replace || IsDirectory(path))) {
    return absl::AlreadyExistsError(
        absl::StrCat(path, " exists already",
                     IsDirectory(path) ? ", and is a directory" : ": pass --force to replace it"));
  }
  OutputFile file;
  file.path_ = path;
  file.temporary_ = PathOf(absl::StrCat(path, ".part"));
  errno = 0;
  file.stream_.open(file.temporary_, std::ios::binary | std::ios::trunc);
  if (!file.stream_) {
    file.temporary_.clear();
    return Failed("cannot write", path);
  }
  return file;
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})),
      size_(other.size_),
      stream_(std::move(other.stream_)) {}

OutputFile::~OutputFile() {
  if (temporary_.empty()) return;
  stream_.close();
  std::error_code ignored;
  fs::remove(temporary_, ignored);
}

absl::Status OutputFile::Append(absl::Span<const std::byte> bytes) {
  errno = 0;
  stream_.write(reinterpret_cast<const char*>(bytes.data()),
                static_cast<std::streamsize>(bytes.size()));
  if (!stream_) return Failed("cannot write", path_);
  size_ += bytes.size();
  return absl::OkStatus();
}

absl::Status OutputFile::WriteAt(uint64_t offset, absl::string_view bytes) {
  errno = 0;
  stream_.seekp(static_cast<std::streamoff>(offset));
  stream_.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  stream_.seekp(static_cast<std::streamoff>(size_));
  return stream_ ? absl::OkStatus() : Failed("cannot write", path_);
}

absl::Status OutputFile::Commit() {
  errno = 0;
  stream_.close();
  if (!stream_) return Failed("cannot write", path_);
  std::error_code error;
  fs::rename(temporary_, PathOf(path_), error);
  if (error)
    return absl::InternalError(absl::StrCat("cannot write ", path_, ": ", error.message()));
  temporary_.clear();
  return absl::OkStatus();
}

bool IsDirectory(const std::string& path) {
  std::error_code ignored;
  return fs::is_directory(PathOf(path), ignored);
}

bool Exists(const std::string& path) {
  std::error_code ignored;
  return fs::exists(PathOf(path), ignored);
}

std::string Stem(const std::string& path) { return PathOf(path).stem().u8string(); }

std::string Extension(const std::string& path) {
  const std::string dotted = PathOf(path).extension().u8string();
  return dotted.empty() ? "" : absl::AsciiStrToLower(dotted.substr(1));
}

}  // namespace numpack::cli
