// What a reader holds does not change, whatever writers do at the worst of moments: in its own
// process, and in another one. For the other one a second Store stands in this process, on the same
// files; nothing but those files is common to the two.
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "gtest/gtest.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/memory/memory_backend.h"
#include "numpack/backends/testing/recording_backend.h"
#include "numpack/base/status_macros.h"
#include "numpack/storage/options.h"
#include "numpack/storage/pinned_bytes.h"
#include "numpack/storage/segment.h"
#include "numpack/storage/store.h"
#include "numpack/storage/store_test_util.h"
#include "numpack/storage/transaction.h"

namespace numpack::storage {
namespace {

constexpr size_t kBytes = 4000;

std::shared_ptr<Store> OpenStore(std::shared_ptr<Backend> backend) {
  StoreOptions options;
  options.background_sync = false;
  auto store = Store::Open(std::move(backend), options);
  EXPECT_EQ(store.status(), absl::OkStatus());
  return store.ok() ? *std::move(store) : nullptr;
}

absl::Status Put(Store& store, absl::string_view name, uint8_t value) {
  const std::vector<std::byte> bytes(kBytes, std::byte{value});
  NUMPACK_ASSIGN_OR_RETURN(Transaction transaction, store.Begin());
  NUMPACK_ASSIGN_OR_RETURN(PendingExtent extent, transaction.Allocate(name, bytes.size()));
  NUMPACK_RETURN_IF_ERROR(extent.Write(0, bytes));
  NUMPACK_RETURN_IF_ERROR(transaction.Put(name, std::move(extent), ""));
  return transaction.Commit();
}

absl::StatusOr<SharedBytes> Look(Store& store, absl::string_view name) {
  NUMPACK_ASSIGN_OR_RETURN(const PinnedBytes pinned, store.Find(name));
  return pinned.View();
}

bool IsAll(const SharedBytes& view, std::byte value) {
  return std::all_of(view.bytes.begin(), view.bytes.end(), [&](std::byte b) { return b == value; });
}

TEST(PinsTest, WhatIsHeldStaysWhateverIsSaved) {
  const std::shared_ptr<Backend> backend = NewMemoryBackend();
  const auto here = OpenStore(AsProcess(backend, "here"));
  const auto there = OpenStore(AsProcess(backend, "there"));
  ASSERT_EQ(Put(*here, "a", 1), absl::OkStatus());
  const auto held_here = Look(*here, "a"), held_there = Look(*there, "a");
  for (uint8_t value = 2; value < 20; ++value) {
    ASSERT_EQ(Put(value % 2 == 0 ? *here : *there, "a", value), absl::OkStatus());
    ASSERT_TRUE(IsAll(*Look(*there, "a"), std::byte{value}));
    ASSERT_TRUE(IsAll(*held_here, std::byte{1})) << int{value};
    ASSERT_TRUE(IsAll(*held_there, std::byte{1})) << int{value};
  }
}

// The reader comes while the writer is writing the record that supersedes what it reads: too late
// for a look at the counters before that.
TEST(PinsTest, AReaderMayComeUntilTheCommitIsPublished) {
  const auto recording = std::make_shared<RecordingBackend>(NewMemoryBackend(), "boot");
  const auto writer = OpenStore(AsProcess(recording, "writer"));
  const auto reader = OpenStore(AsProcess(recording, "reader"));
  ASSERT_EQ(Put(*writer, "a", 1), absl::OkStatus());
  absl::StatusOr<SharedBytes> held;
  recording->SetHook([&](const RecordedCall& call) {
    if (call.kind == RecordedCall::Kind::kWrite && absl::StartsWith(call.name, "log."))
      held = Look(*reader, "a");
  });
  ASSERT_EQ(Put(*writer, "a", 2), absl::OkStatus());
  recording->SetHook(nullptr);
  ASSERT_EQ(held.status(), absl::OkStatus());
  for (uint8_t value = 3; value < 20; ++value) {
    ASSERT_EQ(Put(*writer, "a", value), absl::OkStatus());
    ASSERT_TRUE(IsAll(*held, std::byte{1})) << int{value};
  }
}

// The same at moments that no call marks: a reader and a writer as fast as they can.
TEST(PinsTest, ReadersLookAgainAfterTheyHaveCounted) {
  const std::shared_ptr<Backend> backend = NewMemoryBackend();
  const auto writer = OpenStore(AsProcess(backend, "writer"));
  const auto reader = OpenStore(AsProcess(backend, "reader"));
  ASSERT_EQ(Put(*writer, "a", 1), absl::OkStatus());
  std::atomic<bool> stop{false};
  absl::Status written;
  std::thread writing([&] {
    for (uint8_t value = 2; !stop && written.ok(); ++value) written = Put(*writer, "a", value);
  });
  int changed = 0;
  for (int i = 0; i < 20'000 && changed == 0; ++i) {
    const auto view = Look(*reader, "a");
    ASSERT_EQ(view.status(), absl::OkStatus());
    const std::byte value = view->bytes[0];
    for (int looks = 0; looks < 3; ++looks) changed += IsAll(*view, value) ? 0 : 1;
  }
  stop = true;
  writing.join();
  EXPECT_EQ(written, absl::OkStatus());
  EXPECT_EQ(changed, 0);
}

}  // namespace
}  // namespace numpack::storage
