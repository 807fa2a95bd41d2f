#include "numpack/core/legacy_v1.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "numpack/backends/file.h"
#include "numpack/base/checked_math.h"
#include "numpack/base/status_macros.h"
#include "numpack/core/dtype.h"
#include "numpack/core/legacy_v1_manifest.h"
#include "numpack/core/shape.h"

namespace numpack {
namespace {

using legacy_v1::AliveRows;
using legacy_v1::ArrayRecord;
using legacy_v1::kMetadataFile;
using legacy_v1::ManifestPart;

// What metadata, manifests and bitmaps may have in all: a bitmap that long is for two thousand
// million rows.
constexpr uint64_t kBudget = uint64_t{256} << 20;
constexpr size_t kPieceBytes = size_t{1} << 20;
constexpr size_t kShownBytes = 200;

constexpr absl::string_view kDataSuffix = ".npkd";
constexpr absl::string_view kManifestSuffix = ".npkseg";

// Names come out of a file that anybody may have written: short and printable, for messages.
std::string Shown(absl::string_view name) {
  return absl::Utf8SafeCHexEscape(name.substr(0, kShownBytes));
}

class DirectoryReader {
 public:
  explicit DirectoryReader(Backend& backend) : backend_(backend) {}

  absl::StatusOr<std::vector<ArrayRecord>> ReadMetadata() {
    NUMPACK_ASSIGN_OR_RETURN(const std::string bytes, ReadWhole(kMetadataFile));
    return legacy_v1::ParseMetadata(bytes, Path(kMetadataFile));
  }

  absl::StatusOr<std::vector<LegacyArray>> Read() {
    NUMPACK_ASSIGN_OR_RETURN(std::vector<ArrayRecord> records, ReadMetadata());
    std::vector<LegacyArray> arrays;
    arrays.reserve(records.size());
    for (ArrayRecord& record : records) {
      NUMPACK_ASSIGN_OR_RETURN(LegacyArray array, ReadArray(std::move(record)));
      arrays.push_back(std::move(array));
    }
    NameTheUnnamed(arrays);
    return arrays;
  }

 private:
  std::string Path(absl::string_view file) const {
    return absl::StrCat(backend_.Describe(), "/", Shown(file));
  }

  absl::StatusOr<std::string> ReadWhole(absl::string_view name) {
    NUMPACK_ASSIGN_OR_RETURN(const std::unique_ptr<File> file,
                             backend_.OpenForeign(name, OpenMode::kReadOnly));
    NUMPACK_ASSIGN_OR_RETURN(const uint64_t size, file->Size());
    if (size > budget_) {
      return absl::ResourceExhaustedError(
          absl::StrCat(Path(name), " has ", size, " bytes; metadata, manifests and bitmaps of a ",
                       "directory may have ", kBudget, " in all, ", budget_, " are left"));
    }
    budget_ -= size;
    std::string bytes(static_cast<size_t>(size), '\0');
    auto* data = reinterpret_cast<std::byte*>(&bytes[0]);
    NUMPACK_RETURN_IF_ERROR(file->ReadAt(0, absl::MakeSpan(data, bytes.size())));
    return bytes;
  }

  static void NameTheUnnamed(std::vector<LegacyArray>& arrays) {
    const auto unnamed = std::find_if(arrays.begin(), arrays.end(),
                                      [](const LegacyArray& array) { return array.name.empty(); });
    if (unnamed == arrays.end()) return;  // names are distinct, so there is at most one
    absl::flat_hash_set<absl::string_view> names;
    for (const LegacyArray& array : arrays) names.insert(array.name);
    std::string name = "unnamed";
    for (int i = 2; names.contains(name); ++i) name = absl::StrCat("unnamed ", i);
    unnamed->name = std::move(name);
  }

  absl::StatusOr<LegacyArray> ReadArray(ArrayRecord record) {
    LegacyArray array;
    array.info.dtype = record.dtype;
    array.info.shape = record.shape;
    constexpr uint64_t kLatest = std::numeric_limits<int64_t>::max();
    array.info.modified_us = static_cast<int64_t>(std::min(record.modified_us, kLatest));
    array.stored_rows = record.shape.empty() ? 1 : static_cast<uint64_t>(record.shape[0]);
    array.row_bytes = array.stored_rows == 0 ? 0 : record.nbytes / array.stored_rows;
    NUMPACK_RETURN_IF_ERROR(FindBytes(record, &array));
    NUMPACK_RETURN_IF_ERROR(FindBitmap(record, &array));
    const uint64_t rows = array.alive.has_value() ? array.alive->alive() : array.stored_rows;
    if (!array.info.shape.empty()) array.info.shape[0] = static_cast<int64_t>(rows);
    array.info.nbytes = static_cast<int64_t>(rows * array.row_bytes);
    array.name = std::move(record.name);
    return array;
  }

