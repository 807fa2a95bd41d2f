// Directories that do not check out. (tests/golden/v07 reads those that do.)

#include "numpack/core/legacy_v1.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "gtest/gtest.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/file.h"
#include "numpack/backends/memory/memory_backend.h"
#include "numpack/backends/testing/fault_injecting_backend.h"
#include "numpack/base/codec.h"
#include "numpack/core/dtype.h"
#include "numpack/core/legacy_v1_format.h"
#include "numpack/core/shape.h"

namespace numpack {
namespace {

class LegacyDirectoryTest : public testing::Test {
 protected:
  void Put(absl::string_view name, absl::string_view contents) {
    auto file = backend_->Open("new", OpenMode::kCreateNew);
    ASSERT_TRUE(file.ok()) << file.status();
    const auto* data = reinterpret_cast<const std::byte*>(contents.data());
    ASSERT_TRUE((*file)->WriteAt(0, absl::MakeConstSpan(data, contents.size())).ok());
    const absl::Status renamed = backend_->Rename("new", name);
    ASSERT_TRUE(renamed.ok()) << renamed;
  }

  // An array of six int32 in rows of two.
  static legacy_v1::ArrayRecord Array(absl::string_view name, absl::string_view file) {
    legacy_v1::ArrayRecord array;
    array.name = std::string(name);
    array.dtype = DType::kInt32;
    array.shape = {3, 2};
    array.data_file = std::string(file);
    array.nbytes = 24;
    return array;
  }

  void PutMetadata(const std::vector<legacy_v1::ArrayRecord>& arrays) {
    Put("metadata.npkm", *legacy_v1::EncodeMetadata(arrays));
  }

  void ExpectRefused(absl::string_view text, absl::StatusCode code = absl::StatusCode::kDataLoss) {
    const absl::Status status = ReadLegacyDirectory(*backend_).status();
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_TRUE(absl::StrContains(status.message(), text)) << status;
    EXPECT_LT(status.message().size(), 1000u) << status;
  }

  static std::string Bitmap(const std::vector<uint64_t>& numbers) {
    std::string bytes;
    Encoder out(&bytes);
    for (const uint64_t number : numbers) out.U64(number);
    return bytes;
  }

