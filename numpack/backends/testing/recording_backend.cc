#include "numpack/backends/testing/recording_backend.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "numpack/backends/mapped_region.h"
#include "numpack/base/status_macros.h"

namespace numpack {
namespace {

using Kind = RecordedCall::Kind;

std::string Join(absl::Span<const absl::Span<const std::byte>> pieces) {
  std::string bytes;
  for (const absl::Span<const std::byte> piece : pieces)
    bytes.append(reinterpret_cast<const char*>(piece.data()), piece.size());
  return bytes;
}

// Whether this thread is in a hook.
thread_local bool in_hook = false;

}  // namespace

std::string Describe(const RecordedCall& call) {
  switch (call.kind) {
    case Kind::kExisting:
      return absl::StrCat("find ", call.name);
    case Kind::kCreate:
      return absl::StrCat("create ", call.name);
    case Kind::kRemove:
      return absl::StrCat("remove ", call.name);
    case Kind::kRename:
      return absl::StrCat("rename ", call.name, " to ", call.new_name);
    case Kind::kReserve:
      return absl::StrCat("reserve ", call.name, " ", call.offset);
    case Kind::kTruncate:
      return absl::StrCat("truncate ", call.name, " ", call.offset);
    case Kind::kWrite:
      return absl::StrCat("write ", call.name, " [", call.offset, ", ",
                          call.offset + call.bytes.size(), ")");
    case Kind::kSync:
      return absl::StrCat("sync ", call.name);
    case Kind::kSyncDirectory:
      return "sync the directory";
  }
  return "";
}

// The list of calls. A call is made and written down under one lock, so that the order is theirs.
class RecordingBackend::Recorder {
 public:
  void SetHook(std::function<void(const RecordedCall&)> hook) {
    absl::MutexLock lock(&mu_);
    hook_ = std::move(hook);
  }

  std::vector<RecordedCall> calls() const {
    absl::MutexLock lock(&mu_);
    return calls_;
  }
  size_t size() const {
    absl::MutexLock lock(&mu_);
    return calls_.size();
  }

  absl::Status Record(RecordedCall call, absl::FunctionRef<absl::Status()> make);

  // The number of the file of this name, which is there.
  uint64_t NumberOf(absl::string_view name) {
    absl::MutexLock lock(&mu_);
    return NumberOfLocked(name);
  }

  void Add(RecordingRegion* region) {
    absl::MutexLock lock(&mu_);
    regions_.push_back(region);
  }
  void Remove(RecordingRegion* region);
  void CatchStores(RecordingRegion& region);

 private:
  void CatchStoresLocked(RecordingRegion& region) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  uint64_t NumberOfLocked(absl::string_view name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    const auto [it, is_new] = numbers_.try_emplace(std::string(name), next_number_);
    if (is_new) {
      ++next_number_;
      calls_.push_back({Kind::kExisting, it->second, it->first, "", 0, ""});
    }
    return it->second;
  }

  mutable absl::Mutex mu_;
  std::function<void(const RecordedCall&)> hook_ ABSL_GUARDED_BY(mu_);
  std::vector<RecordedCall> calls_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, uint64_t> numbers_ ABSL_GUARDED_BY(mu_);  // by name
  uint64_t next_number_ ABSL_GUARDED_BY(mu_) = 0;
  std::vector<RecordingRegion*> regions_ ABSL_GUARDED_BY(mu_);  // the writable ones that live
};

class RecordingBackend::RecordingRegion final : public MappedRegion::Impl {
 public:
  RecordingRegion(MappedRegion inner, uint64_t offset, uint64_t file, std::string name,
                  std::shared_ptr<Recorder> recorder)
      : inner_(std::move(inner)),
        offset_(offset),
        file_(file),
        name_(std::move(name)),
        recorder_(std::move(recorder)),
        known_(inner_.data(), inner_.data() + inner_.size()) {
    recorder_->Add(this);
  }
  ~RecordingRegion() override { recorder_->Remove(this); }

  absl::Status Flush(size_t offset, size_t length) override {
    recorder_->CatchStores(*this);
    return inner_.Flush(offset, length);
  }
  void Advise(size_t offset, size_t length, AccessPattern pattern) override {
    inner_.Advise(offset, length, pattern);
  }
  absl::Status PrefaultForWriting(size_t offset, size_t length) override {
    return inner_.PrefaultForWriting(offset, length);
  }
  absl::Status MakePrivate() override {
    recorder_->CatchStores(*this);
    return inner_.MakePrivate();
  }

