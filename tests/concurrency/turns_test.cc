// Who gets the writer's lock when several processes want it all the time. For each of them a Store
// stands in this process, on the same files.
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "numpack/backends/posix_mmap/posix_mmap_backend.h"
#include "numpack/backends/posix_mmap/temp_directory.h"
#include "numpack/storage/options.h"
#include "numpack/storage/store.h"
#include "numpack/storage/store_test_util.h"
#include "numpack/storage/transaction.h"

namespace numpack::storage {
namespace {

std::shared_ptr<Store> OpenInProcess(const std::string& path, const std::string& name) {
  StoreOptions options;
  options.background_sync = false;
  options.lock_wait = absl::Seconds(5);
  auto backend = OpenPosixMmapBackend(path);
  EXPECT_EQ(backend.status(), absl::OkStatus());
  if (!backend.ok()) return nullptr;
  auto store = Store::Open(AsProcess(*backend, name), options);
  EXPECT_EQ(store.status(), absl::OkStatus());
  return store.ok() ? *std::move(store) : nullptr;
}

// Two writers leave no more than microseconds between one transaction and the next. A third one
// polls, and would hardly ever find the lock free.
TEST(TurnsTest, WhoeverHasWaitedForLongComesNext) {
  const TempDirectory directory;
  const std::string path = directory / "store";
  std::vector<std::shared_ptr<Store>> busy = {OpenInProcess(path, "one"),
                                              OpenInProcess(path, "two")};
  const std::shared_ptr<Store> third = OpenInProcess(path, "three");
  ASSERT_NE(third, nullptr);
  std::atomic<bool> stop{false};
  std::atomic<int> turns{0};
  std::vector<std::thread> writers;
  for (const std::shared_ptr<Store>& store : busy) {
    ASSERT_NE(store, nullptr);
    writers.emplace_back([&stop, &turns, store] {
      while (!stop) {
        const absl::StatusOr<Transaction> transaction = store->Begin();
        EXPECT_EQ(transaction.status(), absl::OkStatus());
        ++turns;
        absl::SleepFor(absl::Milliseconds(20));
      }
    });
  }
  while (turns == 0) absl::SleepFor(absl::Milliseconds(1));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(third->Begin().status(), absl::OkStatus());
  stop = true;
  for (std::thread& writer : writers) writer.join();
}

}  // namespace
}  // namespace numpack::storage
