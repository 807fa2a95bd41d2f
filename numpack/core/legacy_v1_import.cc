#include "numpack/core/legacy_v1_import.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/file.h"
#include "numpack/backends/file_checks.h"
#include "numpack/backends/mapped_region.h"
#include "numpack/base/status_macros.h"
#include "numpack/core/array_metadata.h"
#include "numpack/core/legacy_v1.h"

namespace numpack {
namespace {

using legacy_v1::AliveRows;

// The elements of an array that lies in parts, or without its deleted rows, as one file to read.
class GatheredFile final : public File {
 public:
  static absl::StatusOr<std::shared_ptr<File>> Open(Backend& backend, LegacyArray array) {
    std::vector<std::unique_ptr<File>> parts;
    for (const LegacyBytes& part : array.parts) {
      NUMPACK_ASSIGN_OR_RETURN(std::unique_ptr<File> file,
                               backend.OpenForeign(part.file, OpenMode::kReadOnly));
      parts.push_back(std::move(file));
    }
    std::string description = absl::StrCat(backend.Describe(), "/", array.files[0]);
    return std::shared_ptr<File>(
        new GatheredFile(std::move(description), std::move(array), std::move(parts)));
  }

  const std::string& description() const override { return description_; }
  absl::StatusOr<uint64_t> Size() override { return static_cast<uint64_t>(array_.info.nbytes); }

  absl::Status ReadAt(uint64_t offset, absl::Span<std::byte> to) override {
    if (to.empty()) return absl::OkStatus();
    const auto size = static_cast<uint64_t>(array_.info.nbytes);
    if (offset > size || size - offset < to.size())
      return PastEndError(description_, offset, to.size(), size);
    if (!array_.alive.has_value()) return ReadStored(offset, to);
    uint64_t row = offset / array_.row_bytes;
    uint64_t in_row = offset % array_.row_bytes;
    // The block in which the row lies, and from there run by run.
    const auto block = std::upper_bound(alive_before_.begin(), alive_before_.end(), row) - 1;
    row -= *block;
    uint64_t stored = static_cast<uint64_t>(block - alive_before_.begin()) * kBlockRows;
    while (!to.empty()) {
      const AliveRows::Run run = array_.alive->NextRun(stored);
      if (run.begin == run.end) return absl::InternalError("rows are missing");
      stored = run.end;
      const uint64_t rows = run.end - run.begin;
      if (row >= rows) {
        row -= rows;
        continue;
      }
      const uint64_t begin = (run.begin + row) * array_.row_bytes + in_row;
      const auto length =
          static_cast<size_t>(std::min<uint64_t>(to.size(), run.end * array_.row_bytes - begin));
      NUMPACK_RETURN_IF_ERROR(ReadStored(begin, to.first(length)));
      to.remove_prefix(length);
      row = in_row = 0;
    }
    return absl::OkStatus();
  }

  absl::Status Reserve(uint64_t) override { return ReadOnly("reserve space"); }
  absl::Status Truncate(uint64_t) override { return ReadOnly("truncate"); }
  using File::WriteAt;
  absl::Status WriteAt(uint64_t, absl::Span<const absl::Span<const std::byte>>) override {
    return ReadOnly("write");
  }
  absl::StatusOr<MappedRegion> Map(uint64_t, uint64_t, MapMode) override {
    return absl::UnimplementedError(absl::StrCat(description_, " cannot be mapped"));
  }
  absl::Status Sync() override { return absl::OkStatus(); }
  absl::Status Lock(uint64_t, uint64_t, LockKind, absl::Duration) override {
    return absl::UnimplementedError(absl::StrCat(description_, " cannot be locked"));
  }
  absl::Status Unlock(uint64_t, uint64_t) override { return absl::OkStatus(); }

