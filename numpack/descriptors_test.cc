// A store with more large arrays than the process may have files open.
#include <sys/resource.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "numpack/core/view.h"
#include "numpack/numpack.h"

namespace numpack {
namespace {

TEST(Descriptors, MoreArraysThanOpenFiles) {
  rlimit limit = {};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  limit.rlim_cur = 400;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  constexpr int kArrays = 600;
  const std::string path = absl::StrCat(testing::TempDir(), "/descriptors_test_", getpid());
  std::vector<double> values(40'000);  // 320 KB: a file of its own
  auto store = NumPack::Open(path);
  ASSERT_EQ(store.status(), absl::OkStatus());
  for (int i = 0; i < kArrays; ++i) {
    values[0] = i;
    ASSERT_EQ(store->Save(absl::StrCat(i), MakeView(values)), absl::OkStatus());
  }
  ASSERT_EQ(store->Close(), absl::OkStatus());

  store = NumPack::Open(path);
  ASSERT_EQ(store.status(), absl::OkStatus());
  std::vector<LazyArray> held;
  for (int i = 0; i < kArrays; ++i) held.push_back(*store->Lazy(absl::StrCat(i)));
  std::vector<AnyArray> views;
  for (const LazyArray& lazy : held) {
    const auto view = lazy.View();
    ASSERT_EQ(view.status(), absl::OkStatus()) << views.size();
    views.push_back(*view);
  }
  for (int i = 0; i < kArrays; ++i) {
    const auto typed = views[static_cast<size_t>(i)].As<const double>();
    ASSERT_EQ(typed.status(), absl::OkStatus());
    EXPECT_EQ(typed->data()[0], i);
  }
}

}  // namespace
}  // namespace numpack
