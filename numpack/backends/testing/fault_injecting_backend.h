// FaultInjectingBackend: hands every call on to another backend, and makes chosen ones fail.
//
// To fail each call of some operation in turn:
//
//   auto faulty = std::make_shared<FaultInjectingBackend>(NewMemoryBackend());
//   ... open a store on `faulty` ...
//   for (int64_t n = 1;; ++n) {
//     faulty->FailAt(n, absl::DataLossError("injected"));
//     ... the operation ...
//     if (faulty->faults() == 0) break;  // it has fewer than n calls: done
//     ... check the state ...
//   }
#ifndef NUMPACK_BACKENDS_TESTING_FAULT_INJECTING_BACKEND_H_
#define NUMPACK_BACKENDS_TESTING_FAULT_INJECTING_BACKEND_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/file.h"

namespace numpack {

enum class BackendOperation {
  kOpen,
  kList,
  kOpenForeign,
  kRemove,
  kRename,
  kSyncDirectory,
  kCheckPresent,
  kFreeSpace,
  kSize,
  kReserve,
  kTruncate,
  kRead,
  kWrite,
  kMap,
  kFlush,     // MappedRegion::Flush
  kPrefault,  // MappedRegion::PrefaultForWriting
  kMakePrivate,
  kSync,
  kLock,
  kUnlock,
};

// One call, as predicates see it.
struct BackendCall {
  BackendOperation operation;
  std::string file;  // its name (for kRename the old one); empty for calls on the directory
};

// Calls that change what is stored or make it durable: for predicates.
bool ChangesTheStore(const BackendCall& call);

enum class FaultKind {
  kFail,        // nothing happens, the call fails
  kShortWrite,  // a write stores the first half of its bytes, then fails; other calls as kFail
};

// Thread-safe. Files and regions made from it stay under its control, and may outlive it.
class FaultInjectingBackend final : public Backend {
 public:
  using Predicate = std::function<bool(const BackendCall&)>;

  explicit FaultInjectingBackend(std::shared_ptr<Backend> inner);
  ~FaultInjectingBackend() override;

  // Only calls for which `predicate` holds are counted and can fail. Default: all of them.
  void Count(Predicate predicate);

  // From now on: sets calls() and faults() to zero, and lets the `n`th counted call (the first is
  // 1) fail with `status`. Replaces an earlier order.
  void FailAt(int64_t n, absl::Status status, FaultKind kind = FaultKind::kFail);

  // The same for the `n`th and all that follow: a device that has died, or stays full.
  void FailFrom(int64_t n, absl::Status status, FaultKind kind = FaultKind::kFail);

  // Sets the counters to zero and lets no call fail any more.
  void Heal();

  // Counted calls and injected faults since the last FailAt, FailFrom or Heal.
  int64_t calls() const;
  int64_t faults() const;

  // The calls that were made to fail since then, in order.
  std::vector<BackendCall> failed_calls() const;

  // Files and mapped regions that were made from it and are still there: what is left when all is
  // closed is a leak.
  int64_t open_files() const;
  int64_t open_regions() const;

  // What capabilities() tells from now on. Calls that need what is missing are not stopped.
  void OverrideCapabilities(BackendCapabilities capabilities);

  BackendCapabilities capabilities() const override;
  absl::StatusOr<std::unique_ptr<File>> Open(absl::string_view name, OpenMode mode) override;
  absl::StatusOr<std::vector<std::string>> List() override;
  absl::Status Remove(absl::string_view name) override;
  absl::StatusOr<std::unique_ptr<File>> OpenForeign(absl::string_view name, OpenMode mode) override;
  absl::Status Rename(absl::string_view from, absl::string_view to) override;
  absl::Status SyncDirectory() override;
  absl::Status CheckPresent() override;
  absl::StatusOr<uint64_t> FreeSpace() override;
  std::string BootId() override { return inner_->BootId(); }
  std::string Identity() const override { return inner_->Identity(); }
  std::string Describe() const override { return inner_->Describe(); }

 private:
  class Plan;
  class FaultyFile;
  class FaultyRegion;

  const std::shared_ptr<Backend> inner_;
  const std::shared_ptr<Plan> plan_;  // shared with files and regions
};

}  // namespace numpack

#endif  // NUMPACK_BACKENDS_TESTING_FAULT_INJECTING_BACKEND_H_
