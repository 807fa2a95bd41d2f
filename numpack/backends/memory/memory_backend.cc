#include "numpack/backends/memory/memory_backend.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/file.h"
#include "numpack/backends/file_checks.h"
#include "numpack/backends/memory/memory_file.h"
#include "numpack/backends/memory/memory_node.h"
#include "numpack/base/status_macros.h"

namespace numpack {
namespace {

// No file can be larger than the capacity, nor than what a pointer can walk.
uint64_t LargestFile(const MemoryBackendOptions& options) {
  constexpr uint64_t kWalkable = std::numeric_limits<ptrdiff_t>::max();
  return std::min({options.max_file_size, options.capacity, kWalkable});
}

class MemoryBackend final : public Backend {
 public:
  explicit MemoryBackend(const MemoryBackendOptions& options)
      : max_file_size_(LargestFile(options)),
        budget_(std::make_shared<MemoryBudget>(options.capacity)) {}

  BackendCapabilities capabilities() const override {
    BackendCapabilities capabilities;
    capabilities.mappings = true;
    capabilities.foreign_files = true;
    return capabilities;
  }

  absl::StatusOr<std::unique_ptr<File>> Open(absl::string_view name, OpenMode mode) override {
    NUMPACK_RETURN_IF_ERROR(ValidateFileName(name));
    return OpenNode(name, mode);
  }

  absl::StatusOr<std::unique_ptr<File>> OpenForeign(absl::string_view name,
                                                    OpenMode mode) override {
    NUMPACK_RETURN_IF_ERROR(CheckForeignOpen(Describe(), name, mode));
    return OpenNode(name, mode);
  }

  absl::StatusOr<std::vector<std::string>> List() override {
    absl::ReaderMutexLock lock(&mutex_);
    std::vector<std::string> names;
    for (const auto& [name, node] : nodes_) {
      if (!absl::StrContains(name, '/')) names.push_back(name);
    }
    return names;
  }

  absl::Status Remove(absl::string_view name) override {
    NUMPACK_RETURN_IF_ERROR(ValidateFileName(name));
    absl::MutexLock lock(&mutex_);
    const auto found = nodes_.find(name);
    if (found == nodes_.end())
      return absl::NotFoundError(absl::StrCat("no file ", Description(name)));
    nodes_.erase(found);
    return absl::OkStatus();
  }

  // Folders are just a part of the name here, so every folder is there.
  absl::Status Rename(absl::string_view from, absl::string_view to) override {
    NUMPACK_RETURN_IF_ERROR(ValidateForeignName(from));
    NUMPACK_RETURN_IF_ERROR(ValidateForeignName(to));
    absl::MutexLock lock(&mutex_);
    const auto found = nodes_.find(from);
    if (found == nodes_.end())
      return absl::NotFoundError(absl::StrCat("no file ", Description(from)));
    if (nodes_.find(to) != nodes_.end()) return ExistsError(to);
    nodes_.emplace(to, found->second);
    nodes_.erase(found);
    return absl::OkStatus();
  }

  absl::Status SyncDirectory() override { return absl::OkStatus(); }
  absl::Status CheckPresent() override { return absl::OkStatus(); }
  absl::StatusOr<uint64_t> FreeSpace() override { return budget_->free(); }

  // The contents live exactly as long as the process, so for them this boot never ends.
  std::string BootId() override { return "process"; }

  // The address is nobody else's as long as this backend is there to be compared.
  std::string Identity() const override { return absl::StrCat("memory:", absl::Hex(this)); }
  std::string Describe() const override { return "memory"; }

 private:
  std::string Description(absl::string_view name) const {
    return absl::StrCat(Describe(), "/", name);
  }

  absl::Status ExistsError(absl::string_view name) const {
    return absl::AlreadyExistsError(
        absl::StrCat("there is a file ", Description(name), " already"));
  }

  absl::StatusOr<std::unique_ptr<File>> OpenNode(absl::string_view name, OpenMode mode) {
    NUMPACK_ASSIGN_OR_RETURN(std::shared_ptr<MemoryNode> node, Find(name, mode));
    return std::make_unique<MemoryFile>(std::move(node), Description(name),
                                        mode != OpenMode::kReadOnly);
  }

  absl::StatusOr<std::shared_ptr<MemoryNode>> Find(absl::string_view name, OpenMode mode) {
    const bool may_create = mode == OpenMode::kCreate || mode == OpenMode::kCreateNew;
    absl::MutexLock lock(&mutex_);
    auto found = nodes_.find(name);
    if (found != nodes_.end()) {
      if (mode != OpenMode::kCreateNew) return found->second;
      return ExistsError(name);
    }
    if (!may_create) return absl::NotFoundError(absl::StrCat("no file ", Description(name)));
    auto node = std::make_shared<MemoryNode>(budget_, max_file_size_);
    nodes_.emplace(name, node);
    return node;
  }

  const uint64_t max_file_size_;
  const std::shared_ptr<MemoryBudget> budget_;
  absl::Mutex mutex_;
  std::map<std::string, std::shared_ptr<MemoryNode>, std::less<>> nodes_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

std::shared_ptr<Backend> NewMemoryBackend(MemoryBackendOptions options) {
  return std::make_shared<MemoryBackend>(options);
}

}  // namespace numpack
