// CountingBackend: a user's own place for a store, and no more than the contract asks for.
//
// Its files are byte strings in one std::map behind one mutex, and it counts what the store asks of
// it. It claims no ability at all: no mappings, so views are copies; no locks among processes,
// which cannot see this memory anyway; nothing survives the process. Start from it when your files
// lie behind an interface that reads and writes, such as an object store or an archive.
//
// Uses the public headers of NumPack only, as code outside its repository has to.
#ifndef EXAMPLES_CUSTOM_BACKEND_COUNTING_BACKEND_H_
#define EXAMPLES_CUSTOM_BACKEND_COUNTING_BACKEND_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/file.h"

namespace example {

// What has been asked of a CountingBackend since it was made. Failed calls count too, with the
// bytes they were to move.
struct Counts {
  uint64_t opens = 0;
  uint64_t reads = 0;
  uint64_t bytes_read = 0;
  uint64_t writes = 0;
  uint64_t bytes_written = 0;
};

class CountingBackend final : public numpack::Backend {
 public:
  CountingBackend();
  ~CountingBackend() override;

  Counts counts() const;

  numpack::BackendCapabilities capabilities() const override { return {}; }
  absl::StatusOr<std::unique_ptr<numpack::File>> Open(absl::string_view name,
                                                      numpack::OpenMode mode) override;
  absl::StatusOr<std::vector<std::string>> List() override;
  absl::Status Remove(absl::string_view name) override;
  absl::Status SyncDirectory() override { return absl::OkStatus(); }
  absl::Status CheckPresent() override { return absl::OkStatus(); }
  absl::StatusOr<uint64_t> FreeSpace() override;
  std::string BootId() override { return "process"; }  // for these contents, one boot is all
  std::string Identity() const override;
  std::string Describe() const override { return "counting"; }

 private:
  class OpenFile;
  struct State;

  // Files go on after the backend is gone, so what they need is theirs as well.
  const std::shared_ptr<State> state_;
};

}  // namespace example

#endif  // EXAMPLES_CUSTOM_BACKEND_COUNTING_BACKEND_H_
