// Copies of a store's directory, made with the tools of the system: of a closed store and of one
// that is open, opened in the same boot and in another. (docs/durability.md, "Copies")
#include <cstddef>
#include <filesystem>  // NOLINT(build/c++17): tests only
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/posix_mmap/posix_mmap_backend.h"
#include "numpack/backends/posix_mmap/temp_directory.h"
#include "numpack/storage/options.h"
#include "numpack/storage/pinned_bytes.h"
#include "numpack/storage/store.h"
#include "numpack/storage/store_test_util.h"
#include "numpack/storage/transaction.h"

namespace numpack::storage {
namespace {

#define ASSERT_OK(expression) ASSERT_EQ(absl::OkStatus(), (expression))

namespace fs = std::filesystem;

constexpr char kBoot[] = "boot 1";

class CopyTest : public testing::Test {
 protected:
  void SetUp() override {
    store_ = Open(home_ / "store", kBoot);
    ASSERT_NE(store_, nullptr);
    // More than one log and segment; some of what is flushed is superseded and rewritten since.
    ASSERT_OK(PutBytes(*store_, "small", "small 1"));
    ASSERT_OK(PutBytes(*store_, "large", std::string(400'000, '1')));
    ASSERT_OK(PutBytes(*store_, "gone", "gone"));
    ASSERT_OK(store_->Flush());
    flushed_ = AllContents(*store_);
    ASSERT_OK(PutBytes(*store_, "small", "small 2"));
    ASSERT_TRUE(*RewriteBytes(*store_, "large", 1000, "22222"));
    ASSERT_OK(AppendBytes(*store_, "small", " and more"));
    ASSERT_OK(RemoveName(*store_, "gone"));
    ASSERT_OK(PutBytes(*store_, "new", "new"));
    all_ = AllContents(*store_);
    ASSERT_NE(all_, flushed_);
  }

  static std::shared_ptr<Store> Open(const std::string& path, const std::string& boot,
                                     bool read_only = false) {
    StoreOptions options;
    options.background_sync = false;  // what is flushed is up to the test
    options.read_only = read_only;
    auto store = Store::Open(WithBootId(*OpenPosixMmapBackend(path), boot), options);
    EXPECT_EQ(store.status(), absl::OkStatus());
    return store.ok() ? *std::move(store) : nullptr;
  }

  // Another copy of the directory as it is now, without the files that are left out.
  std::string Copy(const std::vector<std::string>& left_out = {}) {
    const std::string copy = home_ / absl::StrCat("copy", ++copies_);
    fs::copy(home_ / "store", copy, fs::copy_options::recursive);
    for (const std::string& prefix : left_out) {
      for (const auto& file : fs::directory_iterator(copy)) {
        if (absl::StartsWith(file.path().filename().string(), prefix)) fs::remove(file.path());
      }
    }
    return copy;
  }

  // Opened to be read, and then to be written, the copy has to be a good store with these arrays.
  void ExpectIn(const std::string& copy, const std::string& boot, const Contents& expected) {
    SCOPED_TRACE(absl::StrCat(copy, " in ", boot));
    EXPECT_EQ(AllContents(*Open(copy, boot, /*read_only=*/true)), expected);
    auto store = Open(copy, boot);
    EXPECT_EQ(AllContents(*store), expected);
    Contents more = expected;
    for (int i = 0; i < 3; ++i) {
      const std::string bytes = absl::StrCat("of the copy ", i, std::string(300'000, 'c'));
      ASSERT_OK(PutBytes(*store, absl::StrCat("more ", i), bytes));
      more[absl::StrCat("more ", i)] = bytes;
    }
    ASSERT_OK(store->CloseHandle());
    store = nullptr;
    EXPECT_EQ(AllContents(*Open(copy, "yet another boot")), more);
  }

  TempDirectory home_;
  std::shared_ptr<Store> store_;
  Contents flushed_;
  Contents all_;
  int copies_ = 0;
};

TEST_F(CopyTest, OfAClosedStoreHasAll) {
  ASSERT_OK(store_->CloseHandle());
  store_ = nullptr;
  for (const char* boot : {kBoot, "boot 2", ""}) ExpectIn(Copy(), boot, all_);
}

TEST_F(CopyTest, OfAFlushedStoreHasAll) {
  ASSERT_OK(store_->Flush());
  for (const char* boot : {kBoot, "boot 2", ""}) ExpectIn(Copy(), boot, all_);
}

// Whatever the living processes' own files say, and whether they are copied along.
TEST_F(CopyTest, OfAnOpenStoreHasAllInThisBootAndTheLastFlushInAnother) {
  const auto reader = Open(home_ / "store", kBoot, /*read_only=*/true);
  const auto held = reader->Find("small");
  const std::vector<std::vector<std::string>> left_out = {
      {}, {"head"}, {"slot."}, {"writer.lock"}, {"head", "slot.", "writer.lock"}};
  for (const std::vector<std::string>& names : left_out) {
    ASSERT_TRUE(fs::exists(home_ / "store/head") && fs::exists(home_ / "store/slot.0"));
    ExpectIn(Copy(names), kBoot, all_);
    ExpectIn(Copy(names), "boot 2", flushed_);
    ExpectIn(Copy(names), "", flushed_);
  }
  EXPECT_EQ(AllContents(*store_), all_) << "the copies changed the original";
}

TEST_F(CopyTest, WhatIsChangedMeanwhileIsNoPartOfIt) {
  // Somebody has the writer's lock, and has written bytes that no record names.
  auto transaction = store_->Begin();
  auto extent = transaction->Allocate("pending", 100'000);
  ASSERT_OK(extent->Write(0, std::vector<std::byte>(100'000, std::byte{7})));
  ASSERT_OK(transaction->Put("pending", *std::move(extent), ""));
  ExpectIn(Copy(), kBoot, all_);
}

TEST_F(CopyTest, AnArrayThatIsOpenInPlaceIsReported) {
  const auto mapping = store_->BeginInPlace("large");
  ASSERT_OK(mapping.status());
  for (const char* boot : {kBoot, "boot 2"}) {
    const std::string copy = Copy();
    EXPECT_EQ(Open(copy, boot, /*read_only=*/true)->Interrupted(),
              (std::vector<std::string>{"large"}));
    EXPECT_EQ(Open(copy, boot)->Interrupted(), (std::vector<std::string>{"large"}));
  }
  ASSERT_OK(store_->EndInPlace({{"large", mapping->bytes.metadata()}}));
}

TEST_F(CopyTest, TheCopyAndTheOriginalAreTwoStores) {
  const std::string copy = Copy();
  const auto other = Open(copy, kBoot);
  ASSERT_OK(PutBytes(*store_, "small", "of the original"));
  ASSERT_OK(PutBytes(*other, "small", "of the copy"));
  EXPECT_EQ(*GetBytes(*store_, "small"), "of the original");
  EXPECT_EQ(*GetBytes(*other, "small"), "of the copy");
}

TEST_F(CopyTest, AFileThatIsMissingIsNamed) {
  for (const char* file : {"segment.1", "segment.2", "log."}) {
    const std::string copy = Copy({file});
    for (const bool read_only : {false, true}) {
      StoreOptions options;
      options.read_only = read_only;
      const absl::Status status =
          Store::Open(WithBootId(*OpenPosixMmapBackend(copy), kBoot), options).status();
      EXPECT_TRUE(absl::IsDataLoss(status)) << file << ": " << status;
      EXPECT_TRUE(absl::StrContains(status.message(), file[0] == 's' ? file : "no commit log"))
          << status;
    }
  }
}

}  // namespace
}  // namespace numpack::storage
