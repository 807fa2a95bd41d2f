#include "numpack/backends/testing/fault_injecting_backend.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/file.h"
#include "numpack/backends/mapped_region.h"
#include "numpack/base/status_macros.h"

namespace numpack {

bool ChangesTheStore(const BackendCall& call) {
  switch (call.operation) {
    case BackendOperation::kRemove:
    case BackendOperation::kRename:
    case BackendOperation::kSyncDirectory:
    case BackendOperation::kReserve:
    case BackendOperation::kTruncate:
    case BackendOperation::kWrite:
    case BackendOperation::kFlush:
    case BackendOperation::kSync:
      return true;
    default:
      return false;
  }
}

// Which call fails, and how. Thread-safe.
class FaultInjectingBackend::Plan {
 public:
  struct Fault {
    absl::Status status;
    FaultKind kind;
  };

  void Count(Predicate predicate) {
    absl::MutexLock lock(&mutex_);
    predicate_ = std::move(predicate);
  }

  // Calls number `first` to `last` fail.
  void Set(int64_t first, int64_t last, Fault fault) {
    absl::MutexLock lock(&mutex_);
    first_ = first;
    last_ = last;
    fault_ = std::move(fault);
    calls_ = 0;
    faults_ = 0;
    failed_.clear();
  }

  // Counts a call; a value means that it is to fail.
  std::optional<Fault> Next(BackendOperation operation, absl::string_view file) {
    absl::MutexLock lock(&mutex_);
    if (predicate_ && !predicate_({operation, std::string(file)})) return std::nullopt;
    ++calls_;
    if (calls_ < first_ || calls_ > last_) return std::nullopt;
    ++faults_;
    failed_.push_back({operation, std::string(file)});
    return fault_;
  }

  // The same for calls that can only fail as a whole.
  absl::Status Check(BackendOperation operation, absl::string_view file = "") {
    std::optional<Fault> fault = Next(operation, file);
    return fault.has_value() ? std::move(fault->status) : absl::OkStatus();
  }

  int64_t calls() const {
    absl::MutexLock lock(&mutex_);
    return calls_;
  }
  int64_t faults() const {
    absl::MutexLock lock(&mutex_);
    return faults_;
  }
  std::vector<BackendCall> failed() const {
    absl::MutexLock lock(&mutex_);
    return failed_;
  }

  // What is open.
  std::atomic<int64_t> files{0};
  std::atomic<int64_t> regions{0};

  void OverrideCapabilities(BackendCapabilities capabilities) {
    absl::MutexLock lock(&mutex_);
    capabilities_ = capabilities;
  }
  std::optional<BackendCapabilities> capabilities() const {
    absl::MutexLock lock(&mutex_);
    return capabilities_;
  }

 private:
  mutable absl::Mutex mutex_;
  Predicate predicate_ ABSL_GUARDED_BY(mutex_);
  int64_t first_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t last_ ABSL_GUARDED_BY(mutex_) = -1;  // none fails
  Fault fault_ ABSL_GUARDED_BY(mutex_) = {absl::OkStatus(), FaultKind::kFail};
  int64_t calls_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t faults_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<BackendCall> failed_ ABSL_GUARDED_BY(mutex_);
  std::optional<BackendCapabilities> capabilities_ ABSL_GUARDED_BY(mutex_);
};

class FaultInjectingBackend::FaultyRegion : public MappedRegion::Impl {
 public:
  FaultyRegion(MappedRegion inner, std::string name, std::shared_ptr<Plan> plan)
      : inner_(std::move(inner)), name_(std::move(name)), plan_(std::move(plan)) {
    ++plan_->regions;
  }
  ~FaultyRegion() override { --plan_->regions; }

