// Directories of NumPack 0.7 opened as stores: reading changes nothing, the first write adopts.

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gtest/gtest.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/file.h"
#include "numpack/backends/memory/memory_backend.h"
#include "numpack/backends/testing/fault_injecting_backend.h"
#include "numpack/backends/testing/write_protected_backend.h"
#include "numpack/core/array.h"
#include "numpack/core/array_store.h"
#include "numpack/core/dtype.h"
#include "numpack/core/shape.h"
#include "numpack/core/verify.h"
#include "numpack/core/view.h"
#include "tests/golden/v07/golden_directory.h"

namespace numpack {
namespace {

using Arrays = std::map<std::string, GoldenArray>;

// What NumPack 0.7 loads, with the name that an array with an empty one gets.
Arrays Expected(const GoldenDirectory& golden) {
  Arrays arrays = golden.arrays;
  if (auto unnamed = arrays.extract(""); !unnamed.empty()) {
    unnamed.key() = "unnamed";
    arrays.insert(std::move(unnamed));
  }
  return arrays;
}

StoreOptions Quiet() {
  StoreOptions options;
  options.background_sync = false;  // calls of a thread would be counted too
  options.lock_wait = absl::ZeroDuration();
  return options;
}

std::string BytesOf(const AnyArray& array) {
  return std::string(reinterpret_cast<const char*>(array.data()),
                     static_cast<size_t>(array.nbytes()));
}

void ExpectHolds(ArrayStore& store, const Arrays& expected) {
  EXPECT_EQ(store.List().size(), expected.size());
  for (const auto& [name, wanted] : expected) {
    SCOPED_TRACE(name);
    const absl::StatusOr<AnyArray> loaded = store.Load(name);
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    EXPECT_EQ(DTypeName(loaded->dtype()), wanted.dtype);
    EXPECT_EQ(ShapeString(loaded->shape()), wanted.shape);
    EXPECT_EQ(BytesOf(*loaded), wanted.bytes);
    const absl::StatusOr<AnyArray> view = store.View(name);
    ASSERT_TRUE(view.ok()) << view.status();
    EXPECT_EQ(BytesOf(*view), wanted.bytes);
  }
}

// One element under the name "new".
absl::Status SaveNew(ArrayStore& store) {
  const std::vector<uint8_t> values = {7};
  return store.Save("new", MakeView(values));
}
const GoldenArray kNew = {"uint8", "(1,)", "\7"};

std::map<std::string, std::string> FilesOf(Backend& backend, const GoldenDirectory& golden) {
  std::map<std::string, std::string> files;
  for (const auto& [name, contents] : golden.files) {
    absl::StatusOr<std::unique_ptr<File>> file = backend.OpenForeign(name, OpenMode::kReadOnly);
    if (!file.ok()) continue;
    std::string bytes(static_cast<size_t>((*file)->Size().value_or(0)), '\0');
    auto* data = reinterpret_cast<std::byte*>(&bytes[0]);
    EXPECT_TRUE((*file)->ReadAt(0, absl::MakeSpan(data, bytes.size())).ok());
    files[name] = bytes;
  }
  return files;
}

bool HasFile(Backend& backend, absl::string_view prefix) {
  const absl::StatusOr<std::vector<std::string>> names = backend.List();
  EXPECT_TRUE(names.ok()) << names.status();
  if (!names.ok()) return false;
  for (const std::string& name : *names) {
    if (absl::StartsWith(name, prefix)) return true;
  }
  return false;
}

class AdoptTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    golden_ = ReadGolden(GetParam());
    expected_ = Expected(golden_);
    Fill();
  }

  // A fresh directory.
  void Fill() {
    backend_ = std::make_shared<FaultInjectingBackend>(NewMemoryBackend());
    const absl::Status status = Unpack(golden_, *backend_);
    ASSERT_TRUE(status.ok()) << status;
  }

  absl::StatusOr<ArrayStore> Open() { return ArrayStore::Open(backend_, Quiet()); }

  void ExpectReopens(const Arrays& expected) {
    absl::StatusOr<ArrayStore> store = Open();
    ASSERT_TRUE(store.ok()) << store.status();
    ExpectHolds(*store, expected);
  }

  Arrays WithNew() const {
    Arrays arrays = expected_;
    arrays["new"] = kNew;
    return arrays;
  }

  GoldenDirectory golden_;
  Arrays expected_;
  std::shared_ptr<FaultInjectingBackend> backend_;
};