  const std::string data_ = std::string("0001111122222333344445555");
  const std::shared_ptr<FaultInjectingBackend> backend_ =
      std::make_shared<FaultInjectingBackend>(NewMemoryBackend());
};

TEST_F(LegacyDirectoryTest, IsThereOnlyWithMetadata) {
  ExpectRefused("metadata.npkm", absl::StatusCode::kNotFound);
  Put("metadata.npkm", "");
  ExpectRefused("metadata.npkm, byte 0: the file ends");
}

TEST_F(LegacyDirectoryTest, EmptyDirectoryHasNoArrays) {
  PutMetadata({});
  EXPECT_TRUE(ReadLegacyDirectory(*backend_)->empty());
}

TEST_F(LegacyDirectoryTest, DataFilesLieInTheDirectoryAndAreDataFiles) {
  for (const char* file :
       {"../data_w.npkd", "/etc/passwd.npkd", "a/b/c.npkd", "a/../b.npkd", "", "..",
        "metadata.npkm", "log.1", "segment.1", "data_w", "data_w.npkb", "./data_w.npkd"}) {
    PutMetadata({Array("w", file)});
    ExpectRefused("array 'w'");
    ASSERT_TRUE(backend_->Remove("metadata.npkm").ok());
  }
  PutMetadata({Array("w", std::string("data\0.npkd", 10))});
  ExpectRefused("zero byte");
}

TEST_F(LegacyDirectoryTest, DataFilesAreThereAndLongEnough) {
  PutMetadata({Array("w", "data_w.npkd")});
  ExpectRefused("data_w.npkd is missing");
  Put("data_w.npkd", data_.substr(0, 23));
  ExpectRefused("data_w.npkd has 23 bytes, of at least 24");
}

TEST_F(LegacyDirectoryTest, LongerDataFilesAndMissingEmptyOnesAreFine) {
  legacy_v1::ArrayRecord empty = Array("empty", "data_empty.npkd");
  empty.shape[0] = 0;
  empty.nbytes = 0;
  PutMetadata({Array("w", "data_w.npkd"), empty});
  Put("data_w.npkd", data_);  // one byte more
  const auto arrays = ReadLegacyDirectory(*backend_);
  ASSERT_TRUE(arrays.ok()) << arrays.status();
  EXPECT_EQ((*arrays)[0].parts[0].bytes, 24u);
  EXPECT_TRUE((*arrays)[1].parts.empty());
}

TEST_F(LegacyDirectoryTest, FilesBelongToOneArray) {
  PutMetadata({Array("v", "data_w.npkd"), Array("w", "data_w.npkd")});
  Put("data_w.npkd", data_);
  ExpectRefused("also that of 'v'");
}

TEST_F(LegacyDirectoryTest, BitmapsFit) {
  PutMetadata({Array("w", "data_w.npkd")});
  Put("data_w.npkd", data_);
  Put("deleted_w.npkb", Bitmap({4, 1, 5}));
  ExpectRefused("deleted_w.npkb, byte 0: the bitmap is for 4 rows");
  ASSERT_TRUE(backend_->Remove("deleted_w.npkb").ok());
  Put("deleted_w.npkb", Bitmap({3, 1, 5}));
  const auto arrays = ReadLegacyDirectory(*backend_);
  ASSERT_TRUE(arrays.ok()) << arrays.status();
  EXPECT_EQ((*arrays)[0].info.shape, (Shape{2, 2}));
  EXPECT_EQ((*arrays)[0].info.nbytes, 16);
}

TEST_F(LegacyDirectoryTest, PartsFit) {
  PutMetadata({Array("w", "data_w.npkseg")});
  Put("folder/0.npkd", data_.substr(0, 16));
  Put("folder/1.npkd", data_.substr(16));
  const auto manifest = [&](absl::string_view parts) {
    backend_->Remove("manifest").IgnoreError();
    backend_->Rename("data_w.npkseg", "manifest").IgnoreError();
    Put("data_w.npkseg", absl::StrCat(R"({"version":1,"segments":[)", parts, "]}"));
  };
  const absl::string_view first = R"({"file":"folder/0.npkd","rows":2,"bytes":16},)";
  const auto both = [&](absl::string_view second) { manifest(absl::StrCat(first, second)); };

  ExpectRefused("data_w.npkseg", absl::StatusCode::kNotFound);
  manifest("");
  ExpectRefused("has 0 of the 3 rows of array 'w'");
  both(R"({"file":"folder/1.npkd","rows":2,"bytes":16})");
  ExpectRefused("do not fit array 'w'");
  both(R"({"file":"folder/1.npkd","rows":18446744073709551615,"bytes":8})");
  ExpectRefused("do not fit array 'w'");
  both(R"({"file":"folder/1.npkd","rows":1,"bytes":9})");
  ExpectRefused("do not fit array 'w'");
  both(R"({"file":"../1.npkd","rows":1,"bytes":8})");
  ExpectRefused("leads out of the directory");
  both(R"({"file":"metadata.npkm","rows":1,"bytes":8})");
  ExpectRefused("is not *.npkd");
  both(R"({"file":"folder/0.npkd","rows":1,"bytes":8})");
  ExpectRefused("also that of 'w'");
  both(R"({"file":"folder/2.npkd","rows":1,"bytes":8})");
  ExpectRefused("folder/2.npkd is missing");
  both("");
  ExpectRefused("data_w.npkseg, byte");
  both(R"({"file":"folder/1.npkd","rows":1,"bytes":8})");
  const auto arrays = ReadLegacyDirectory(*backend_);
  ASSERT_TRUE(arrays.ok()) << arrays.status();
  EXPECT_EQ((*arrays)[0].parts.size(), 2u);
}

TEST_F(LegacyDirectoryTest, MemoryIsLimited) {
  auto file = backend_->Open("metadata.npkm", OpenMode::kCreateNew);
  ASSERT_TRUE((*file)->Truncate(uint64_t{1} << 33).ok());  // takes no memory
  ExpectRefused("metadata.npkm has 8589934592 bytes", absl::StatusCode::kResourceExhausted);
}

TEST_F(LegacyDirectoryTest, EmptyNameIsReplaced) {
  PutMetadata({Array("unnamed", "data_unnamed.npkd"), Array("", "data_.npkd")});
  Put("data_unnamed.npkd", data_);
  Put("data_.npkd", data_);
  Put("deleted_.npkb", Bitmap({3, 1, 5}));
  const auto arrays = ReadLegacyDirectory(*backend_);
  ASSERT_TRUE(arrays.ok()) << arrays.status();
  EXPECT_EQ((*arrays)[0].name, "unnamed");
  EXPECT_EQ((*arrays)[1].name, "unnamed 2");
  EXPECT_EQ((*arrays)[1].info.shape[0], 2) << "its bitmap has the name it had there";
}

TEST_F(LegacyDirectoryTest, EveryFailingCallIsReported) {
  PutMetadata({Array("w", "data_w.npkd")});
  Put("data_w.npkd", data_);
  Put("deleted_w.npkb", Bitmap({3, 1, 5}));
  for (int64_t n = 1;; ++n) {
    backend_->FailAt(n, absl::DataLossError("injected"));
    absl::StatusOr<std::vector<LegacyArray>> arrays = ReadLegacyDirectory(*backend_);
    absl::Status status = arrays.status();
    if (status.ok()) {
      status = ReadLegacyArray(*backend_, arrays->front(), [](auto) { return absl::OkStatus(); });
    }
    if (backend_->faults() == 0) break;
    EXPECT_EQ(status.message(), "injected") << n;
  }
}

TEST_F(LegacyDirectoryTest, BackendWithoutForeignFilesIsRefused) {
  class Plain final : public Backend {
   public:
    BackendCapabilities capabilities() const override { return {}; }
    absl::StatusOr<std::unique_ptr<File>> Open(absl::string_view, OpenMode) override {
      return absl::NotFoundError("none");
    }
    absl::StatusOr<std::vector<std::string>> List() override {
      return std::vector<std::string>{"metadata.npkm"};
    }
    absl::Status Remove(absl::string_view) override { return absl::OkStatus(); }
    absl::Status SyncDirectory() override { return absl::OkStatus(); }
    absl::Status CheckPresent() override { return absl::OkStatus(); }
    absl::StatusOr<uint64_t> FreeSpace() override { return 0; }
    std::string BootId() override { return ""; }
    std::string Identity() const override { return "plain"; }
    std::string Describe() const override { return "plain"; }
  };
  Plain plain;
  EXPECT_EQ(ReadLegacyDirectory(plain).status().code(), absl::StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace numpack