  absl::Status Flush(size_t offset, size_t length) override {
    NUMPACK_RETURN_IF_ERROR(plan_->Check(BackendOperation::kFlush, name_));
    return inner_.Flush(offset, length);
  }
  void Advise(size_t offset, size_t length, AccessPattern pattern) override {
    inner_.Advise(offset, length, pattern);
  }
  absl::Status PrefaultForWriting(size_t offset, size_t length) override {
    NUMPACK_RETURN_IF_ERROR(plan_->Check(BackendOperation::kPrefault, name_));
    return inner_.PrefaultForWriting(offset, length);
  }
  absl::Status MakePrivate() override {
    NUMPACK_RETURN_IF_ERROR(plan_->Check(BackendOperation::kMakePrivate, name_));
    return inner_.MakePrivate();
  }

 private:
  MappedRegion inner_;
  const std::string name_;
  const std::shared_ptr<Plan> plan_;
};

class FaultInjectingBackend::FaultyFile final : public File {
 public:
  FaultyFile(std::unique_ptr<File> inner, std::string name, std::shared_ptr<Plan> plan)
      : inner_(std::move(inner)), name_(std::move(name)), plan_(std::move(plan)) {
    ++plan_->files;
  }
  ~FaultyFile() override { --plan_->files; }

  const std::string& description() const override { return inner_->description(); }

  absl::StatusOr<uint64_t> Size() override {
    NUMPACK_RETURN_IF_ERROR(Check(BackendOperation::kSize));
    return inner_->Size();
  }
  absl::Status Reserve(uint64_t size) override {
    NUMPACK_RETURN_IF_ERROR(Check(BackendOperation::kReserve));
    return inner_->Reserve(size);
  }
  absl::Status Truncate(uint64_t size) override {
    NUMPACK_RETURN_IF_ERROR(Check(BackendOperation::kTruncate));
    return inner_->Truncate(size);
  }
  absl::Status ReadAt(uint64_t offset, absl::Span<std::byte> to) override {
    NUMPACK_RETURN_IF_ERROR(Check(BackendOperation::kRead));
    return inner_->ReadAt(offset, to);
  }

  using File::WriteAt;
  absl::Status WriteAt(uint64_t offset,
                       absl::Span<const absl::Span<const std::byte>> pieces) override {
    const auto fault = plan_->Next(BackendOperation::kWrite, name_);
    if (!fault.has_value()) return inner_->WriteAt(offset, pieces);
    if (fault->kind == FaultKind::kShortWrite) WriteHalf(offset, pieces);
    return fault->status;
  }

  absl::StatusOr<MappedRegion> Map(uint64_t offset, uint64_t length, MapMode mode) override {
    NUMPACK_RETURN_IF_ERROR(Check(BackendOperation::kMap));
    NUMPACK_ASSIGN_OR_RETURN(MappedRegion region, inner_->Map(offset, length, mode));
    if (region.empty()) return region;
    std::byte* const data = region.data();
    const size_t size = region.size();
    return MappedRegion(data, size,
                        std::make_unique<FaultyRegion>(std::move(region), name_, plan_));
  }

  absl::Status Sync() override {
    NUMPACK_RETURN_IF_ERROR(Check(BackendOperation::kSync));
    return inner_->Sync();
  }
  absl::Status Lock(uint64_t offset, uint64_t length, LockKind kind,
                    absl::Duration max_wait) override {
    NUMPACK_RETURN_IF_ERROR(Check(BackendOperation::kLock));
    return inner_->Lock(offset, length, kind, max_wait);
  }
  absl::Status Unlock(uint64_t offset, uint64_t length) override {
    NUMPACK_RETURN_IF_ERROR(Check(BackendOperation::kUnlock));
    return inner_->Unlock(offset, length);
  }

 private:
  absl::Status Check(BackendOperation operation) { return plan_->Check(operation, name_); }

  void WriteHalf(uint64_t offset, absl::Span<const absl::Span<const std::byte>> pieces) {
    size_t left = 0;
    for (const absl::Span<const std::byte> piece : pieces) left += piece.size();
    left /= 2;
    std::vector<absl::Span<const std::byte>> half;
    for (const absl::Span<const std::byte> piece : pieces) {
      half.push_back(piece.first(std::min(left, piece.size())));
      left -= half.back().size();
    }
    inner_->WriteAt(offset, absl::MakeConstSpan(half))
        .IgnoreError();  // the fault is reported in any case
  }