TEST_P(AdoptTest, ReadingChangesNothing) {
  for (int round = 0; round < 2; ++round) {
    absl::StatusOr<ArrayStore> store = Open();
    ASSERT_TRUE(store.ok()) << store.status();
    ExpectHolds(*store, expected_);
    EXPECT_TRUE(store->Flush().ok());
    EXPECT_FALSE(store->Contains("gone"));
    EXPECT_TRUE(store->Close().ok());
  }
  EXPECT_EQ(FilesOf(*backend_, golden_), golden_.files);
  EXPECT_FALSE(HasFile(*backend_, "log."));
  EXPECT_FALSE(HasFile(*backend_, "segment."));
}

// By somebody who cannot write, and then beside somebody who adopts it.
TEST_P(AdoptTest, WithoutPermissionItIsReadAsItLies) {
  BackendCapabilities shared = backend_->capabilities();
  shared.shared_mappings = shared.process_locks = true;
  backend_->OverrideCapabilities(shared);
  const auto directory = std::make_shared<WriteProtectedBackend>(backend_);
  StoreOptions options = Quiet();
  options.read_only = true;
  const size_t files = backend_->List()->size();
  absl::StatusOr<ArrayStore> reader = ArrayStore::Open(directory, options);
  ASSERT_TRUE(reader.ok()) << reader.status();
  ExpectHolds(*reader, expected_);
  EXPECT_TRUE(absl::IsPermissionDenied(SaveNew(*reader)));
  EXPECT_EQ(FilesOf(*backend_, golden_), golden_.files);
  EXPECT_EQ(backend_->List()->size(), files);

  absl::StatusOr<ArrayStore> writer = Open();
  ASSERT_TRUE(writer.ok()) << writer.status();
  ExpectHolds(*reader, expected_);
  std::vector<AnyArray> held;
  for (const auto& [name, array] : expected_) held.push_back(*reader->View(name));
  ASSERT_TRUE(SaveNew(*writer).ok());
  ExpectHolds(*reader, WithNew());
  for (int i = 0; i < 5; ++i) {
    for (const auto& [name, array] : expected_) {
      const std::vector<uint8_t> other(array.bytes.size() + 1, static_cast<uint8_t>(i));
      ASSERT_TRUE(writer->Save(name, MakeView(other)).ok());
    }
    ASSERT_TRUE(writer->Flush().ok());
  }
  size_t i = 0;
  for (const auto& [name, array] : expected_) EXPECT_EQ(BytesOf(held[i++]), array.bytes);
  EXPECT_EQ(directory->denied(), 0);
}

TEST_P(AdoptTest, WithoutPermissionAnAdoptionThatWasCutShortIsAnError) {
  const auto data = std::find_if(golden_.files.begin(), golden_.files.end(), [](const auto& file) {
    return absl::EndsWith(file.first, ".npkd") && !absl::StrContains(file.first, '/');
  });
  if (data == golden_.files.end()) GTEST_SKIP() << "no file that could be renamed";
  ASSERT_TRUE(backend_->Rename(data->first, "segment.1").ok());
  StoreOptions options = Quiet();
  options.read_only = true;
  const absl::Status status = ArrayStore::Open(backend_, options).status();
  EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), "without the option read_only")) << status;
}

// There is no log to check yet, and that is no damage.
TEST_P(AdoptTest, VerifyAndRepairSayWhatItIs) {
  for (const char* what : {"was written by NumPack 0.7", "nothing is lost"}) {
    const absl::Status verified = Verify(*backend_).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(verified)) << verified;
    EXPECT_TRUE(absl::StrContains(verified.message(), what)) << verified;
    EXPECT_EQ(Repair(*backend_, NewMemoryBackend()).status(), verified);
    // For the second time: as it is when an adoption is cut short.
    const auto segment = backend_->Open("segment.1", OpenMode::kCreate);
    ASSERT_TRUE(segment.ok());
  }
}

TEST_P(AdoptTest, TheFirstWriteAdopts) {
  {
    absl::StatusOr<ArrayStore> store = Open();
    ASSERT_TRUE(store.ok()) << store.status();
    std::vector<AnyArray> held;  // views from before stay what they are
    for (const auto& [name, array] : expected_) held.push_back(*store->View(name));
    ASSERT_TRUE(SaveNew(*store).ok());
    ExpectHolds(*store, WithNew());
    size_t i = 0;
    for (const auto& [name, array] : expected_) EXPECT_EQ(BytesOf(held[i++]), array.bytes);
    EXPECT_TRUE(store->Close().ok());
  }
  const auto files = FilesOf(*backend_, golden_);
  EXPECT_EQ(files.count("metadata.npkm"), 0u);
  EXPECT_TRUE(HasFile(*backend_, "metadata.npkm.old"));
  ExpectReopens(WithNew());
}