  // What has changed since it was looked at last, one write for each sector.
  std::vector<RecordedCall> Changes() {
    constexpr size_t kStep = 512;
    std::vector<RecordedCall> changes;
    for (size_t at = 0; at < known_.size(); at += kStep) {
      const size_t end = std::min(at + kStep, known_.size());
      if (std::memcmp(&known_[at], inner_.data() + at, end - at) == 0) continue;
      size_t first = at, last = end;
      while (known_[first] == inner_.data()[first]) ++first;
      while (known_[last - 1] == inner_.data()[last - 1]) --last;
      const char* const bytes = reinterpret_cast<const char*>(inner_.data());
      changes.push_back({Kind::kWrite, file_, name_, "", offset_ + first,
                         std::string(bytes + first, bytes + last)});
      std::copy(inner_.data() + first, inner_.data() + last, &known_[first]);
    }
    return changes;
  }

 private:
  MappedRegion inner_;
  const uint64_t offset_;
  const uint64_t file_;
  const std::string name_;
  const std::shared_ptr<Recorder> recorder_;
  std::vector<std::byte> known_;
};

absl::Status RecordingBackend::Recorder::Record(RecordedCall call,
                                                absl::FunctionRef<absl::Status()> make) {
  std::function<void(const RecordedCall&)> hook;
  if (!in_hook) {
    absl::MutexLock lock(&mu_);
    hook = hook_;
  }
  if (hook) {
    in_hook = true;
    hook(call);
    in_hook = false;
  }
  absl::MutexLock lock(&mu_);
  for (RecordingRegion* const region : regions_) CatchStoresLocked(*region);
  // What was there before is known before it goes, or gets another name.
  if (call.kind == Kind::kRemove || call.kind == Kind::kRename)
    call.file = NumberOfLocked(call.name);
  NUMPACK_RETURN_IF_ERROR(make());
  if (call.kind == Kind::kCreate) {
    call.file = next_number_++;
    numbers_[call.name] = call.file;
  }
  if (call.kind == Kind::kRemove || call.kind == Kind::kRename) numbers_.erase(call.name);
  if (call.kind == Kind::kRename) numbers_[call.new_name] = call.file;
  calls_.push_back(std::move(call));
  return absl::OkStatus();
}

void RecordingBackend::Recorder::Remove(RecordingRegion* region) {
  absl::MutexLock lock(&mu_);
  CatchStoresLocked(*region);
  regions_.erase(std::find(regions_.begin(), regions_.end(), region));
}

void RecordingBackend::Recorder::CatchStores(RecordingRegion& region) {
  absl::MutexLock lock(&mu_);
  CatchStoresLocked(region);
}

void RecordingBackend::Recorder::CatchStoresLocked(RecordingRegion& region) {
  for (RecordedCall& change : region.Changes()) calls_.push_back(std::move(change));
}

class RecordingBackend::RecordingFile final : public File {
 public:
  RecordingFile(std::unique_ptr<File> inner, uint64_t file, std::string name,
                std::shared_ptr<Recorder> recorder)
      : inner_(std::move(inner)),
        file_(file),
        name_(std::move(name)),
        recorder_(std::move(recorder)) {}