  const std::unique_ptr<File> inner_;
  const std::string name_;
  const std::shared_ptr<Plan> plan_;
};

FaultInjectingBackend::FaultInjectingBackend(std::shared_ptr<Backend> inner)
    : inner_(std::move(inner)), plan_(std::make_shared<Plan>()) {}
FaultInjectingBackend::~FaultInjectingBackend() = default;

void FaultInjectingBackend::Count(Predicate predicate) { plan_->Count(std::move(predicate)); }

void FaultInjectingBackend::FailAt(int64_t n, absl::Status status, FaultKind kind) {
  plan_->Set(n, n, {std::move(status), kind});
}

void FaultInjectingBackend::FailFrom(int64_t n, absl::Status status, FaultKind kind) {
  plan_->Set(n, std::numeric_limits<int64_t>::max(), {std::move(status), kind});
}

void FaultInjectingBackend::Heal() { plan_->Set(0, -1, {absl::OkStatus(), FaultKind::kFail}); }
int64_t FaultInjectingBackend::calls() const { return plan_->calls(); }
int64_t FaultInjectingBackend::faults() const { return plan_->faults(); }
std::vector<BackendCall> FaultInjectingBackend::failed_calls() const { return plan_->failed(); }
int64_t FaultInjectingBackend::open_files() const { return plan_->files; }
int64_t FaultInjectingBackend::open_regions() const { return plan_->regions; }

void FaultInjectingBackend::OverrideCapabilities(BackendCapabilities capabilities) {
  plan_->OverrideCapabilities(capabilities);
}

BackendCapabilities FaultInjectingBackend::capabilities() const {
  return plan_->capabilities().value_or(inner_->capabilities());
}

absl::StatusOr<std::unique_ptr<File>> FaultInjectingBackend::Open(absl::string_view name,
                                                                  OpenMode mode) {
  NUMPACK_RETURN_IF_ERROR(plan_->Check(BackendOperation::kOpen, name));
  NUMPACK_ASSIGN_OR_RETURN(std::unique_ptr<File> file, inner_->Open(name, mode));
  return std::make_unique<FaultyFile>(std::move(file), std::string(name), plan_);
}

absl::StatusOr<std::vector<std::string>> FaultInjectingBackend::List() {
  NUMPACK_RETURN_IF_ERROR(plan_->Check(BackendOperation::kList));
  return inner_->List();
}

absl::Status FaultInjectingBackend::Remove(absl::string_view name) {
  NUMPACK_RETURN_IF_ERROR(plan_->Check(BackendOperation::kRemove, name));
  return inner_->Remove(name);
}

absl::StatusOr<std::unique_ptr<File>> FaultInjectingBackend::OpenForeign(absl::string_view name,
                                                                         OpenMode mode) {
  NUMPACK_RETURN_IF_ERROR(plan_->Check(BackendOperation::kOpenForeign, name));
  NUMPACK_ASSIGN_OR_RETURN(std::unique_ptr<File> file, inner_->OpenForeign(name, mode));
  return std::make_unique<FaultyFile>(std::move(file), std::string(name), plan_);
}

absl::Status FaultInjectingBackend::Rename(absl::string_view from, absl::string_view to) {
  NUMPACK_RETURN_IF_ERROR(plan_->Check(BackendOperation::kRename, from));
  return inner_->Rename(from, to);
}

absl::Status FaultInjectingBackend::SyncDirectory() {
  NUMPACK_RETURN_IF_ERROR(plan_->Check(BackendOperation::kSyncDirectory));
  return inner_->SyncDirectory();
}

absl::Status FaultInjectingBackend::CheckPresent() {
  NUMPACK_RETURN_IF_ERROR(plan_->Check(BackendOperation::kCheckPresent));
  return inner_->CheckPresent();
}

absl::StatusOr<uint64_t> FaultInjectingBackend::FreeSpace() {
  NUMPACK_RETURN_IF_ERROR(plan_->Check(BackendOperation::kFreeSpace));
  return inner_->FreeSpace();
}

}  // namespace numpack
