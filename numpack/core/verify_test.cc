// What is known of an array has to fit its bytes.
#include "numpack/core/verify.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "numpack/backends/memory/memory_backend.h"
#include "numpack/core/array_store.h"
#include "numpack/core/view.h"
#include "numpack/storage/transaction.h"

namespace numpack {
namespace {

#define ASSERT_OK(expression) ASSERT_EQ(absl::OkStatus(), (expression))

// Stores 12 bytes with that metadata under a name.
void PutRaw(ArrayStore& store, absl::string_view name, std::string metadata) {
  auto transaction = store.storage()->Begin();
  ASSERT_OK(transaction.status());
  auto extent = transaction->Allocate(name, 12);
  ASSERT_OK(extent.status());
  ASSERT_OK(transaction->Put(name, *std::move(extent), std::move(metadata)));
  ASSERT_OK(transaction->Commit());
}

TEST(VerifyArrays, MetadataMustDecodeAndFit) {
  const std::shared_ptr<Backend> backend = NewMemoryBackend();
  {
    auto store = ArrayStore::Open(backend);
    ASSERT_OK(store.status());
    std::vector<float> values = {1, 2, 3};
    ASSERT_OK(store->Save("good", MakeView(values)));
    ASSERT_OK(store->Save("dropped", MakeView(values)));
    ASSERT_OK(store->DropRows("dropped", {1}));
    PutRaw(*store, "nonsense", "nonsense");
    const auto bytes = store->storage()->Find("good");
    ASSERT_OK(bytes.status());
    std::string metadata = bytes->metadata();
    metadata.back() = 0;
    metadata[12] = 7;  // seven floats
    PutRaw(*store, "longer", metadata);
    ASSERT_OK(store->Close());
  }
  const auto report = Verify(*backend);
  ASSERT_OK(report.status());
  EXPECT_FALSE(report->clean());
  ASSERT_EQ(report->findings.size(), 2u);
  EXPECT_EQ(report->findings[0].array, "nonsense");
  EXPECT_EQ(report->findings[1].array, "longer");

  const std::shared_ptr<Backend> saved = NewMemoryBackend();
  const auto repaired = Repair(*backend, saved);
  ASSERT_OK(repaired.status());
  EXPECT_EQ(repaired->saved, (std::vector<std::string>{"good", "dropped"}));
  EXPECT_EQ(repaired->lost.size(), 2u);
  auto store = ArrayStore::Open(saved);
  ASSERT_OK(store.status());
  const auto good = store->Load<float>("good");
  ASSERT_OK(good.status());
  EXPECT_EQ(std::vector<float>(good->begin(), good->end()), (std::vector<float>{1, 2, 3}));
  EXPECT_EQ(store->Info("dropped")->shape, (Shape{2}));
}

}  // namespace
}  // namespace numpack
