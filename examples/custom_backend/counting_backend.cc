#include "examples/custom_backend/counting_backend.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <functional>
#include <map>
#include <new>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "numpack/backends/file_checks.h"
#include "numpack/backends/mapped_region.h"

namespace example {
namespace {

using numpack::LockKind;
using numpack::OpenMode;

constexpr uint64_t kCapacity = uint64_t{1} << 30;  // of all files together

struct LockedRange {
  const void* holder;
  uint64_t begin, end;
  LockKind kind;
};

// One file. Removing its name leaves it to those who have it open.
struct Contents {
  std::vector<std::byte> bytes;
  std::vector<LockedRange> locks;
};

}  // namespace

// The mutex is over everything, contents included: simple, and fast enough for an example.
struct CountingBackend::State {
  absl::Mutex mu;
  std::map<std::string, std::shared_ptr<Contents>, std::less<>> files ABSL_GUARDED_BY(mu);
  Counts counts ABSL_GUARDED_BY(mu);

  uint64_t FreeSpace() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) {
    uint64_t used = 0;
    for (const auto& [name, contents] : files) used += contents->bytes.size();
    return used < kCapacity ? kCapacity - used : 0;
  }
};

class CountingBackend::OpenFile final : public numpack::File {
 public:
  OpenFile(std::shared_ptr<State> state, std::shared_ptr<Contents> contents,
           std::string description, bool writable)
      : state_(std::move(state)),
        contents_(std::move(contents)),
        description_(std::move(description)),
        writable_(writable) {}

  ~OpenFile() override {
    absl::MutexLock lock(&state_->mu);
    Forget([this](const LockedRange& range) { return range.holder == this; });
  }

  const std::string& description() const override { return description_; }

  absl::StatusOr<uint64_t> Size() override {
    absl::MutexLock lock(&state_->mu);
    return contents_->bytes.size();
  }

  absl::Status Reserve(uint64_t size) override {
    if (!writable_) return numpack::OpenedReadOnlyError(description_, "reserve space");
    absl::MutexLock lock(&state_->mu);
    return size <= contents_->bytes.size() ? absl::OkStatus() : Resize(size);
  }

  absl::Status Truncate(uint64_t size) override {
    if (!writable_) return numpack::OpenedReadOnlyError(description_, "truncate");
    absl::MutexLock lock(&state_->mu);
    return Resize(size);
  }

  absl::Status ReadAt(uint64_t offset, absl::Span<std::byte> to) override {
    absl::MutexLock lock(&state_->mu);
    ++state_->counts.reads;
    state_->counts.bytes_read += to.size();
    const absl::StatusOr<uint64_t> end = numpack::RangeEnd(description_, offset, to.size());
    if (!end.ok()) return end.status();
    if (to.empty()) return absl::OkStatus();
    const uint64_t size = contents_->bytes.size();
    if (*end > size) return numpack::PastEndError(description_, offset, to.size(), size);
    std::memcpy(to.data(), contents_->bytes.data() + offset, to.size());
    return absl::OkStatus();
  }

  using File::WriteAt;
  absl::Status WriteAt(uint64_t offset,
                       absl::Span<const absl::Span<const std::byte>> pieces) override {
    if (!writable_) return numpack::OpenedReadOnlyError(description_, "write");
    const absl::StatusOr<uint64_t> end = numpack::RangeEnd(description_, offset, pieces);
    if (!end.ok()) return end.status();
    absl::MutexLock lock(&state_->mu);
    ++state_->counts.writes;
    state_->counts.bytes_written += *end - offset;
    if (*end == offset) return absl::OkStatus();  // nothing to write does not even grow the file
    if (*end > contents_->bytes.size()) {
      if (absl::Status status = Resize(*end); !status.ok()) return status;
    }
    for (const absl::Span<const std::byte> piece : pieces) {
      std::copy(piece.begin(), piece.end(), contents_->bytes.begin() + offset);
      offset += piece.size();
    }
    return absl::OkStatus();
  }

  absl::StatusOr<numpack::MappedRegion> Map(uint64_t, uint64_t, numpack::MapMode) override {
    return absl::UnimplementedError(absl::StrCat(description_, " cannot be mapped"));
  }

  absl::Status Sync() override { return absl::OkStatus(); }

