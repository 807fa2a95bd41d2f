// What a segment knows of its file's size, when several threads ask.
#include "numpack/storage/segment.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/handing_on.h"
#include "numpack/backends/memory/memory_backend.h"

namespace numpack::storage {
namespace {

// Hands everything on. After a size was asked for, and before it is told, something can happen.
class SlowlyAnsweringFile final : public HandingOnFile {
 public:
  using HandingOnFile::HandingOnFile;
  void BeforeTheNextAnswer(std::function<void()> meanwhile) { meanwhile_ = std::move(meanwhile); }
  absl::StatusOr<uint64_t> Size() override {
    const absl::StatusOr<uint64_t> size = HandingOnFile::Size();
    if (const auto meanwhile = std::exchange(meanwhile_, nullptr)) meanwhile();
    return size;
  }

 private:
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
