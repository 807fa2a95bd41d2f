#include "numpack/batch/writable_batch_state.h"

#include "absl/strings/str_cat.h"
#include "numpack/base/mode_error.h"
#include "numpack/base/name_array.h"
#include "numpack/base/status_macros.h"
#include "numpack/core/array_metadata.h"
#include "numpack/storage/store.h"

namespace numpack {

// Keeps the mapping, and the bytes it shows, for as long as somebody holds the array.
class WritableBatchState::MappedOwner final : public ArrayOwner {
 public:
  explicit MappedOwner(storage::InPlaceMapping mapping) : mapping_(std::move(mapping)) {}

  // Arrays without bytes have an address too; nothing is ever stored there.
  std::byte* data() const {
    alignas(64) static std::byte nothing[64];
    return mapping_.region.empty() ? nothing : mapping_.region.data();
  }
  // Where the system cannot do that, the memory stays the file's; there is no better end for it.
  void CutOff() { mapping_.region.MakePrivate().IgnoreError(); }

 private:
  storage::InPlaceMapping mapping_;
};

absl::Status WritableBatchIsOver() {
  return ModeError("the writable batch is over: begin a new one");
}

absl::Status WritableBatchState::CheckActive() const {
  return over_ ? WritableBatchIsOver() : absl::OkStatus();
}

bool WritableBatchState::active() const {
  absl::MutexLock lock(&mu_);
  return !over_;
}

absl::Status WritableBatchState::Join() {
  absl::MutexLock lock(&mu_);
  NUMPACK_RETURN_IF_ERROR(CheckActive());
  ++depth_;
  return absl::OkStatus();
}

absl::Status WritableBatchState::Leave(bool discard) {
  absl::MutexLock lock(&mu_);
  NUMPACK_RETURN_IF_ERROR(CheckActive());
  doomed_ = doomed_ || discard;
  if (--depth_ > 0) return absl::OkStatus();
  absl::Status status = Finish();
  over_ = true;
  absl::Status closed = store_.Close();
  if (doomed_ && !discard) {
    return absl::AbortedError(
        "a nested atomic writable batch was discarded: nothing of the whole was published");
  }
  return status.ok() ? closed : status;
}

absl::StatusOr<AnyArray> WritableBatchState::Load(absl::string_view name) {
  absl::MutexLock lock(&mu_);
  NUMPACK_RETURN_IF_ERROR(CheckActive());
  if (const auto it = loaded_.find(name); it != loaded_.end()) return it->second.array;
  NUMPACK_RETURN_IF_ERROR(store_.CheckChangeable());
  NUMPACK_ASSIGN_OR_RETURN(Loaded loaded, Open(name));
  return loaded_.emplace(std::string(name), std::move(loaded)).first->second.array;
}

absl::StatusOr<WritableBatchState::Loaded> WritableBatchState::Open(absl::string_view name) {
  storage::Store& storage = *store_.storage();
  storage::InPlaceMapping mapping;
  ArrayInfo info;
  do {
    // Looked at first: what is not an array of ours must not be opened for writing.
    NUMPACK_ASSIGN_OR_RETURN(info, store_.Info(name));
    // A view needs the rows in one piece.
    if (info.dropped != nullptr) NUMPACK_RETURN_IF_ERROR(store_.Compact(name));
    absl::StatusOr<storage::InPlaceMapping> begun =
        atomic_ ? storage.BeginCopy(name) : storage.BeginInPlace(name);
    // The handle was good a moment ago: somebody else has the array open.
    if (!begun.ok()) return NameArray(name, AsModeError(begun.status()));
    mapping = *std::move(begun);
    // Looked at again: another writer may have come between, and changed the shape or dropped rows.
    absl::StatusOr<ArrayInfo> now = InfoOf(name, mapping.bytes);
    if (!now.ok() || now->dropped != nullptr) {
      absl::Status ended;
      if (atomic_) {
        storage.DropCopies({std::string(name)});
      } else {
        ended = storage.EndInPlace({{std::string(name), mapping.bytes.metadata()}});
      }
      NUMPACK_RETURN_IF_ERROR(now.status());
      NUMPACK_RETURN_IF_ERROR(ended);
    }
    info = *std::move(now);
  } while (info.dropped != nullptr);
  Loaded loaded;
  loaded.metadata = mapping.bytes.metadata();
  loaded.owner = std::make_shared<MappedOwner>(std::move(mapping));
  NUMPACK_ASSIGN_OR_RETURN(ArrayView view,
                           ArrayView::Contiguous(info.dtype, info.shape, loaded.owner->data()));
  loaded.array = AnyArray(std::move(view), /*writable=*/true, loaded.owner);
  return loaded;
}

absl::Status WritableBatchState::Save(absl::string_view name, const ArrayView& view) {
  absl::MutexLock lock(&mu_);
  NUMPACK_RETURN_IF_ERROR(CheckActive());
  const auto it = loaded_.find(name);
  if (it != loaded_.end()) {
    const ArrayView& own = it->second.array.view();
    const bool same_memory = view.data == own.data || view.size() == 0;
    if (same_memory && view.dtype == own.dtype && view.shape == own.shape && view.IsContiguous()) {
      return absl::OkStatus();
    }
  }
  return ModeError(
      absl::StrCat("writable batch mode changes arrays where they lie: '", name,
                   "' is not the array that load returned, or has another shape or dtype. Assign "
                   "into that array, or save in batch "
                   "mode, where arrays may be new and change their shape"));
}

std::vector<std::string> WritableBatchState::LoadedNames() const {
  absl::MutexLock lock(&mu_);
  return LoadedNamesLocked();
}

std::vector<std::string> WritableBatchState::LoadedNamesLocked() const {
  std::vector<std::string> names;
  for (const auto& [name, loaded] : loaded_) names.push_back(name);
  return names;
}

absl::Status WritableBatchState::Finish() {
  if (loaded_.empty()) return absl::OkStatus();
  // First, so that what is published together, or given a checksum, does not change any more.
  CutOff();
  absl::Status status = EndAll();
  loaded_.clear();
  return status;
}

absl::Status WritableBatchState::EndAll() {
  storage::Store& storage = *store_.storage();
  if (doomed_) {
    storage.DropCopies(LoadedNamesLocked());
    return absl::OkStatus();
  }
  absl::Status status;
  std::vector<storage::Store::InPlaceEnd> ends;
  for (const auto& [name, loaded] : loaded_) {
    absl::StatusOr<std::string> metadata = TouchMetadata(loaded.metadata);
    if (!metadata.ok()) status.Update(metadata.status());
    ends.push_back({name, metadata.ok() ? *std::move(metadata) : loaded.metadata});
  }
  status.Update(atomic_ ? storage.EndCopies(ends) : storage.EndInPlace(ends));
  return status;
}

void WritableBatchState::CutOff() {
  for (auto& [name, loaded] : loaded_) {
    loaded.array = AnyArray();
    if (loaded.owner.use_count() > 1) loaded.owner->CutOff();
  }
}

}  // namespace numpack