TEST_P(AdoptTest, AdoptedArraysChangeAsOthersDo) {
  absl::StatusOr<ArrayStore> store = Open();
  ASSERT_TRUE(store.ok()) << store.status();
  Arrays changed = expected_;
  for (auto& [name, array] : changed) {
    const absl::StatusOr<AnyArray> loaded = store->Load(name);
    ASSERT_TRUE(loaded.ok());
    if (loaded->shape().empty()) continue;
    const absl::Status appended = store->Append(name, loaded->view());
    ASSERT_TRUE(appended.ok()) << appended;
    Shape shape = loaded->shape();
    shape[0] *= 2;
    array.shape = ShapeString(shape);
    array.bytes += array.bytes;
  }
  ExpectHolds(*store, changed);
  ASSERT_TRUE(store->Close().ok());
  ExpectReopens(changed);
}

// An adoption that an error cuts short leaves a directory that holds the same, whichever it is.
TEST_P(AdoptTest, EveryFailingCallLeavesTheArrays) {
  for (int64_t n = 1;; ++n) {
    SCOPED_TRACE(n);
    Fill();
    backend_->FailAt(n, absl::ResourceExhaustedError("injected"));
    absl::Status saved;
    {
      absl::StatusOr<ArrayStore> store = Open();
      saved = store.ok() ? SaveNew(*store) : store.status();
      if (store.ok() && !saved.ok() && backend_->faults() > 0) {
        ExpectHolds(*store, expected_);
        // Trying again works, unless a failed sync has made the handle useless.
        const absl::Status again = SaveNew(*store);
        if (again.ok()) {
          saved = again;
        } else {
          EXPECT_TRUE(absl::StrContains(again.message(), "reopen the store")) << again;
        }
      }
      if (store.ok()) store->Close().IgnoreError();
    }
    const bool failed = backend_->faults() > 0;
    backend_->Heal();
    ExpectReopens(saved.ok() ? WithNew() : expected_);
    if (HasFatalFailure() || !failed) break;
    absl::StatusOr<ArrayStore> store = Open();
    ASSERT_TRUE(store.ok() && SaveNew(*store).ok());
    ASSERT_TRUE(store->Close().ok());
    ExpectReopens(WithNew());
  }
}

// The device dies at some call: no cleaning up either. That is what a killed process leaves, too.
TEST_P(AdoptTest, EveryPlaceToDieLeavesTheArrays) {
  for (const FaultKind kind : {FaultKind::kFail, FaultKind::kShortWrite}) {
    for (int64_t n = 1;; ++n) {
      SCOPED_TRACE(n);
      Fill();
      backend_->FailFrom(n, absl::DataLossError("dead"), kind);
      absl::Status saved;
      {
        absl::StatusOr<ArrayStore> store = Open();
        saved = store.ok() ? SaveNew(*store) : store.status();
      }
      const bool died = backend_->faults() > 0;
      backend_->Heal();
      {
        absl::StatusOr<ArrayStore> store = Open();
        ASSERT_TRUE(store.ok()) << store.status();
        // The save may have been committed although the device died behind it.
        ExpectHolds(*store, saved.ok() || store->Contains("new") ? WithNew() : expected_);
        ASSERT_TRUE(SaveNew(*store).ok());
        ASSERT_TRUE(store->Close().ok());
      }
      ExpectReopens(WithNew());
      EXPECT_TRUE(HasFile(*backend_, "metadata.npkm.old"));
      if (HasFatalFailure() || !died) break;
    }
  }
}

// Dying while an adoption is being undone, at each call of that.
TEST_P(AdoptTest, UndoingCanDieToo) {
  for (int64_t first = 1;; first += 3) {
    bool died = false;
    for (int64_t second = 1;; ++second) {
      SCOPED_TRACE(absl::StrCat(first, ", ", second));
      Fill();
      backend_->Count(ChangesTheStore);
      backend_->FailFrom(first, absl::DataLossError("dead"));
      {
        absl::StatusOr<ArrayStore> store = Open();
        if (store.ok()) SaveNew(*store).IgnoreError();
      }
      died = backend_->faults() > 0;
      backend_->FailFrom(second, absl::DataLossError("dead again"));
      { absl::StatusOr<ArrayStore> store = Open(); }
      const bool died_again = backend_->faults() > 0;
      backend_->Heal();
      backend_->Count(nullptr);
      {
        absl::StatusOr<ArrayStore> store = Open();
        ASSERT_TRUE(store.ok()) << store.status();
        ExpectHolds(*store, store->Contains("new") ? WithNew() : expected_);
      }
      if (HasFatalFailure() || !died_again) break;
    }
    if (HasFatalFailure() || !died) break;
  }
}

INSTANTIATE_TEST_SUITE_P(V07, AdoptTest, testing::Values("dtypes", "rows", "names", "parts"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace numpack