 private:
  GatheredFile(std::string description, LegacyArray array, std::vector<std::unique_ptr<File>> parts)
      : description_(std::move(description)), array_(std::move(array)), parts_(std::move(parts)) {
    if (!array_.alive.has_value()) return;
    uint64_t alive = 0;
    AliveRows::Run run = array_.alive->NextRun(0);
    for (uint64_t begin = 0; begin < array_.stored_rows; begin += kBlockRows) {
      alive_before_.push_back(alive);
      const uint64_t end = std::min(array_.stored_rows - begin, kBlockRows) + begin;
      while (run.begin < end && run.begin < run.end) {
        const uint64_t upto = std::min(run.end, end);
        alive += upto - run.begin;
        run.begin = upto;
        if (run.begin == run.end) run = array_.alive->NextRun(run.end);
      }
    }
  }

  absl::Status ReadOnly(absl::string_view action) const {
    return OpenedReadOnlyError(description_, action);
  }

  // Bytes as they are stored, deleted rows included.
  absl::Status ReadStored(uint64_t offset, absl::Span<std::byte> to) {
    for (size_t i = 0; i < parts_.size() && !to.empty(); ++i) {
      const LegacyBytes& part = array_.parts[i];
      if (offset < part.bytes) {
        const auto length = static_cast<size_t>(std::min<uint64_t>(to.size(), part.bytes - offset));
        NUMPACK_RETURN_IF_ERROR(parts_[i]->ReadAt(part.offset + offset, to.first(length)));
        to.remove_prefix(length);
        offset += length;
      }
      offset -= part.bytes;
    }
    return absl::OkStatus();
  }

  // Rows are counted in blocks of this many, so that any row is found without walking all of them.
  static constexpr uint64_t kBlockRows = 4096;

  const std::string description_;
  const LegacyArray array_;
  const std::vector<std::unique_ptr<File>> parts_;
  std::vector<uint64_t> alive_before_;  // by block: alive rows in all blocks before it
};

class Import final : public storage::ImportSource {
 public:
  bool Recognizes(absl::Span<const std::string> files) const override {
    return std::find(files.begin(), files.end(), legacy_v1::kMetadataFile) != files.end();
  }

  absl::StatusOr<std::vector<storage::ImportedEntry>> Read(Backend& backend) const override {
    NUMPACK_ASSIGN_OR_RETURN(std::vector<LegacyArray> arrays, ReadLegacyDirectory(backend));
    std::vector<storage::ImportedEntry> entries;
    entries.reserve(arrays.size());
    for (LegacyArray& array : arrays) {
      storage::ImportedEntry entry;
      entry.name = array.name;
      entry.metadata = EncodeMetadata(array.info);
      entry.length = static_cast<uint64_t>(array.info.nbytes);
      if (IsWhole(array)) {
        entry.file = array.parts[0].file;
      } else if (entry.length > 0) {
        NUMPACK_ASSIGN_OR_RETURN(entry.bytes, GatheredFile::Open(backend, std::move(array)));
      }
      entries.push_back(std::move(entry));
    }
    return entries;
  }

  absl::StatusOr<std::vector<std::string>> Files(Backend& backend) const override {
    return LegacyDataFiles(backend);
  }

  absl::Status Retire(Backend& backend) const override {
    std::string name = absl::StrCat(legacy_v1::kMetadataFile, ".old");
    absl::Status status;
    // There may be one already, of a directory that was adopted, exported and adopted again.
    for (int i = 2; i < 100; ++i) {
      status = backend.Rename(legacy_v1::kMetadataFile, name);
      if (!absl::IsAlreadyExists(status)) break;
      name = absl::StrCat(legacy_v1::kMetadataFile, ".old.", i);
    }
    if (!status.ok()) return status;
    return backend.SyncDirectory();
  }

 private:
  // All elements, and nothing before them, in one file that is the array's own.
  static bool IsWhole(const LegacyArray& array) {
    return array.parts.size() == 1 && array.parts[0].file == array.files[0] &&
           !array.alive.has_value();
  }
};

}  // namespace

std::shared_ptr<const storage::ImportSource> LegacyImport() {
  return std::make_shared<const Import>();
}

}  // namespace numpack
