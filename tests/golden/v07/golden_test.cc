// Directories that NumPack 0.7 made, read, and exports of them.

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "gtest/gtest.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/memory/memory_backend.h"
#include "numpack/core/array_store.h"
#include "numpack/core/dtype.h"
#include "numpack/core/legacy_v1.h"
#include "numpack/core/legacy_v1_export.h"
#include "numpack/core/shape.h"
#include "numpack/core/view.h"
#include "tests/golden/v07/golden_directory.h"

namespace numpack {
namespace {

std::string ReadBytes(Backend& backend, const LegacyArray& array) {
  std::string bytes;
  const absl::Status status =
      ReadLegacyArray(backend, array, [&](absl::Span<const std::byte> piece) {
        bytes.append(reinterpret_cast<const char*>(piece.data()), piece.size());
        return absl::OkStatus();
      });
  EXPECT_TRUE(status.ok()) << status;
  return bytes;
}

std::vector<LegacyArray> ReadDirectory(Backend& backend) {
  absl::StatusOr<std::vector<LegacyArray>> arrays = ReadLegacyDirectory(backend);
  EXPECT_TRUE(arrays.ok()) << arrays.status();
  return arrays.ok() ? *std::move(arrays) : std::vector<LegacyArray>();
}

// What NumPack 0.7 loads, with the name that an array with an empty one gets.
std::map<std::string, GoldenArray> Expected(const GoldenDirectory& golden) {
  std::map<std::string, GoldenArray> arrays = golden.arrays;
  if (auto unnamed = arrays.extract(""); !unnamed.empty()) {
    unnamed.key() = "unnamed";
    arrays.insert(std::move(unnamed));
  }
  return arrays;
}

void ExpectReads(Backend& backend, const std::map<std::string, GoldenArray>& expected) {
  const std::vector<LegacyArray> arrays = ReadDirectory(backend);
  EXPECT_EQ(arrays.size(), expected.size());
  for (const LegacyArray& array : arrays) {
    SCOPED_TRACE(array.name);
    const auto found = expected.find(array.name);
    ASSERT_NE(found, expected.end());
    EXPECT_EQ(DTypeName(array.info.dtype), found->second.dtype);
    EXPECT_EQ(ShapeString(array.info.shape), found->second.shape);
    EXPECT_EQ(array.info.nbytes, static_cast<int64_t>(found->second.bytes.size()));
    EXPECT_GT(array.info.modified_us, 1'600'000'000'000'000);
    EXPECT_EQ(ReadBytes(backend, array), found->second.bytes);
  }
}

class GoldenTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    golden_ = ReadGolden(GetParam());
    const absl::Status status = Unpack(golden_, *backend_);
    ASSERT_TRUE(status.ok()) << status;
  }

  GoldenDirectory golden_;
  const std::shared_ptr<Backend> backend_ = NewMemoryBackend();
};

TEST_P(GoldenTest, ReadsWhatNumPack07Loads) { ExpectReads(*backend_, Expected(golden_)); }

TEST_P(GoldenTest, NamesTheFilesOfEachArray) {
  std::set<std::string> files = {"metadata.npkm"};
  for (const LegacyArray& array : ReadDirectory(*backend_)) {
    for (const std::string& file : array.files) EXPECT_TRUE(files.insert(file).second) << file;
  }
  std::set<std::string> there;
  for (const auto& [name, contents] : golden_.files) there.insert(name);
  EXPECT_EQ(files, there);
}

TEST_P(GoldenTest, IsKnownByItsFiles) {
  EXPECT_TRUE(IsLegacyDirectory(*backend_->List()));
  ASSERT_TRUE(backend_->Open("log.1", OpenMode::kCreate).ok());
  EXPECT_FALSE(IsLegacyDirectory(*backend_->List()));
}

TEST_P(GoldenTest, StoredAndExportedAgainItReadsTheSame) {
  auto store = ArrayStore::Open(NewMemoryBackend());
  ASSERT_TRUE(store.ok()) << store.status();
  std::map<std::string, GoldenArray> expected = Expected(golden_);
  expected.erase("scalar");  // NumPack 0.7 cannot load it, so it is not exported
  for (const LegacyArray& array : ReadDirectory(*backend_)) {
    if (array.name == "scalar") continue;
    const std::string bytes = ReadBytes(*backend_, array);
    const auto view = ArrayView::Contiguous(array.info.dtype, array.info.shape, bytes.data());
    ASSERT_TRUE(view.ok()) << view.status();
    ASSERT_TRUE(store->Save(array.name, *view).ok());
  }
  const std::shared_ptr<Backend> target = NewMemoryBackend();
  const absl::Status exported = ExportV1(*store, *target);
  ASSERT_TRUE(exported.ok()) << exported;
  ExpectReads(*target, expected);
}

INSTANTIATE_TEST_SUITE_P(V07, GoldenTest, testing::Values("dtypes", "rows", "names", "parts"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace numpack
