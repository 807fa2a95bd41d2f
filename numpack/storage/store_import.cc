// Reading and adopting directories that another program made.
//
// Before adoption the state is what the source reads. Extent and segment i + 1 belong to entry i,
// in every process; segments are open under their foreign names. What is published is generation 1
// of log 0, which there is not.
//
// Adoption, by the first process that wants to write, with the writer's lock:
//   1. what an adoption that was cut short has left is undone (see below)
//   2. files that can become segments are renamed, in order; other entries are copied
//   3. everything is synced, and log.1 made, synced and sealed as any new log: the moment it is
//      complete the directory is a store. Other processes follow to it as to any other log
//   4. the source retires
// Before 3 is reached the directory is undone to what it was: by this process after an error, by
// the next one that opens it, or wants to write, after a crash. Undoing is renaming every segment
// i + 1 whose entry's file is missing back to that, so it can itself be cut short anywhere; it
// begins with removing log.1, and removes all other segments at its end. After 3 there is nothing
// to undo, and 4 is made up for at the next open.
#include <algorithm>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "numpack/base/status_macros.h"
#include "numpack/storage/recovery.h"
#include "numpack/storage/segment.h"
#include "numpack/storage/store.h"

namespace numpack::storage {
namespace {

constexpr uint64_t kImportedGeneration = 1;
constexpr uint64_t kCopyBytes = uint64_t{1} << 20;

uint32_t SegmentOfPlace(size_t place) { return static_cast<uint32_t>(place) + 1; }

// As it can be done at any time before log.1 is complete.
absl::Status UndoAdoption(Backend& backend, const ImportSource& source) {
  NUMPACK_ASSIGN_OR_RETURN(const std::vector<std::string> list, backend.List());
  const absl::flat_hash_set<std::string> present(list.begin(), list.end());
  bool had_log = false;
  for (const std::string& name : list) {
    if (!CommitLog::ParseFileName(name).has_value()) continue;
    NUMPACK_RETURN_IF_ERROR(backend.Remove(name));
    had_log = true;
  }
  // First for good: a log that comes back after a restart names segments that must be there.
  if (had_log) NUMPACK_RETURN_IF_ERROR(backend.SyncDirectory());
  const auto is_segment = [](const std::string& name) {
    return absl::StartsWith(name, "segment.");
  };
  if (absl::c_none_of(list, is_segment)) return absl::OkStatus();
  NUMPACK_ASSIGN_OR_RETURN(const std::vector<std::string> files, source.Files(backend));
  absl::flat_hash_set<std::string> returned;
  for (size_t i = 0; i < files.size(); ++i) {
    const std::string segment = Segment::FileName(SegmentOfPlace(i));
    if (files[i].empty() || present.contains(files[i]) || !present.contains(segment)) continue;
    NUMPACK_RETURN_IF_ERROR(backend.Rename(segment, files[i]));
    returned.insert(segment);
  }
  // What is left are copies that nothing names.
  for (const std::string& name : list) {
    if (is_segment(name) && !returned.contains(name)) NUMPACK_RETURN_IF_ERROR(backend.Remove(name));
  }
  return backend.SyncDirectory();
}

absl::Status SyncLogs(Backend& backend, absl::Span<const std::string> files) {
  for (const std::string& name : files) {
    if (!CommitLog::ParseFileName(name).has_value()) continue;
    NUMPACK_ASSIGN_OR_RETURN(const std::unique_ptr<File> log,
                             backend.Open(name, OpenMode::kReadWrite));
    NUMPACK_RETURN_IF_ERROR(log->Sync());
  }
  return backend.SyncDirectory();
}

absl::StatusOr<std::unique_ptr<File>> OpenToAdopt(Backend& backend, const std::string& name) {
  absl::StatusOr<std::unique_ptr<File>> file = backend.OpenForeign(name, OpenMode::kReadWrite);
  // Good enough as long as nobody writes.
  if (absl::IsPermissionDenied(file.status()))
    file = backend.OpenForeign(name, OpenMode::kReadOnly);
  return file;
}

absl::Status CopyBytes(Segment& from, Segment& to, uint64_t offset, uint64_t length) {
  std::vector<std::byte> buffer(static_cast<size_t>(std::min(length, kCopyBytes)));
  for (uint64_t done = 0; done < length;) {
    const absl::Span<std::byte> piece = absl::MakeSpan(buffer).first(
        static_cast<size_t>(std::min<uint64_t>(buffer.size(), length - done)));
    NUMPACK_RETURN_IF_ERROR(from.Read(done, piece));
    const absl::Span<const std::byte> bytes = piece;
    NUMPACK_RETURN_IF_ERROR(to.Write(offset + done, absl::MakeConstSpan(&bytes, 1)));
    done += piece.size();
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<bool> Store::IsImport() {
  if (import_ == nullptr) return false;
  NUMPACK_ASSIGN_OR_RETURN(const std::vector<std::string> files, backend_->List());
  if (!import_->Recognizes(files)) return false;
  NUMPACK_ASSIGN_OR_RETURN(const bool adopted, HasCompleteLog(*backend_));
  if (!adopted) return true;
  if (read_only_) return false;
  // An adoption got so far that the store is there. Its log may be in memory only, as whoever wrote
  // it was killed; and it must not be missing when nothing else says any more what the arrays are.
  NUMPACK_RETURN_IF_ERROR(SyncLogs(*backend_, files));
  import_->Retire(*backend_).IgnoreError();  // if it cannot be finished now, then next time
  return false;
}

absl::Status Store::ReadImport() {
  NUMPACK_RETURN_IF_ERROR(UndoAdoption(*backend_, *import_));
  absl::MutexLock lock(&mu_);
  return ShowImport();
}

absl::Status Store::ShowImport() {
  NUMPACK_ASSIGN_OR_RETURN(std::vector<ImportedEntry> entries, import_->Read(*backend_));
  std::vector<Catalogue::Put> puts;
  puts.reserve(entries.size());
  const bool mappings = backend_->capabilities().mappings;
  for (size_t i = 0; i < entries.size(); ++i) {
    ImportedEntry& imported = entries[i];
    const uint32_t number = SegmentOfPlace(i);
    Entry entry;
    entry.length = imported.length;
    entry.metadata = std::move(imported.metadata);
    entry.ordinal = i + 1;
    if (imported.length > 0) {
      const bool adoptable = !imported.file.empty();
      // Segment 0, which there is not, stands for bytes that are to be copied.
      entry.extent =
          std::make_shared<Extent>(number, adoptable ? number : 0, /*offset=*/0, imported.length,
                                   /*own_segment=*/true, shared_->pins());
      if (adoptable) {
        NUMPACK_ASSIGN_OR_RETURN(std::unique_ptr<File> file, OpenToAdopt(*backend_, imported.file));
        NUMPACK_ASSIGN_OR_RETURN(entry.extent->segment,
                                 Segment::Take(number, std::move(file), mappings));
        segments_.Insert(entry.extent->segment);
      } else {
        NUMPACK_ASSIGN_OR_RETURN(entry.extent->segment,
                                 Segment::Take(0, std::move(imported.bytes), /*mappings=*/false));
      }
    }
    puts.push_back({std::move(imported.name), std::make_shared<Entry>(std::move(entry))});
  }
  catalogue_ = Catalogue();
  catalogue_.Apply({}, puts, kImportedGeneration);
  log_number_ = 0;
  position_ = {0, kImportedGeneration, 0};
  return absl::OkStatus();
}

absl::Status Store::JoinImport() {
  // Nobody adopts it meanwhile.
  NUMPACK_ASSIGN_OR_RETURN(const bool clean, shared_->LockWriter(lock_wait_));
  absl::StatusOr<bool> import = false;
  absl::Status status;
  bool finish = false;
  if (shared_->published_end(0).log_number == 0) {
    import = IsImport();
    finish = import.ok() && !*import;
    if (import.ok() && *import) status = ReadImport();
  }
  shared_->UnlockWriter(clean);
  NUMPACK_RETURN_IF_ERROR(import.status());
  NUMPACK_RETURN_IF_ERROR(status);
  if (!finish) return absl::OkStatus();
  // Its adopter died when the log was there and not published yet: that is for a writer to do.
  {
    absl::MutexLock lock(&mu_);
    position_ = {0, kImportedGeneration, 0};
  }
  NUMPACK_RETURN_IF_ERROR(AcquireLock(lock_wait_));
  ReleaseLock();
  return absl::OkStatus();
}

void Store::PublishImport() { shared_->Publish({0, 0}, kImportedGeneration); }

bool Store::IsUnadopted() const {
  absl::MutexLock lock(&mu_);
  return log_number_ == 0;
}

absl::Status Store::AdoptImport() {
  NUMPACK_RETURN_IF_ERROR(UndoAdoption(*backend_, *import_));
  Catalogue before;
  {
    absl::MutexLock lock(&mu_);
    before = catalogue_.Clone();
  }
  absl::Status status = TryAdoptImport(before);
  if (status.ok()) {
    import_->Retire(*backend_).IgnoreError();  // the next open makes up for it
    return absl::OkStatus();
  }
  {
    absl::MutexLock lock(&mu_);
    catalogue_ = std::move(before);
    log_number_ = 0;
    log_file_ = nullptr;
    position_ = {0, kImportedGeneration, 0};
  }
  log_ = nullptr;
  space_ = nullptr;
  limbo_ = Limbo();
  // Where that fails too, the next writer begins with it, and so does the next open.
  UndoAdoption(*backend_, *import_).IgnoreError();
  return status;
}

absl::Status Store::TryAdoptImport(const Catalogue& before) {
  NUMPACK_ASSIGN_OR_RETURN(const std::vector<std::string> files, import_->Files(*backend_));
  std::vector<std::shared_ptr<Extent>> adopted;
  for (const auto& [ordinal, item] : before.items()) {
    const EntryPtr& entry = item->second;
    if (entry->extent == nullptr || entry->extent->segment_number == 0) continue;
    const size_t place = static_cast<size_t>(ordinal - 1);
    if (place >= files.size()) return absl::DataLossError("the directory has changed");
    NUMPACK_RETURN_IF_ERROR(
        backend_->Rename(files[place], Segment::FileName(SegmentOfPlace(place))));
    adopted.push_back(entry->extent);
  }
  auto space = std::make_unique<Space>(backend_, segments_, *shared_);
  // Unsynced: nobody knows whether their maker ever synced these files.
  NUMPACK_RETURN_IF_ERROR(space->Adopt(adopted, /*alone=*/true, /*unsynced=*/true));
  shared_->NoteSegment(SegmentOfPlace(files.size()));
  shared_->NoteSegmentChange();
  seen_segment_changes_ = shared_->segment_changes();
  space_ = std::move(space);
  limbo_ = Limbo();
  NUMPACK_ASSIGN_OR_RETURN(Catalogue catalogue, CopyWhatCannotStay(before));
  {
    absl::MutexLock lock(&mu_);
    catalogue_ = std::move(catalogue);
    unattached_.clear();
    effects_.clear();
    books_stale_ = false;
  }
  return StartLog(1, kImportedGeneration);
}

absl::StatusOr<Catalogue> Store::CopyWhatCannotStay(const Catalogue& before) {
  std::vector<Catalogue::Put> puts;
  for (const auto& [ordinal, item] : before.items()) {
    EntryPtr entry = item->second;
    if (entry->extent != nullptr && entry->extent->segment_number == 0) {
      Entry copy = *entry;
      NUMPACK_ASSIGN_OR_RETURN(copy.extent, space_->Allocate(entry->length, /*own_pages=*/false));
      NUMPACK_RETURN_IF_ERROR(CopyBytes(*entry->extent->segment, *copy.extent->segment,
                                        copy.extent->offset, entry->length));
      entry = std::make_shared<Entry>(std::move(copy));
    }
    puts.push_back({item->first, std::move(entry)});
  }
  Catalogue catalogue;
  catalogue.Apply({}, puts, kImportedGeneration);
  return catalogue;
}

}  // namespace numpack::storage
