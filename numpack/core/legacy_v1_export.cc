#include "numpack/core/legacy_v1_export.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "numpack/backends/file.h"
#include "numpack/base/name_array.h"
#include "numpack/base/status_macros.h"
#include "numpack/core/array.h"
#include "numpack/core/dtype.h"
#include "numpack/core/lazy_array.h"
#include "numpack/core/legacy_v1_format.h"
#include "numpack/core/transaction.h"

namespace numpack {
namespace {

using legacy_v1::ArrayRecord;

constexpr int64_t kPieceBytes = int64_t{4} << 20;

struct Item {
  LazyArray array;
  ArrayRecord record;
};

absl::Status CheckLoadable(const ArrayRecord& record) {
  const auto rank = static_cast<int>(record.shape.size());
  if (rank >= legacy_v1::kMinRank && rank <= legacy_v1::kMaxRank) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "array '", record.name, "' has ", rank, " axes, and NumPack 0.7 ends its process when it ",
      "loads such an array: save it with 1 to 32 axes, or remove it, before exporting"));
}

// `Source`: a store or a transaction.
template <typename Source>
absl::StatusOr<std::vector<Item>> SnapshotsOf(const Source& source) {
  std::vector<Item> items;
  for (std::string& name : source.List()) {
    NUMPACK_ASSIGN_OR_RETURN(LazyArray array, source.Lazy(name));
    ArrayRecord record;
    record.name = std::move(name);
    record.dtype = array.dtype();
    record.shape = array.shape();
    record.modified_us = static_cast<uint64_t>(array.info().modified_us);
    record.nbytes = static_cast<uint64_t>(array.nbytes());
    NUMPACK_RETURN_IF_ERROR(CheckLoadable(record));
    items.push_back({std::move(array), std::move(record)});
  }
  return items;
}

// Whether the store still has these arrays, and no others.
bool IsStillSo(const ArrayStore& source, const std::vector<Item>& items) {
  if (source.List().size() != items.size()) return false;
  return std::all_of(items.begin(), items.end(), [&](const Item& item) {
    const absl::StatusOr<ArrayInfo> info = source.Info(item.record.name);
    return info.ok() && static_cast<uint64_t>(info->modified_us) == item.record.modified_us;
  });
}

// The arrays as of one moment. In a transaction nobody changes them, and afterwards they are
// snapshots. Who may only read cannot keep others out, and tries until nothing has changed between
// the first snapshot and the last.
absl::StatusOr<std::vector<Item>> TakeSnapshot(ArrayStore& source) {
  const absl::StatusOr<Transaction> transaction = source.Begin();
  if (transaction.ok()) return SnapshotsOf(*transaction);
  if (!absl::IsPermissionDenied(transaction.status())) return transaction.status();
  constexpr int kTries = 100;
  for (int i = 0; i < kTries; ++i) {
    absl::StatusOr<std::vector<Item>> items = SnapshotsOf(source);
    if (absl::IsNotFound(items.status())) continue;  // one was removed meanwhile
    if (!items.ok() || IsStillSo(source, *items)) return items;
  }
  return absl::UnavailableError(
      "the store is changed again and again: export it while nobody does, or open it for writing");
}

class Exporter {
 public:
  Exporter(std::vector<Item> items, Backend& target, const ExportV1Options& options)
      : items_(std::move(items)), target_(target), options_(options) {
    for (const Item& item : items_) total_ += item.record.nbytes;
  }

  absl::Status Run() {
    absl::Status status = WriteAll();
    if (!status.ok()) Undo();
    return status;
  }

 private:
  // Until its contents are safe, a file has a name that no other program knows.
  static std::string WorkName(size_t number) { return absl::StrCat("export.", number); }

  absl::Status WriteAll() {
    for (const Item& item : items_)
      NUMPACK_RETURN_IF_ERROR(NameArray(item.record.name, WriteArray(item.array)));
    // Arrays whose own name makes a good file name come first, so that no substitute takes it.
    std::vector<size_t> others;
    for (size_t i = 0; i < items_.size(); ++i) {
      NUMPACK_ASSIGN_OR_RETURN(const bool named, NameAfterArray(i));
      if (!named) others.push_back(i);
    }
    for (const size_t i : others) NUMPACK_RETURN_IF_ERROR(NameByNumber(i));
    NUMPACK_RETURN_IF_ERROR(target_.SyncDirectory());
    return WriteMetadata();
  }

