// What a segment knows of its file's size, when several threads ask.
#include "numpack/storage/segment.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gtest/gtest.h"
#include "numpack/backends/file.h"
#include "numpack/backends/mapped_region.h"
#include "numpack/backends/memory/memory_backend.h"

namespace numpack::storage {
namespace {

// Hands everything on. After a size was asked for, and before it is told, something can happen.
class SlowlyAnsweringFile final : public File {
 public:
  explicit SlowlyAnsweringFile(std::unique_ptr<File> inner) : inner_(std::move(inner)) {}
  void BeforeTheNextAnswer(std::function<void()> meanwhile) { meanwhile_ = std::move(meanwhile); }

  const std::string& description() const override { return inner_->description(); }
  absl::StatusOr<uint64_t> Size() override {
    const absl::StatusOr<uint64_t> size = inner_->Size();
    if (const auto meanwhile = std::exchange(meanwhile_, nullptr)) meanwhile();
    return size;
  }
  absl::Status Reserve(uint64_t size) override { return inner_->Reserve(size); }
  absl::Status Truncate(uint64_t size) override { return inner_->Truncate(size); }
  absl::Status ReadAt(uint64_t offset, absl::Span<std::byte> to) override {
    return inner_->ReadAt(offset, to);
  }
  using File::WriteAt;
  absl::Status WriteAt(uint64_t offset,
                       absl::Span<const absl::Span<const std::byte>> pieces) override {
    return inner_->WriteAt(offset, pieces);
  }
  absl::StatusOr<MappedRegion> Map(uint64_t offset, uint64_t length, MapMode mode) override {
    return inner_->Map(offset, length, mode);
  }
  absl::Status Sync() override { return inner_->Sync(); }
  absl::Status Lock(uint64_t offset, uint64_t length, LockKind kind, absl::Duration wait) override {
    return inner_->Lock(offset, length, kind, wait);
  }
  absl::Status Unlock(uint64_t offset, uint64_t length) override {
    return inner_->Unlock(offset, length);
  }

 private:
  const std::unique_ptr<File> inner_;
  std::function<void()> meanwhile_;
};

// A reader asks, and the writer grows or cuts the file before the answer arrives. It used to
// replace what the writer knew: free space was counted from it, so arrays were taken for free.
TEST(SegmentTest, AnOldAnswerDoesNotReplaceANewerSize) {
  for (const uint64_t target : {uint64_t{200'000}, uint64_t{50'000}}) {
    const std::shared_ptr<Backend> backend = NewMemoryBackend();
    auto inner = backend->Open("segment.1", OpenMode::kCreateNew);
    ASSERT_TRUE(inner.ok());
    ASSERT_TRUE((*inner)->Reserve(100'000).ok());
    const auto file = std::make_shared<SlowlyAnsweringFile>(*std::move(inner));
    const auto segment = Segment::Take(1, file, /*mappings=*/false);
    ASSERT_TRUE(segment.ok());
    absl::Notification changed;
    std::thread writer;
    file->BeforeTheNextAnswer([&] {
      writer = std::thread([&] {
        const absl::Status status =
            target > 100'000 ? (*segment)->Reserve(target) : (*segment)->Shrink(target).status();
        EXPECT_EQ(status, absl::OkStatus());
        changed.Notify();
      });
      // Or until it is clear that it waits.
      changed.WaitForNotificationWithTimeout(absl::Milliseconds(200));
    });
    EXPECT_EQ((*segment)->RefreshSize(), absl::OkStatus());
    writer.join();
    EXPECT_EQ((*segment)->size(), target);
  }
}

}  // namespace
}  // namespace numpack::storage
