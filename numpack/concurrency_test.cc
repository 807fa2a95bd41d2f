// Several threads on one store. Most of its worth is under ThreadSanitizer (--config=tsan).
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "numpack/backends/memory/memory_backend.h"
#include "numpack/core/view.h"
#include "numpack/numpack.h"

namespace numpack {
namespace {

constexpr int kThreads = 4;

// Runs `work(thread)` in every thread at once.
void InThreads(const std::function<void(int)>& work) {
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back(work, i);
  for (std::thread& thread : threads) thread.join();
}

// An array all of whose elements are the same, so that a torn read shows.
std::vector<int32_t> Uniform(size_t n, int32_t value) { return std::vector<int32_t>(n, value); }

void ExpectUniform(const int32_t* data, size_t n) {
  for (size_t i = 1; i < n; ++i) ASSERT_EQ(data[i], data[0]) << i;
}

TEST(Concurrency, SavesOfDifferentNamesAllArrive) {
  auto store = NumPack::Open(NewMemoryBackend());
  InThreads([&](int thread) {
    for (int i = 0; i < 50; ++i) {
      const std::vector<int32_t> values = Uniform(100, i);
      EXPECT_TRUE(store->Save(absl::StrCat(thread, "/", i), MakeView(values)).ok());
    }
  });
  EXPECT_EQ(store->List().size(), 50u * kThreads);
}

TEST(Concurrency, AppendsAreNotLost) {
  auto store = NumPack::Open(NewMemoryBackend());
  const std::vector<int32_t> none;
  ASSERT_TRUE(store->Save("a", MakeView(none, {0, 3})).ok());
  InThreads([&](int thread) {
    for (int i = 0; i < 50; ++i) {
      const std::vector<int32_t> row = Uniform(3, thread);
      EXPECT_TRUE(store->Append("a", MakeView(row, {1, 3})).ok());
    }
  });
  EXPECT_EQ(store->Info("a")->shape, (Shape{50 * kThreads, 3}));
}

TEST(Concurrency, ReadersNeverSeeTornOrRecycledBytes) {
  for (const size_t elements :
       {size_t{500}, size_t{100'000}}) {  // packed, and in a segment of its own
    auto store = NumPack::Open(NewMemoryBackend());
    const std::vector<int32_t> first = Uniform(elements, -1);
    ASSERT_TRUE(store->Save("a", MakeView(first)).ok());
    std::atomic<bool> stop{false};
    InThreads([&](int thread) {
      if (thread == 0) {
        for (int32_t i = 0; i < 200; ++i) {
          const std::vector<int32_t> values = Uniform(elements, i);
          EXPECT_TRUE(store->Save("a", MakeView(values)).ok());
          if (i % 50 == 0) {
            EXPECT_EQ(store->Flush(), absl::OkStatus());
          }
        }
        stop = true;
        return;
      }
      Array<const int32_t> held = *store->View<int32_t>("a");
      const int32_t held_value = held[0];
      while (!stop) {
        const auto view = store->View<int32_t>("a");
        ASSERT_EQ(view.status(), absl::OkStatus());
        ExpectUniform(view->data(), view->size());
        const auto loaded = store->Load<int32_t>("a");
        ExpectUniform(loaded->data(), loaded->size());
      }
      EXPECT_EQ(held[0], held_value);
      ExpectUniform(held.data(), held.size());
    });
  }
}

TEST(Concurrency, OneBatchFromSeveralThreads) {
  auto store = NumPack::Open(NewMemoryBackend());
  for (int i = 0; i < 10; ++i) {
    const std::vector<int32_t> values = Uniform(1000, i);
    ASSERT_TRUE(store->Save(absl::StrCat(i), MakeView(values)).ok());
  }
  auto batch = store->BeginBatch({/*memory_limit_bytes=*/20'000});
  InThreads([&](int thread) {
    for (int round = 0; round < 20; ++round) {
      for (int i = thread; i < 10; i += kThreads) {
        const std::string name = absl::StrCat(i);
        const auto array = batch->Load<int32_t>(name);
        ASSERT_EQ(array.status(), absl::OkStatus());
        for (int32_t& value : *array) ++value;
        ASSERT_EQ(batch->Save(name, *array), absl::OkStatus());
        batch->Contains(absl::StrCat((i + 1) % 10));
      }
      EXPECT_EQ(batch->List().size(), 10u);
    }
  });
  ASSERT_EQ(batch->Commit(), absl::OkStatus());
  for (int i = 0; i < 10; ++i) {
    const auto array = store->Load<int32_t>(absl::StrCat(i));
    EXPECT_EQ((*array)[0], i + 20);
    ExpectUniform(array->data(), array->size());
  }
}

// Every kind of operation at once: each thread has arrays of its own, reads those of the others,
// and counts what it did; the batch evicts and spills meanwhile.
TEST(Concurrency, EveryOperationOfOneBatchFromSeveralThreads) {
  constexpr int kRounds = 15;
  auto store = NumPack::Open(NewMemoryBackend());
  for (int thread = 0; thread < kThreads; ++thread) {
    const std::vector<int32_t> values = Uniform(1000, 0);
    ASSERT_TRUE(store->Save(absl::StrCat("rows ", thread), MakeView(values)).ok());
    ASSERT_TRUE(store->Save(absl::StrCat("name ", thread, " 0"), MakeView(values)).ok());
  }
  BatchOptions options;
  options.memory_limit_bytes = 10'000;
  options.on_unsaved_change = [](absl::string_view) {};
  auto batch = store->BeginBatch(std::move(options));
  InThreads([&](int thread) {
    const std::string rows = absl::StrCat("rows ", thread);
    const std::vector<int32_t> one = {thread};
    const ArrayView row = *Erase(MakeView(one));
    const std::vector<int32_t> two = {1, 2};
    const ArrayView two_rows = *Erase(MakeView(two));
    for (int round = 0; round < kRounds; ++round) {
      ASSERT_EQ(batch->Append(rows, row), absl::OkStatus());
      ASSERT_EQ(batch->ReplaceRows(rows, {-1, 0}, two_rows), absl::OkStatus());
      ASSERT_EQ(batch->DropRows(rows, {1}), absl::OkStatus());
      ASSERT_EQ(batch->Rename(absl::StrCat("name ", thread, " ", round),
                              absl::StrCat("name ", thread, " ", round + 1)),
                absl::OkStatus());
      const std::string copy = absl::StrCat("copy ", thread);
      ASSERT_EQ(batch->Clone(rows, copy), absl::OkStatus());
      ASSERT_EQ(batch->Remove(copy), absl::OkStatus());
      const std::string other = absl::StrCat("rows ", (thread + 1) % kThreads);
      ASSERT_EQ(batch->Lazy(other).status(), absl::OkStatus());
      ASSERT_EQ(batch->LoadRows(other, {0}).status(), absl::OkStatus());
      ASSERT_EQ(batch->Info(other).status(), absl::OkStatus());
      ASSERT_EQ(batch->Load(other).status(), absl::OkStatus());
      ASSERT_EQ(batch->Forget(other), absl::OkStatus());
      EXPECT_GT(batch->stats().misses, 0);
      batch->CachedNames();
      batch->DirtyNames();
      batch->Cached(other);
    }
  });
  ASSERT_EQ(batch->Commit(), absl::OkStatus());
  EXPECT_EQ(store->List().size(), 2u * kThreads);
  for (int thread = 0; thread < kThreads; ++thread) {
    const auto array = store->Load<int32_t>(absl::StrCat("rows ", thread));
    ASSERT_EQ(array.status(), absl::OkStatus());
    EXPECT_EQ(array->size(), 1000u);
    EXPECT_EQ((*array)[0], 2);
    EXPECT_EQ((*array)[999], 1);
    EXPECT_TRUE(store->Contains(absl::StrCat("name ", thread, " ", kRounds)));
  }
}

TEST(Concurrency, BatchesOfDifferentHandlesTakeTurns) {
  const std::shared_ptr<Backend> backend = NewMemoryBackend();
  auto first = NumPack::Open(backend);
  const std::vector<int32_t> zero = {0};
  ASSERT_TRUE(first->Save("counter", MakeView(zero)).ok());
  InThreads([&](int) {
    auto store = NumPack::Open(backend);
    for (int i = 0; i < 25; ++i) {
      auto transaction = store->Begin();  // the turn first, then the reading
      ASSERT_EQ(transaction.status(), absl::OkStatus());
      const auto lazy = transaction->Lazy("counter");
      const auto array = lazy->Load()->As<int32_t>();
      ++(*array)[0];
      ASSERT_EQ(transaction->Save("counter", *Erase(array->view())), absl::OkStatus());
      ASSERT_EQ(transaction->Commit(), absl::OkStatus());
    }
  });
  EXPECT_EQ((*first->Load<int32_t>("counter"))[0], 25 * kThreads);
}

TEST(Concurrency, OpeningAndClosing) {
  const std::shared_ptr<Backend> backend = NewMemoryBackend();
  InThreads([&](int thread) {
    for (int i = 0; i < 50; ++i) {
      auto store = NumPack::Open(backend);
      ASSERT_EQ(store.status(), absl::OkStatus());
      const std::vector<int32_t> values = Uniform(10, i);
      ASSERT_TRUE(store->Save(absl::StrCat(thread), MakeView(values)).ok());
      ASSERT_EQ(store->Close(), absl::OkStatus());
    }
  });
  EXPECT_EQ(NumPack::Open(backend)->List().size(), static_cast<size_t>(kThreads));
}

TEST(Concurrency, WritableModeBesideReadersAndWritersOfOtherArrays) {
  auto store = NumPack::Open(NewMemoryBackend());
  for (int i = 0; i < kThreads; ++i) {
    const std::vector<int32_t> values = Uniform(2000, 0);
    ASSERT_TRUE(store->Save(absl::StrCat(i), MakeView(values)).ok());
  }
  InThreads([&](int thread) {
    const std::string name = absl::StrCat(thread);
    for (int i = 0; i < 10; ++i) {
      if (thread % 2 == 0) {
        auto writable = store->BeginWritable();  // joins the other thread's, when there is one
        ASSERT_EQ(writable.status(), absl::OkStatus());
        const auto array = writable->Load<int32_t>(name);
        ASSERT_EQ(array.status(), absl::OkStatus());
        for (int32_t& value : *array) ++value;
        ASSERT_EQ(writable->Finish(), absl::OkStatus());
      } else {
        const std::vector<int32_t> values = Uniform(2000, i);
        ASSERT_TRUE(store->Save(name, MakeView(values)).ok());
        ExpectUniform(store->View<int32_t>(name)->data(), 2000);
      }
    }
  });
  EXPECT_EQ((*store->Load<int32_t>("0"))[1999], 10);
  EXPECT_EQ((*store->Load<int32_t>("1"))[1999], 9);
}

}  // namespace
}  // namespace numpack
