// The conformance suite over backends that are wrong on purpose, each in one way:
// conformance_mutants_test runs this program once for each of them, and once for none.
//
//   conformance_mutants MUTANT [gtest's flags]

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gtest/gtest.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/file.h"
#include "numpack/backends/handing_on.h"
#include "numpack/backends/mapped_region.h"
#include "numpack/backends/memory/memory_backend.h"
#include "numpack/backends/testing/conformance_suite.h"
#include "numpack/base/status_macros.h"

namespace numpack {
namespace {

// What is wrong. Set once, before any test runs.
std::string mutant;

bool Is(absl::string_view name) { return mutant == name; }

class MutantFile final : public HandingOnFile {
 public:
  using HandingOnFile::HandingOnFile;

  absl::Status Reserve(uint64_t size) override {
    return Is("reserve_shrinks") ? HandingOnFile::Truncate(size) : HandingOnFile::Reserve(size);
  }

  absl::Status Truncate(uint64_t size) override {
    absl::Status status = HandingOnFile::Truncate(size);
    // Pretends: the mapped bytes are still there.
    if (Is("truncate_ignores_mappings") && absl::IsFailedPrecondition(status))
      return absl::OkStatus();
    return status;
  }

  absl::Status ReadAt(uint64_t offset, absl::Span<std::byte> to) override {
    absl::Status status = HandingOnFile::ReadAt(offset, to);
    if (!Is("read_is_short") || !absl::IsOutOfRange(status)) return status;
    NUMPACK_ASSIGN_OR_RETURN(const uint64_t size, Size());
    if (offset >= size) return absl::OkStatus();
    return HandingOnFile::ReadAt(offset, to.first(static_cast<size_t>(size - offset)));
  }

  using File::WriteAt;
  absl::Status WriteAt(uint64_t offset,
                       absl::Span<const absl::Span<const std::byte>> pieces) override {
    constexpr size_t kAtOnce = 1024;  // as IOV_MAX has it
    if (Is("write_drops_pieces")) pieces = pieces.first(std::min(pieces.size(), kAtOnce));
    return HandingOnFile::WriteAt(offset, pieces);
  }

  absl::StatusOr<MappedRegion> Map(uint64_t offset, uint64_t length, MapMode mode) override {
    constexpr uint64_t kGranularity = 65536;
    if (Is("empty_map_is_refused") && length == 0)
      return absl::InvalidArgumentError("there is nothing to map");
    if (Is("map_is_a_copy") && mode == MapMode::kReadOnly) return MapCopy(offset, length);
    if (Is("map_rounds_the_offset")) offset -= offset % kGranularity;
    return HandingOnFile::Map(offset, length, mode);
  }

  absl::Status Sync() override {
    return Is("sync_fails_on_read_only") ? Reserve(0) : HandingOnFile::Sync();
  }

  absl::Status Lock(uint64_t offset, uint64_t length, LockKind kind,
                    absl::Duration max_wait) override {
    if (Is("locks_shared_only")) kind = LockKind::kShared;
    if (Is("lock_never_waits")) max_wait = absl::ZeroDuration();
    return HandingOnFile::Lock(offset, length, kind, max_wait);
  }

  absl::Status Unlock(uint64_t offset, uint64_t length) override {
    return Is("unlock_does_nothing") ? absl::OkStatus() : HandingOnFile::Unlock(offset, length);
  }

 private:
  absl::StatusOr<MappedRegion> MapCopy(uint64_t offset, uint64_t length);
};

// What a backend without mappings might be tempted to do: bytes as they were when they were mapped.
absl::StatusOr<MappedRegion> MutantFile::MapCopy(uint64_t offset, uint64_t length) {
  std::vector<std::byte> bytes(length);
  NUMPACK_RETURN_IF_ERROR(HandingOnFile::ReadAt(offset, absl::MakeSpan(bytes)));
  NUMPACK_ASSIGN_OR_RETURN(const auto copy, NewMemoryBackend()->Open("copy", OpenMode::kCreateNew));
  NUMPACK_RETURN_IF_ERROR(copy->WriteAt(0, bytes));
  return copy->Map(0, length, MapMode::kReadOnly);
}

class MutantBackend final : public HandingOnBackend {
 public:
  MutantBackend() : HandingOnBackend(NewMemoryBackend()) {}

  absl::StatusOr<std::unique_ptr<File>> Open(absl::string_view name, OpenMode mode) override {
    if (Is("create_new_takes_what_is_there") && mode == OpenMode::kCreateNew)
      mode = OpenMode::kCreate;
    if (Is("read_only_can_write") && mode == OpenMode::kReadOnly) mode = OpenMode::kReadWrite;
    NUMPACK_ASSIGN_OR_RETURN(std::unique_ptr<File> file, HandingOnBackend::Open(name, mode));
    return std::make_unique<MutantFile>(std::move(file));
  }

  absl::Status Remove(absl::string_view name) override {
    const absl::Status status = HandingOnBackend::Remove(name);
    return Is("remove_hides_errors") ? absl::OkStatus() : status;
  }

  absl::StatusOr<std::unique_ptr<File>> OpenForeign(absl::string_view name,
                                                    OpenMode mode) override {
    if (Is("foreign_names_are_ascii") &&
        !std::all_of(name.begin(), name.end(), absl::ascii_isascii))
      return absl::InvalidArgumentError("cannot be a file name");
    return HandingOnBackend::OpenForeign(name, mode);
  }

  absl::Status Rename(absl::string_view from, absl::string_view to) override {
    if (Is("rename_replaces")) HandingOnBackend::Remove(to).IgnoreError();
    return HandingOnBackend::Rename(from, to);
  }

  absl::StatusOr<std::vector<std::string>> List() override {
    absl::StatusOr<std::vector<std::string>> names = HandingOnBackend::List();
    if (Is("list_forgets_one") && names.ok() && !names->empty()) names->pop_back();
    return names;
  }

  absl::StatusOr<uint64_t> FreeSpace() override {
    return Is("never_has_space") ? 0 : HandingOnBackend::FreeSpace();
  }

  std::string BootId() override {
    return Is("boots_at_every_look") ? std::to_string(++boots_) : HandingOnBackend::BootId();
  }

  std::string Identity() const override {
    return Is("one_identity_for_all") ? "here" : HandingOnBackend::Identity();
  }

 private:
  int boots_ = 0;
};

BackendFactory MutantFactory() {
  BackendFactory factory;
  factory.name = "Mutant";
  factory.make_new = [] { return std::make_shared<MutantBackend>(); };
  factory.capabilities.mappings = true;
  factory.capabilities.foreign_files = true;
  return factory;
}

INSTANTIATE_TEST_SUITE_P(Mutant, BackendConformanceTest, testing::Values(MutantFactory()));

}  // namespace
}  // namespace numpack

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc != 2) {
    std::fprintf(stderr, "usage: conformance_mutants MUTANT\n");
    return 2;
  }
  numpack::mutant = argv[1];
  return RUN_ALL_TESTS();
}
