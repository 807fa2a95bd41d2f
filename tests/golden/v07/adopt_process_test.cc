// A directory of NumPack 0.7 that two processes have open while one of them adopts it.

#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <filesystem>  // NOLINT(build/c++17): tests only
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/posix_mmap/posix_mmap_backend.h"
#include "numpack/backends/posix_mmap/temp_directory.h"
#include "numpack/backends/testing/fault_injecting_backend.h"
#include "numpack/core/array.h"
#include "numpack/core/array_store.h"
#include "numpack/core/view.h"
#include "tests/golden/v07/golden_directory.h"

namespace numpack {
namespace {

namespace fs = std::filesystem;

std::shared_ptr<Backend> BackendAt(const std::string& path) {
  absl::StatusOr<std::shared_ptr<Backend>> backend = OpenPosixMmapBackend(path);
  EXPECT_TRUE(backend.ok()) << backend.status();
  return backend.ok() ? *std::move(backend) : nullptr;
}

absl::Status SaveOne(ArrayStore& store, absl::string_view name, uint8_t value) {
  const std::vector<uint8_t> values = {value};
  return store.Save(name, MakeView(values));
}

bool Holds(ArrayStore& store, const GoldenDirectory& golden) {
  for (const auto& [name, wanted] : golden.arrays) {
    const absl::StatusOr<AnyArray> array = store.Load(name);
    if (!array.ok() || absl::string_view(reinterpret_cast<const char*>(array->data()),
                                         static_cast<size_t>(array->nbytes())) != wanted.bytes) {
      ADD_FAILURE() << name << ": " << array.status();
      return false;
    }
  }
  return true;
}

// A step that one process announces and the other waits for.
class Signal {
 public:
  Signal() { EXPECT_EQ(pipe(ends_), 0); }
  void Give() { EXPECT_EQ(write(ends_[1], "x", 1), 1); }
  void Await() {
    char c;
    EXPECT_EQ(read(ends_[0], &c, 1), 1);
  }

 private:
  int ends_[2];
};

class AdoptProcessTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    golden_ = ReadGolden(GetParam());
    path_ = temp_ / "store";
    const std::shared_ptr<Backend> backend = BackendAt(path_);
    for (const auto& [name, contents] : golden_.files)
      fs::create_directories(fs::path(temp_ / "store/" + name).parent_path());
    const absl::Status status = Unpack(golden_, *backend);
    ASSERT_TRUE(status.ok()) << status;
  }

  // Runs in a process of its own, which ends with whether it found everything as it should be.
  template <typename Body>
  static pid_t Start(Body body) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(60);
      _exit(body() && !HasFailure() ? 0 : 1);
    }
    return child;
  }
  static void ExpectEndsWell(pid_t child) {
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  }

  TempDirectory temp_;
  std::string path_;
  GoldenDirectory golden_;
};

TEST_P(AdoptProcessTest, OneAdoptsWhileAnotherReads) {
  Signal opened, adopted, written;
  const pid_t child = Start([&] {
    absl::StatusOr<ArrayStore> store = ArrayStore::Open(BackendAt(path_));
    if (!store.ok() || !Holds(*store, golden_)) return false;
    const std::string first = golden_.arrays.begin()->first;
    const absl::StatusOr<AnyArray> view = store->View(first);
    opened.Give();
    adopted.Await();
    if (!store->Contains("from parent") || !Holds(*store, golden_)) return false;
    const bool same =
        absl::string_view(reinterpret_cast<const char*>(view->data()),
                          static_cast<size_t>(view->nbytes())) == golden_.arrays.at(first).bytes;
    const absl::Status saved = SaveOne(*store, "from child", 2);
    EXPECT_TRUE(saved.ok()) << saved;
    written.Give();
    return same && saved.ok();
  });
  opened.Await();
  {
    absl::StatusOr<ArrayStore> store = ArrayStore::Open(BackendAt(path_));
    ASSERT_TRUE(store.ok()) << store.status();
    EXPECT_TRUE(Holds(*store, golden_)) << "read by two before it is adopted";
    const absl::Status saved = SaveOne(*store, "from parent", 1);
    ASSERT_TRUE(saved.ok()) << saved;
    adopted.Give();
    written.Await();
    EXPECT_TRUE(store->Contains("from child"));
    EXPECT_TRUE(Holds(*store, golden_));
    ExpectEndsWell(child);
    EXPECT_TRUE(store->Close().ok());
  }
  EXPECT_TRUE(fs::exists(path_ + "/metadata.npkm.old"));
  absl::StatusOr<ArrayStore> store = ArrayStore::Open(BackendAt(path_));
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_TRUE(Holds(*store, golden_));
}

// The adopter is killed at some call, while another process has the directory open: that one goes
// on reading, and then adopts it itself, or finds that it is adopted.
TEST_P(AdoptProcessTest, TheAdopterDiesWhileAnotherReads) {
  for (int64_t n = 1;; ++n) {
    SCOPED_TRACE(n);
    fs::remove_all(path_);
    SetUp();
    absl::StatusOr<ArrayStore> store = ArrayStore::Open(BackendAt(path_));
    ASSERT_TRUE(store.ok()) << store.status();
    Signal ended;
    const pid_t child = Start([&] {
      const auto backend = std::make_shared<FaultInjectingBackend>(BackendAt(path_));
      StoreOptions options;
      options.background_sync = false;
      absl::StatusOr<ArrayStore> own = ArrayStore::Open(backend, options);
      if (!own.ok()) return false;
      int64_t calls = 0;
      backend->Count([&](const BackendCall& call) {
        if (ChangesTheStore(call) && ++calls == n) raise(SIGKILL);
        return false;
      });
      return SaveOne(*own, "from child", 1).ok();
    });
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(Holds(*store, golden_));
    const absl::Status saved = SaveOne(*store, "from parent", 2);
    EXPECT_TRUE(saved.ok()) << saved;
    EXPECT_TRUE(Holds(*store, golden_));
    EXPECT_TRUE(store->Close().ok());
    absl::StatusOr<ArrayStore> again = ArrayStore::Open(BackendAt(path_));
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_TRUE(Holds(*again, golden_) && again->Contains("from parent"));
    EXPECT_TRUE(fs::exists(path_ + "/metadata.npkm.old"));
    if (HasFailure() || !WIFSIGNALED(status)) break;
  }
}

INSTANTIATE_TEST_SUITE_P(V07, AdoptProcessTest, testing::Values("rows", "parts"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace numpack