  absl::Status WriteArray(const LazyArray& array) {
    NUMPACK_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, NewFile());
    const int64_t rows = array.shape()[0];
    uint64_t offset = 0;
    if (array.nbytes() > 0) {
      // Says that there is no space before hours have passed.
      NUMPACK_RETURN_IF_ERROR(file->Reserve(static_cast<uint64_t>(array.nbytes())));
      const int64_t step = std::max<int64_t>(1, kPieceBytes / (array.nbytes() / rows));
      for (int64_t row = 0; row < rows; row += std::min(step, rows - row)) {
        NUMPACK_ASSIGN_OR_RETURN(const AnyArray piece,
                                 array.ViewRows(row, row + std::min(step, rows - row)));
        const auto bytes = absl::MakeConstSpan(piece.data(), static_cast<size_t>(piece.nbytes()));
        NUMPACK_RETURN_IF_ERROR(file->WriteAt(offset, bytes));
        offset += bytes.size();
        done_ += bytes.size();
        if (options_.progress) options_.progress(done_, total_);
      }
    }
    return file->Sync();
  }

  absl::StatusOr<std::unique_ptr<File>> NewFile() {
    const std::string name = WorkName(files_.size());
    NUMPACK_ASSIGN_OR_RETURN(std::unique_ptr<File> file, target_.Open(name, OpenMode::kCreateNew));
    files_.push_back(name);
    return file;
  }

  // False when there is such a file already (letters that the file system takes for the same), or
  // when no file can have that name.
  absl::StatusOr<bool> NameAfterArray(size_t i) {
    const std::string& name = items_[i].record.name;
    const std::string file = absl::StrCat("data_", name, ".npkd");
    if (absl::StrContains(name, '/') || !ValidateForeignName(file).ok()) return false;
    return Rename(i, file);
  }

  absl::Status NameByNumber(size_t i) {
    for (;;) {
      ++last_number_;
      NUMPACK_ASSIGN_OR_RETURN(const bool named,
                               Rename(i, absl::StrCat("data_~", last_number_, ".npkd")));
      if (named) return absl::OkStatus();
    }
  }

  // False when that name is taken, or is none on this system.
  absl::StatusOr<bool> Rename(size_t i, const std::string& file) {
    const absl::Status status = target_.Rename(files_[i], file);
    if (absl::IsAlreadyExists(status) || absl::IsInvalidArgument(status)) return false;
    NUMPACK_RETURN_IF_ERROR(status);
    files_[i] = file;
    items_[i].record.data_file = file;
    return true;
  }

  absl::Status WriteMetadata() {
    std::vector<ArrayRecord> records;
    for (const Item& item : items_) records.push_back(item.record);
    NUMPACK_ASSIGN_OR_RETURN(const std::string bytes, legacy_v1::EncodeMetadata(records));
    NUMPACK_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, NewFile());
    const auto* data = reinterpret_cast<const std::byte*>(bytes.data());
    NUMPACK_RETURN_IF_ERROR(file->WriteAt(0, absl::MakeConstSpan(data, bytes.size())));
    NUMPACK_RETURN_IF_ERROR(file->Sync());
    NUMPACK_RETURN_IF_ERROR(target_.Rename(files_.back(), std::string(legacy_v1::kMetadataFile)));
    files_.back() = std::string(legacy_v1::kMetadataFile);
    return target_.SyncDirectory();
  }

  // The last file first, which may be metadata.npkm: there is never one that names missing files.
  void Undo() {
    for (size_t i = files_.size(); i-- > 0;) {
      const std::string work_name = WorkName(i);
      if (files_[i] != work_name) target_.Rename(files_[i], work_name).IgnoreError();
      target_.Remove(work_name).IgnoreError();  // the first error is the one to report
    }
  }

  std::vector<Item> items_;
  Backend& target_;
  const ExportV1Options& options_;
  std::vector<std::string> files_;  // by number: what each file is called now
  uint64_t last_number_ = 0;
  uint64_t done_ = 0;
  uint64_t total_ = 0;
};

}  // namespace

absl::Status ExportV1(ArrayStore& source, Backend& target, const ExportV1Options& options) {
  if (!target.capabilities().foreign_files) {
    return absl::UnimplementedError(absl::StrCat(
        target.Describe(), ": this backend cannot make the files of a NumPack 0.7 directory"));
  }
  NUMPACK_ASSIGN_OR_RETURN(const std::vector<std::string> present, target.List());
  if (!present.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(target.Describe(), " is not empty (",
                                                      absl::Utf8SafeCHexEscape(present[0]),
                                                      "): an export needs a directory to itself"));
  }
  NUMPACK_ASSIGN_OR_RETURN(std::vector<Item> items, TakeSnapshot(source));
  std::vector<ArrayRecord> records;
  for (const Item& item : items) records.push_back(item.record);
  // Only to hear of names that will not do before anything is written.
  NUMPACK_RETURN_IF_ERROR(legacy_v1::EncodeMetadata(records).status());
  return Exporter(std::move(items), target, options).Run();
}

}  // namespace numpack
