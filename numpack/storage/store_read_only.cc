// Reading without the right to write: another user's directory, a read-only file system.
//
// The store's backend refuses every change (read_only_backend.h), and in place of pins there is a
// lock that keeps everybody from using space again (shared_state_watch.cc). While somebody who may
// write has the store open, the published state is followed as ever. While nobody has, the state is
// what the first one to open it would recover, made in memory: a torn tail does not count, behind
// an untrusted tail it is that of the last barrier, and what would be written into arrays is laid
// over them (patched_segment.h). Whoever comes to write makes the same of the same log, so what is
// being read stays right.
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "numpack/base/status_macros.h"
#include "numpack/storage/patched_segment.h"
#include "numpack/storage/store.h"

namespace numpack::storage {

absl::Status Store::StartReadOnly() {
  shared_ = SharedState::Watch(backend_);
  {
    absl::MutexLock lock(&mu_);
    NUMPACK_RETURN_IF_ERROR(ReadAnew());
    NUMPACK_RETURN_IF_ERROR(Follow());
  }
  Register();
  return absl::OkStatus();
}

absl::Status Store::LookAround() {
  while (shared_->SomebodyCame()) NUMPACK_RETURN_IF_ERROR(ReadAnew());
  if (ahead_ && IsBehind()) {
    // Somebody has finished what the dead writer began, and gone on. Arrays are read as they lie
    // again.
    ahead_ = false;
    reread_ = true;
  }
  return absl::OkStatus();
}

absl::Status Store::ReadAnew() {
  for (;;) {
    NUMPACK_ASSIGN_OR_RETURN(const bool others, shared_->Approach(lock_wait_));
    const absl::Status status = others ? ReadWithOthers() : ReadAlone();
    shared_->Settle();
    // Where nothing could be locked, somebody may have changed what was being read.
    if (status.ok() || !shared_->SomebodyCame()) return status;
  }
}

// As the first process to open the store would, but for writing.
absl::Status Store::ReadAlone() {
  NUMPACK_ASSIGN_OR_RETURN(const bool import, IsImport());
  if (import) {
    if (log_number_ == 0 && position_.generation != 0) return absl::OkStatus();  // read already
    NUMPACK_ASSIGN_OR_RETURN(const std::vector<std::string> files, backend_->List());
    for (const std::string& name : files) {
      if (!absl::StartsWith(name, "segment.")) continue;
      return absl::PermissionDeniedError(absl::StrCat(
          backend_->Describe(),
          " was about to become a store when that was cut short: open it once without the option "
          "read_only, as somebody who may write"));
    }
    NUMPACK_RETURN_IF_ERROR(ShowImport());
    PublishImport();
    return absl::OkStatus();
  }
  auto recovered = storage::Recover(*backend_, segments_, shared_->pins(), Reader::kFirst);
  if (absl::IsNotFound(recovered.status())) NUMPACK_RETURN_IF_ERROR(CheckNothingIsLost());
  NUMPACK_RETURN_IF_ERROR(recovered.status());
  NUMPACK_RETURN_IF_ERROR(ShowRecovered(*std::move(recovered)));
  shared_->Publish({log_number_, position_.offset}, position_.generation);
  return absl::OkStatus();
}

absl::Status Store::ReadWithOthers() {
  reread_ = true;  // what was recovered here may be laid over with what they have written since
  if (shared_->published_end(0).log_number != 0) return absl::OkStatus();
  // A directory of another program, which nobody adopts meanwhile.
  NUMPACK_ASSIGN_OR_RETURN(const std::unique_ptr<File> lock,
                           SharedState::KeepWritersOut(*backend_, lock_wait_));
  if (shared_->published_end(0).log_number != 0) return absl::OkStatus();
  NUMPACK_ASSIGN_OR_RETURN(const bool import, IsImport());
  if (!import) {
    // Its adopter died when the log was there and not published yet.
    NUMPACK_ASSIGN_OR_RETURN(
        RecoveredState state,
        storage::Recover(*backend_, segments_, shared_->pins(), Reader::kSuccessor));
    NUMPACK_RETURN_IF_ERROR(ShowRecovered(std::move(state)));
    ahead_ = true;
  } else if (log_number_ != 0 || position_.generation == 0) {
    NUMPACK_RETURN_IF_ERROR(ShowImport());
  }
  reread_ = false;
  return absl::OkStatus();
}

// The last writer has died between a redo record and the bytes that it says, and nobody who may
// write has come since to finish: so it is done in memory.
absl::Status Store::ReadPastDeadWriter() {
  absl::MutexLock lock(&mu_);
  const auto writers_out = SharedState::KeepWritersOut(*backend_, absl::ZeroDuration());
  if (absl::IsUnavailable(writers_out.status())) return absl::OkStatus();  // somebody finishes it
  NUMPACK_RETURN_IF_ERROR(writers_out.status());
  if (ahead_ || shared_->rewriting() == 0) return absl::OkStatus();
  NUMPACK_ASSIGN_OR_RETURN(
      RecoveredState state,
      storage::Recover(*backend_, segments_, shared_->pins(), Reader::kSuccessor));
  NUMPACK_RETURN_IF_ERROR(ShowRecovered(std::move(state)));
  ahead_ = true;
  return absl::OkStatus();
}

absl::Status Store::ShowRecovered(RecoveredState state) {
  std::map<std::shared_ptr<Extent>, std::vector<RedoPayload::Piece>> patches;
  for (RecoveredState::Rewrite& rewrite : state.rewrites) {
    rewrite.piece.offset += rewrite.extent->offset;
    patches[rewrite.extent].push_back(std::move(rewrite.piece));
  }
  for (auto& [extent, pieces] : patches) {
    NUMPACK_ASSIGN_OR_RETURN(extent->segment, PatchSegment(extent->segment, std::move(pieces)));
  }
  catalogue_ = std::move(state.catalogue);
  log_number_ = state.log_number;
  log_file_ = std::move(state.log_file);
  position_ = state.end;
  unattached_.clear();
  return absl::OkStatus();
}

}  // namespace numpack::storage
