#include "numpack/storage/open_files.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "gtest/gtest.h"
#include "numpack/backends/memory/memory_backend.h"
#include "numpack/backends/testing/fault_injecting_backend.h"

namespace numpack::storage {
namespace {

absl::Status Write(File& file, char byte) {
  const auto value = static_cast<std::byte>(byte);
  return file.WriteAt(0, absl::MakeConstSpan(&value, 1));
}

class OpenFilesTest : public testing::Test {
 protected:
  void SetUp() override {
    backend_->Count(
        [](const BackendCall& call) { return call.operation == BackendOperation::kOpen; });
    backend_->Heal();
  }
  int64_t opened() const { return backend_->calls(); }

  const std::shared_ptr<FaultInjectingBackend> backend_ =
      std::make_shared<FaultInjectingBackend>(NewMemoryBackend());
  OpenFiles files_{backend_, /*limit=*/2};
};

TEST_F(OpenFilesTest, TheLastOnesUsedStayOpen) {
  std::vector<std::unique_ptr<OpenFiles::Handle>> handles;
  for (const char* name : {"a", "b", "c"})
    handles.push_back(std::make_unique<OpenFiles::Handle>(files_, name));
  const std::shared_ptr<File> a = *handles[0]->Get(OpenMode::kCreateNew);
  ASSERT_TRUE(handles[1]->Get(OpenMode::kCreateNew).ok());
  ASSERT_TRUE(handles[0]->Get().ok());
  ASSERT_TRUE(handles[2]->Get(OpenMode::kCreateNew).ok());  // closes b
  EXPECT_EQ(opened(), 3);
  ASSERT_TRUE(handles[0]->Get().ok());
  ASSERT_TRUE(handles[2]->Get().ok());
  EXPECT_EQ(opened(), 3);
  ASSERT_TRUE(handles[1]->Get().ok());  // opens b again, closes a
  EXPECT_EQ(opened(), 4);
  EXPECT_EQ(Write(*a, 'x'), absl::OkStatus()) << "whoever has it may go on";
  handles.erase(handles.begin() + 1);
  ASSERT_TRUE(handles[0]->Get().ok());
  EXPECT_EQ(opened(), 5);
}

TEST_F(OpenFilesTest, AMissingFileIsNotFoundEachTime) {
  OpenFiles::Handle handle(files_, "missing");
  EXPECT_EQ(handle.Get().status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(handle.Get().status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace numpack::storage