  absl::Status ArrayError(const ArrayRecord& record, absl::string_view what) const {
    return absl::DataLossError(
        absl::StrCat(Path(kMetadataFile), ": array '", Shown(record.name), "': ", what));
  }

  // Checks that `file` is the name of a file in the directory, and no other array's.
  absl::Status Claim(const ArrayRecord& record, const std::string& file, LegacyArray* array) {
    if (const absl::Status status = ValidateForeignName(file); !status.ok())
      return ArrayError(record, status.message());
    const auto [owner, fresh] = owners_.emplace(file, record.name);
    if (!fresh) {
      return ArrayError(record, absl::StrCat("its file ", Shown(file), " is also that of '",
                                             Shown(owner->second), "'"));
    }
    array->files.push_back(file);
    return absl::OkStatus();
  }

  absl::Status FindBytes(const ArrayRecord& record, LegacyArray* array) {
    const std::string& file = record.data_file;
    // The suffix keeps metadata.npkm, logs and segments of a store out of it.
    const bool in_parts = absl::EndsWith(file, kManifestSuffix);
    if (!in_parts && !absl::EndsWith(file, kDataSuffix)) {
      return ArrayError(record, absl::StrCat("its data file ", Shown(file), " is neither *",
                                             kDataSuffix, " nor *", kManifestSuffix));
    }
    NUMPACK_RETURN_IF_ERROR(Claim(record, file, array));
    if (in_parts) return FindParts(record, array);
    return AddPart(record, {file, 0, record.nbytes}, array);
  }

  absl::Status FindParts(const ArrayRecord& record, LegacyArray* array) {
    NUMPACK_ASSIGN_OR_RETURN(const std::string bytes, ReadWhole(record.data_file));
    const std::string path = Path(record.data_file);
    NUMPACK_ASSIGN_OR_RETURN(const std::vector<ManifestPart> parts,
                             legacy_v1::ParseManifest(bytes, path));
    uint64_t rows = 0;
    for (const ManifestPart& part : parts) {
      if (part.rows > array->stored_rows - rows || part.bytes != part.rows * array->row_bytes) {
        return absl::DataLossError(
            absl::StrCat(path, ": ", part.rows, " rows of ", part.bytes, " bytes in ",
                         Shown(part.file), " do not fit array '", Shown(record.name), "' of ",
                         array->stored_rows, " rows of ", array->row_bytes, " bytes"));
      }
      rows += part.rows;
      if (!absl::EndsWith(part.file, kDataSuffix)) {
        return absl::DataLossError(
            absl::StrCat(path, ": the part ", Shown(part.file), " is not *", kDataSuffix));
      }
      NUMPACK_RETURN_IF_ERROR(Claim(record, part.file, array));
      NUMPACK_RETURN_IF_ERROR(AddPart(record, {part.file, 0, part.bytes}, array));
    }
    if (rows == array->stored_rows) return absl::OkStatus();
    return absl::DataLossError(absl::StrCat(path, " has ", rows, " of the ", array->stored_rows,
                                            " rows of array '", Shown(record.name), "'"));
  }

  // A file may be longer than what is used of it: NumPack 0.7 writes rows before it counts them.
  absl::Status AddPart(const ArrayRecord& record, LegacyBytes part, LegacyArray* array) {
    if (part.bytes == 0) return absl::OkStatus();  // then the file may even be missing
    absl::StatusOr<std::unique_ptr<File>> file =
        backend_.OpenForeign(part.file, OpenMode::kReadOnly);
    if (absl::IsNotFound(file.status()))
      return ArrayError(record, absl::StrCat("its file ", Shown(part.file), " is missing"));
    NUMPACK_RETURN_IF_ERROR(file.status());
    NUMPACK_ASSIGN_OR_RETURN(const uint64_t size, (*file)->Size());
    if (size < part.bytes) {
      return ArrayError(record, absl::StrCat("its file ", Shown(part.file), " has ", size,
                                             " bytes, of at least ", part.bytes));
    }
    array->parts.push_back(std::move(part));
    return absl::OkStatus();
  }

