#include "numpack/storage/commit_log.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "numpack/base/codec.h"
#include "numpack/base/status_macros.h"
#include "numpack/storage/log_payload.h"
#include "numpack/storage/mutation.h"

namespace numpack::storage {
namespace {

// What is always reserved behind the last record, so that on a full disk arrays can be removed.
constexpr uint64_t kSpareBytes = uint64_t{8} << 10;

absl::Span<const std::byte> AsBytes(absl::string_view text) {
  return absl::MakeConstSpan(reinterpret_cast<const std::byte*>(text.data()), text.size());
}

// Whether a record gives space back, or is needed for that. Only these may use the spare bytes.
bool MayUseSpare(const CommitLog::Item& item) {
  switch (item.kind) {
    case RecordKind::kCommit: {
      const absl::StatusOr<CommitPayload> commit = DecodeCommit(item.payload);
      return commit.ok() && commit->puts.empty();
    }
    case RecordKind::kBarrier:
    case RecordKind::kSeal:
    case RecordKind::kSession:
    case RecordKind::kInPlaceEnd:
    case RecordKind::kKept:
      return true;
    default:
      return false;
  }
}

}  // namespace

uint64_t CommitLog::FileBytesFor(uint64_t record_bytes) {
  return (record_bytes + kSpareBytes + kReserveStep - 1) / kReserveStep * kReserveStep;
}

std::string CommitLog::FileName(uint64_t number) { return absl::StrCat("log.", number); }

std::optional<uint64_t> CommitLog::ParseFileName(absl::string_view name) {
  uint64_t number = 0;
  if (!absl::ConsumePrefix(&name, "log.") || !absl::SimpleAtoi(name, &number)) return std::nullopt;
  if (absl::StrCat(number) != name) return std::nullopt;  // "log.007" is not ours
  return number;
}

absl::StatusOr<std::unique_ptr<CommitLog>> CommitLog::Create(Backend& backend, uint64_t number,
                                                             uint64_t generation,
                                                             absl::Span<const Item> first) {
  absl::StatusOr<std::unique_ptr<File>> file = backend.Open(FileName(number), OpenMode::kCreateNew);
  if (absl::IsAlreadyExists(file.status())) {
    NUMPACK_RETURN_IF_ERROR(backend.Remove(FileName(number)));
    file = backend.Open(FileName(number), OpenMode::kCreateNew);
  }
  NUMPACK_RETURN_IF_ERROR(file.status());
  std::unique_ptr<CommitLog> log(
      new CommitLog(*std::move(file), number, Position{0, generation, 0}));
  NUMPACK_RETURN_IF_ERROR(log->Append(first));
  return log;
}

absl::StatusOr<std::unique_ptr<CommitLog>> CommitLog::Continue(std::shared_ptr<File> file,
                                                               uint64_t number, const Position& end,
                                                               bool torn) {
  NUMPACK_ASSIGN_OR_RETURN(const uint64_t size, file->Size());
  std::unique_ptr<CommitLog> log(new CommitLog(std::move(file), number, end));
  log->reserved_ = size;
  char length[4];
  NUMPACK_RETURN_IF_ERROR(
      log->file_->ReadAt(0, absl::MakeSpan(reinterpret_cast<std::byte*>(length), sizeof(length))));
  log->checkpoint_bytes_ = Decoder(absl::string_view(length, sizeof(length))).U32();
  if (torn && !IsBroken("torn-tail-not-wiped"))
    NUMPACK_RETURN_IF_ERROR(log->Wipe(end.offset, size));
  return log;
}

absl::Status CommitLog::Append(absl::Span<const Item> items) {
  NUMPACK_RETURN_IF_ERROR(broken_);
  if (items.empty()) return absl::OkStatus();
  std::string bytes;
  Position next = position_;
  for (const Item& item : items) {
    NUMPACK_RETURN_IF_ERROR(
        AppendRecord(item.kind, ++next.generation, item.payload, &next.checksum, &bytes));
    if (item.kind == RecordKind::kCheckpoint) checkpoint_bytes_ = bytes.size();
  }
  next.offset += bytes.size();
  absl::Status reserved = ReserveFor(next.offset);
  if (absl::IsResourceExhausted(reserved) && next.offset <= reserved_ &&
      std::all_of(items.begin(), items.end(), MayUseSpare)) {
    reserved = absl::OkStatus();
  }
  NUMPACK_RETURN_IF_ERROR(reserved);
  absl::Status status = file_->WriteAt(position_.offset, AsBytes(bytes));
  if (status.ok()) {
    position_ = next;
    return absl::OkStatus();
  }
  if (absl::Status wiped = Wipe(position_.offset, next.offset); !wiped.ok()) {
    broken_ = absl::DataLossError(absl::StrCat("the commit log ", file_->description(),
                                               " could not be restored after a failed write (",
                                               wiped.message(), "); reopen the store"));
  }
  return status;
}

absl::Status CommitLog::ReserveFor(uint64_t record_bytes) {
  if (record_bytes + kSpareBytes <= reserved_) return absl::OkStatus();
  const uint64_t size = FileBytesFor(record_bytes);
  NUMPACK_RETURN_IF_ERROR(file_->Reserve(size));
  reserved_ = size;
  return absl::OkStatus();
}

// In this order, so that whoever is killed in the middle leaves what is still known for an
// unfinished record, and not for damage: a whole header without all that it promises, or less than
// a header, whose last byte is never zero.
absl::Status CommitLog::Wipe(uint64_t begin, uint64_t end) {
  if (IsBroken("wiped-from-the-front")) return WriteZeros(begin, end);
  const uint64_t payload = std::min<uint64_t>(begin + kRecordHeaderBytes, end);
  NUMPACK_RETURN_IF_ERROR(WriteZeros(payload, end));
  NUMPACK_RETURN_IF_ERROR(WriteZeros(payload - 1, payload));
  return WriteZeros(begin, payload - 1);
}

absl::Status CommitLog::WriteZeros(uint64_t begin, uint64_t end) {
  // In pieces of 64 KiB: larger ones make the page cache use large folios, and each later append
  // slower.
  const std::vector<std::byte> zeros(std::min<uint64_t>(end - begin, uint64_t{64} << 10));
  while (begin < end) {
    const uint64_t length = std::min<uint64_t>(zeros.size(), end - begin);
    NUMPACK_RETURN_IF_ERROR(file_->WriteAt(begin, absl::MakeConstSpan(zeros.data(), length)));
    begin += length;
  }
  return absl::OkStatus();
}

}  // namespace numpack::storage