  const std::string& description() const override { return inner_->description(); }
  absl::StatusOr<uint64_t> Size() override { return inner_->Size(); }
  absl::Status Reserve(uint64_t size) override {
    return recorder_->Record({Kind::kReserve, file_, name_, "", size, ""},
                             [&] { return inner_->Reserve(size); });
  }
  absl::Status Truncate(uint64_t size) override {
    return recorder_->Record({Kind::kTruncate, file_, name_, "", size, ""},
                             [&] { return inner_->Truncate(size); });
  }
  absl::Status ReadAt(uint64_t offset, absl::Span<std::byte> to) override {
    return inner_->ReadAt(offset, to);
  }
  using File::WriteAt;
  absl::Status WriteAt(uint64_t offset,
                       absl::Span<const absl::Span<const std::byte>> pieces) override {
    return recorder_->Record({Kind::kWrite, file_, name_, "", offset, Join(pieces)},
                             [&] { return inner_->WriteAt(offset, pieces); });
  }
  absl::StatusOr<MappedRegion> Map(uint64_t offset, uint64_t length, MapMode mode) override {
    NUMPACK_ASSIGN_OR_RETURN(MappedRegion region, inner_->Map(offset, length, mode));
    if (region.empty() || mode == MapMode::kReadOnly) return region;
    std::byte* const data = region.data();
    const size_t size = region.size();
    return MappedRegion(
        data, size,
        std::make_unique<RecordingRegion>(std::move(region), offset, file_, name_, recorder_));
  }
  absl::Status Sync() override {
    return recorder_->Record({Kind::kSync, file_, name_, "", 0, ""},
                             [&] { return inner_->Sync(); });
  }
  absl::Status Lock(uint64_t offset, uint64_t length, LockKind kind,
                    absl::Duration max_wait) override {
    return inner_->Lock(offset, length, kind, max_wait);
  }
  absl::Status Unlock(uint64_t offset, uint64_t length) override {
    return inner_->Unlock(offset, length);
  }

 private:
  const std::unique_ptr<File> inner_;
  const uint64_t file_;
  const std::string name_;
  const std::shared_ptr<Recorder> recorder_;
};

RecordingBackend::RecordingBackend(std::shared_ptr<Backend> inner, std::string boot_id)
    : inner_(std::move(inner)),
      boot_id_(std::move(boot_id)),
      recorder_(std::make_shared<Recorder>()) {}
RecordingBackend::~RecordingBackend() = default;

std::vector<RecordedCall> RecordingBackend::calls() const { return recorder_->calls(); }
size_t RecordingBackend::size() const { return recorder_->size(); }
void RecordingBackend::SetHook(std::function<void(const RecordedCall&)> hook) {
  recorder_->SetHook(std::move(hook));
}

BackendCapabilities RecordingBackend::capabilities() const {
  BackendCapabilities capabilities = inner_->capabilities();
  capabilities.durable_sync = true;
  return capabilities;
}

absl::StatusOr<std::unique_ptr<File>> RecordingBackend::Open(absl::string_view name,
                                                             OpenMode mode) {
  std::unique_ptr<File> file;
  const auto open = [&](OpenMode with) -> absl::Status {
    NUMPACK_ASSIGN_OR_RETURN(file, inner_->Open(name, with));
    return absl::OkStatus();
  };
  if (mode == OpenMode::kCreate) {
    // Which of the two it does is to be known.
    const absl::Status status = open(OpenMode::kReadWrite);
    if (absl::IsNotFound(status)) {
      mode = OpenMode::kCreateNew;
    } else if (!status.ok()) {
      return status;
    }
  }
  if (mode == OpenMode::kCreateNew) {
    NUMPACK_RETURN_IF_ERROR(recorder_->Record({Kind::kCreate, 0, std::string(name), "", 0, ""},
                                              [&] { return open(OpenMode::kCreateNew); }));
  } else if (file == nullptr) {
    NUMPACK_RETURN_IF_ERROR(open(mode));
  }
  return std::make_unique<RecordingFile>(std::move(file), recorder_->NumberOf(name),
                                         std::string(name), recorder_);
}

absl::StatusOr<std::unique_ptr<File>> RecordingBackend::OpenForeign(absl::string_view name,
                                                                    OpenMode mode) {
  NUMPACK_ASSIGN_OR_RETURN(std::unique_ptr<File> file, inner_->OpenForeign(name, mode));
  return std::make_unique<RecordingFile>(std::move(file), recorder_->NumberOf(name),
                                         std::string(name), recorder_);
}

absl::Status RecordingBackend::Remove(absl::string_view name) {
  return recorder_->Record({Kind::kRemove, 0, std::string(name), "", 0, ""},
                           [&] { return inner_->Remove(name); });
}

absl::Status RecordingBackend::Rename(absl::string_view from, absl::string_view to) {
  return recorder_->Record({Kind::kRename, 0, std::string(from), std::string(to), 0, ""},
                           [&] { return inner_->Rename(from, to); });
}

absl::Status RecordingBackend::SyncDirectory() {
  return recorder_->Record({Kind::kSyncDirectory, 0, "", "", 0, ""},
                           [&] { return inner_->SyncDirectory(); });
}

}  // namespace numpack