  absl::Status FindBitmap(const ArrayRecord& record, LegacyArray* array) {
    if (record.shape.empty()) return absl::OkStatus();
    const std::string file = absl::StrCat("deleted_", record.name, ".npkb");
    // A name that no file can have is that of an array without a bitmap.
    if (!ValidateForeignName(file).ok()) return absl::OkStatus();
    const absl::StatusOr<std::string> bytes = ReadWhole(file);
    if (absl::IsNotFound(bytes.status())) return absl::OkStatus();
    NUMPACK_RETURN_IF_ERROR(bytes.status());
    NUMPACK_RETURN_IF_ERROR(Claim(record, file, array));
    NUMPACK_ASSIGN_OR_RETURN(AliveRows alive,
                             legacy_v1::ParseBitmap(*bytes, array->stored_rows, Path(file)));
    if (alive.alive() < alive.rows()) array->alive = std::move(alive);
    return absl::OkStatus();
  }

  Backend& backend_;
  uint64_t budget_ = kBudget;
  absl::flat_hash_map<std::string, std::string> owners_;  // array by file
};

// Reads stored bytes of an array by their distance from its beginning.
class PartReader {
 public:
  PartReader(Backend& backend, const LegacyArray& array) : backend_(backend), array_(array) {}

  absl::Status Read(uint64_t begin, uint64_t end,
                    absl::FunctionRef<absl::Status(absl::Span<const std::byte>)> sink) {
    while (begin < end) {
      // Calls come with growing offsets, so the search never goes back.
      while (begin >= part_begin_ + array_.parts[part_].bytes) {
        part_begin_ += array_.parts[part_].bytes;
        ++part_;
        file_ = nullptr;
      }
      const LegacyBytes& part = array_.parts[part_];
      if (file_ == nullptr) {
        NUMPACK_ASSIGN_OR_RETURN(file_, backend_.OpenForeign(part.file, OpenMode::kReadOnly));
      }
      const uint64_t in_part = begin - part_begin_;
      const auto length =
          static_cast<size_t>(std::min({end - begin, part.bytes - in_part, uint64_t{kPieceBytes}}));
      buffer_.resize(std::max(buffer_.size(), length));
      const absl::Span<std::byte> piece = absl::MakeSpan(buffer_).first(length);
      NUMPACK_RETURN_IF_ERROR(file_->ReadAt(part.offset + in_part, piece));
      NUMPACK_RETURN_IF_ERROR(sink(piece));
      begin += length;
    }
    return absl::OkStatus();
  }

 private:
  Backend& backend_;
  const LegacyArray& array_;
  std::unique_ptr<File> file_;  // of parts[part_]; null until it is needed
  size_t part_ = 0;
  uint64_t part_begin_ = 0;
  std::vector<std::byte> buffer_;
};

}  // namespace

bool IsLegacyDirectory(absl::Span<const std::string> files) {
  bool metadata = false;
  for (const std::string& name : files) {
    if (absl::StartsWith(name, "log.")) return false;
    metadata = metadata || name == kMetadataFile;
  }
  return metadata;
}

absl::StatusOr<std::vector<LegacyArray>> ReadLegacyDirectory(Backend& backend) {
  return DirectoryReader(backend).Read();
}

absl::StatusOr<std::vector<std::string>> LegacyDataFiles(Backend& backend) {
  NUMPACK_ASSIGN_OR_RETURN(std::vector<ArrayRecord> records,
                           DirectoryReader(backend).ReadMetadata());
  std::vector<std::string> files;
  files.reserve(records.size());
  for (ArrayRecord& record : records) {
    const bool in_parts = absl::EndsWith(record.data_file, kManifestSuffix);
    files.push_back(in_parts ? std::string() : std::move(record.data_file));
  }
  return files;
}

absl::Status ReadLegacyArray(Backend& backend, const LegacyArray& array,
                             absl::FunctionRef<absl::Status(absl::Span<const std::byte>)> sink) {
  if (array.row_bytes == 0) return absl::OkStatus();
  PartReader reader(backend, array);
  if (!array.alive.has_value()) return reader.Read(0, array.stored_rows * array.row_bytes, sink);
  for (AliveRows::Run run = array.alive->NextRun(0); run.begin < run.end;
       run = array.alive->NextRun(run.end)) {
    NUMPACK_RETURN_IF_ERROR(
        reader.Read(run.begin * array.row_bytes, run.end * array.row_bytes, sink));
  }
  return absl::OkStatus();
}

}  // namespace numpack