  absl::Status Lock(uint64_t offset, uint64_t length, LockKind kind,
                    absl::Duration max_wait) override {
    if (kind == LockKind::kExclusive && !writable_)
      return numpack::OpenedReadOnlyError(description_, "lock exclusively");
    const absl::StatusOr<uint64_t> end = numpack::LockRangeEnd(description_, offset, length);
    if (!end.ok()) return end.status();
    const LockedRange wanted{this, offset, *end, kind};
    const auto is_free = [this, &wanted]() {
      return std::none_of(
          contents_->locks.begin(), contents_->locks.end(), [&wanted](const LockedRange& held) {
            return held.holder != wanted.holder && held.begin < wanted.end &&
                   wanted.begin < held.end &&
                   (held.kind == LockKind::kExclusive || wanted.kind == LockKind::kExclusive);
          });
    };
    absl::MutexLock lock(&state_->mu);
    if (!state_->mu.AwaitWithTimeout(absl::Condition(&is_free), max_wait))
      return numpack::LockHeldError(description_, offset, length);
    contents_->locks.push_back(wanted);
    return absl::OkStatus();
  }

  absl::Status Unlock(uint64_t offset, uint64_t length) override {
    const absl::StatusOr<uint64_t> end = numpack::LockRangeEnd(description_, offset, length);
    if (!end.ok()) return end.status();
    absl::MutexLock lock(&state_->mu);
    Forget([&](const LockedRange& range) {
      return range.holder == this && range.begin == offset && range.end == *end;
    });
    return absl::OkStatus();
  }

 private:
  // New bytes are zero. The one place that takes memory, whose end is an error and no exception.
  absl::Status Resize(uint64_t size) ABSL_EXCLUSIVE_LOCKS_REQUIRED(state_->mu) {
    std::vector<std::byte>& bytes = contents_->bytes;
    if (size > bytes.size() && size - bytes.size() > state_->FreeSpace()) return NoSpace(size);
    try {
      bytes.resize(static_cast<size_t>(size));
    } catch (const std::bad_alloc&) {
      return NoSpace(size);
    }
    return absl::OkStatus();
  }

  absl::Status NoSpace(uint64_t size) const {
    return absl::ResourceExhaustedError(
        absl::StrCat(description_, ": no space for ", size, " bytes"));
  }

  template <typename Predicate>
  void Forget(Predicate is_over) ABSL_EXCLUSIVE_LOCKS_REQUIRED(state_->mu) {
    std::vector<LockedRange>& locks = contents_->locks;
    locks.erase(std::remove_if(locks.begin(), locks.end(), is_over), locks.end());
  }

  const std::shared_ptr<State> state_;
  const std::shared_ptr<Contents> contents_;  // guarded by state_->mu
  const std::string description_;
  const bool writable_;
};

CountingBackend::CountingBackend() : state_(std::make_shared<State>()) {}
CountingBackend::~CountingBackend() = default;

Counts CountingBackend::counts() const {
  absl::MutexLock lock(&state_->mu);
  return state_->counts;
}

absl::StatusOr<std::unique_ptr<numpack::File>> CountingBackend::Open(absl::string_view name,
                                                                     OpenMode mode) {
  if (absl::Status status = numpack::ValidateFileName(name); !status.ok()) return status;
  std::string description = absl::StrCat(Describe(), "/", name);
  std::shared_ptr<Contents> contents;
  {
    absl::MutexLock lock(&state_->mu);
    ++state_->counts.opens;
    const auto found = state_->files.find(name);
    if (found == state_->files.end()) {
      if (mode == OpenMode::kReadOnly || mode == OpenMode::kReadWrite)
        return absl::NotFoundError(absl::StrCat("no file ", description));
      contents = std::make_shared<Contents>();
      state_->files.emplace(name, contents);
    } else {
      if (mode == OpenMode::kCreateNew)
        return absl::AlreadyExistsError(absl::StrCat(description, " is there already"));
      contents = found->second;
    }
  }
  return std::make_unique<OpenFile>(state_, std::move(contents), std::move(description),
                                    mode != OpenMode::kReadOnly);
}

absl::StatusOr<std::vector<std::string>> CountingBackend::List() {
  absl::MutexLock lock(&state_->mu);
  std::vector<std::string> names;
  for (const auto& [name, contents] : state_->files) names.push_back(name);
  return names;
}

absl::Status CountingBackend::Remove(absl::string_view name) {
  if (absl::Status status = numpack::ValidateFileName(name); !status.ok()) return status;
  absl::MutexLock lock(&state_->mu);
  const auto found = state_->files.find(name);
  if (found == state_->files.end())
    return absl::NotFoundError(absl::StrCat("no file ", Describe(), "/", name));
  state_->files.erase(found);
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> CountingBackend::FreeSpace() {
  absl::MutexLock lock(&state_->mu);
  return state_->FreeSpace();
}

// Nobody else has this address while the backend is there to be compared.
std::string CountingBackend::Identity() const {
  return absl::StrCat("counting:", absl::Hex(reinterpret_cast<uintptr_t>(this)));
}

}  // namespace example
