// RecordingBackend: hands every call on to another backend, and writes down those that change what
// is stored or make it durable. disk_model.h makes of that what can be left after a crash.
//
// Stores through writable mappings are no calls. What they have changed is looked for whenever the
// next call is recorded, and recorded first, as writes; so it is when a region is flushed or
// destroyed. Nobody may store through a mapping while another thread makes a call.
#ifndef NUMPACK_BACKENDS_TESTING_RECORDING_BACKEND_H_
#define NUMPACK_BACKENDS_TESTING_RECORDING_BACKEND_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/file.h"

namespace numpack {

struct RecordedCall {
  enum class Kind {
    kExisting,  // no call: `name` was there before, and is file number `file` from now on
    kCreate,
    kRemove,
    kRename,
    kReserve,   // `offset` is the size
    kTruncate,  // so here
    kWrite,
    kSync,
    kSyncDirectory,
  };
  Kind kind;
  uint64_t file = 0;     // in order of appearance; stays with a file through renames
  std::string name;      // of the file when it was opened; for kRename the old one
  std::string new_name;  // kRename
  uint64_t offset = 0;
  std::string bytes;  // kWrite
};

// For messages: "write segment.1 [512, 1024)".
std::string Describe(const RecordedCall& call);

// Thread-safe. Files and regions made from it go on recording, and may outlive it.
class RecordingBackend final : public Backend {
 public:
  // Plays a disk: capabilities() has durable_sync. `boot_id` is what BootId() tells.
  RecordingBackend(std::shared_ptr<Backend> inner, std::string boot_id);
  ~RecordingBackend() override;

  // What was recorded so far, those calls only that succeeded.
  std::vector<RecordedCall> calls() const;
  size_t size() const;

  // Called before each call that is going to be recorded, without a lock, by the thread that makes
  // it. Calls that it makes itself are recorded, and do not call it again. (The bytes of a write
  // are not given.)
  void SetHook(std::function<void(const RecordedCall&)> hook);

  BackendCapabilities capabilities() const override;
  absl::StatusOr<std::unique_ptr<File>> Open(absl::string_view name, OpenMode mode) override;
  absl::StatusOr<std::vector<std::string>> List() override { return inner_->List(); }
  absl::Status Remove(absl::string_view name) override;
  absl::StatusOr<std::unique_ptr<File>> OpenForeign(absl::string_view name, OpenMode mode) override;
  absl::Status Rename(absl::string_view from, absl::string_view to) override;
  absl::Status SyncDirectory() override;
  absl::Status CheckPresent() override { return inner_->CheckPresent(); }
  absl::StatusOr<uint64_t> FreeSpace() override { return inner_->FreeSpace(); }
  std::string BootId() override { return boot_id_; }
  std::string Identity() const override { return inner_->Identity(); }
  std::string Describe() const override { return inner_->Describe(); }

 private:
  class Recorder;
  class RecordingFile;
  class RecordingRegion;

  const std::shared_ptr<Backend> inner_;
  const std::string boot_id_;
  const std::shared_ptr<Recorder> recorder_;  // shared with files and regions
};

}  // namespace numpack

#endif  // NUMPACK_BACKENDS_TESTING_RECORDING_BACKEND_H_
