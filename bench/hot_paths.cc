// One small operation again and again, for tools that count: bench/count_per_operation.py takes the
// difference of two runs.
//
// usage: hot_paths OPERATION COUNT FOLDER     a store is made in the folder; no arguments: the
// names
//
// Prints how many allocations (calls of operator new) the COUNT operations made. Nothing is synced,
// and no thread runs beside: two runs execute the same instructions. Exits with 1 when an operation
// fails or a result is wrong.
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "numpack/numpack.h"

namespace {
std::atomic<int64_t> allocations{0};
}  // namespace

void* operator new(size_t bytes) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* const memory = std::malloc(bytes); memory != nullptr) return memory;
  std::abort();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t /*bytes*/) noexcept { std::free(memory); }

namespace numpack {
namespace {

constexpr char kName[] = "array";
constexpr int64_t kColumns = 16;
constexpr int kWarmUp = 20;

// Does the operation once; false when it fails or gives what it should not.
using Operation = std::function<bool()>;

// What the operations work on: 16 rows of 16 float32, 1 KB, in a store that never syncs.
class Scene {
 public:
  explicit Scene(NumPack store) : store_(std::move(store)), values_(16 * kColumns, 1.0f) {}

  bool Prepare() { return store_.Save(kName, Rows()).ok(); }

  // By name, in the order in which they are reported.
  static const std::vector<std::pair<std::string, Operation (Scene::*)()>>& All();

 private:
  View<float> Rows() { return MakeView(values_, {16, kColumns}); }
  ArrayView OneRow() { return *Erase(MakeView(row_, {1, kColumns})); }

  Operation Save() {
    return [this] {
      values_[0] += 1;
      return store_.Save(kName, Rows()).ok();
    };
  }
  Operation Load() {
    return [this] {
      const absl::StatusOr<Array<float>> array = store_.Load<float>(kName);
      return array.ok() && (*array)[0] == 1;
    };
  }
  Operation ViewOfIt() {
    return [this] {
      const absl::StatusOr<Array<const float>> array = store_.View<float>(kName);
      return array.ok() && (*array)[0] == 1;
    };
  }
  Operation LazyOpen() {
    return [this] {
      const absl::StatusOr<LazyArray> lazy = store_.Lazy(kName);
      return lazy.ok();
    };
  }
  Operation LazyRow() {
    auto lazy = std::make_shared<absl::StatusOr<LazyArray>>(store_.Lazy(kName));
    return [lazy] {
      const int64_t row = 5;
      if (!lazy->ok()) return false;
      const absl::StatusOr<AnyArray> found = (*lazy)->LoadRows({&row, 1});
      return found.ok() && found->size() == kColumns;
    };
  }
  Operation Append() {
    return [this] { return store_.Append(kName, OneRow()).ok(); };
  }
  Operation ReplaceRow() {
    return [this] {
      const int64_t row = 5;
      row_[0] += 1;
      return store_.ReplaceRows(kName, {&row, 1}, OneRow()).ok();
    };
  }
  Operation BatchLoad() {
    StartBatch();
    return [this] {
      const absl::StatusOr<AnyArray> array = batch_->Load(kName);
      return array.ok() && array->size() == 16 * kColumns;
    };
  }
  Operation BatchSave() {
    StartBatch();
    auto array = std::make_shared<absl::StatusOr<AnyArray>>(batch_->Load(kName));
    return [this, array] { return array->ok() && batch_->Save(kName, **array).ok(); };
  }
  Operation WritableBlock() {
    return [this] {
      absl::StatusOr<WritableBatch> batch = store_.BeginWritable();
      if (!batch.ok()) return false;
      {
        const absl::StatusOr<Array<float>> array = batch->Load<float>(kName);
        if (!array.ok()) return false;
        (*array)[0] += 1;
      }
      return batch->Finish().ok();
    };
  }
  void StartBatch() { batch_ = std::make_unique<Batch>(*store_.BeginBatch()); }

  NumPack store_;
  std::unique_ptr<Batch> batch_;
  std::vector<float> values_;
  std::vector<float> row_ = std::vector<float>(kColumns, 2.0f);
};

const std::vector<std::pair<std::string, Operation (Scene::*)()>>& Scene::All() {
  static const auto* const kAll = new std::vector<std::pair<std::string, Operation (Scene::*)()>>{
      {"save", &Scene::Save},
      {"load", &Scene::Load},
      {"view", &Scene::ViewOfIt},
      {"lazy_open", &Scene::LazyOpen},
      {"lazy_row", &Scene::LazyRow},
      {"append_row", &Scene::Append},
      {"replace_row", &Scene::ReplaceRow},
      {"batch_load", &Scene::BatchLoad},
      {"batch_save", &Scene::BatchSave},
      {"writable_block", &Scene::WritableBlock},
  };
  return *kAll;
}

int Run(const std::string& name, int64_t count, const std::string& folder) {
  StoreOptions options;
  options.durability = Durability::kNone;
  absl::StatusOr<NumPack> store = NumPack::Open(folder, options);
  if (!store.ok()) {
    std::fprintf(stderr, "%s\n", store.status().ToString().c_str());
    return 1;
  }
  Scene scene(*std::move(store));
  if (!scene.Prepare()) return 1;
  for (const auto& [known, make] : Scene::All()) {
    if (known != name) continue;
    const Operation operation = (scene.*make)();
    for (int i = 0; i < kWarmUp; ++i) {
      if (!operation()) return 1;
    }
    const int64_t before = allocations.load();
    for (int64_t i = 0; i < count; ++i) {
      if (!operation()) return 1;
    }
    std::printf("%lld\n", static_cast<long long>(allocations.load() - before));
    return 0;
  }
  std::fprintf(stderr, "no operation is named %s\n", name.c_str());
  return 2;
}

}  // namespace
}  // namespace numpack

int main(int argc, char** argv) {
  if (argc == 1) {
    for (const auto& [name, make] : numpack::Scene::All()) std::printf("%s\n", name.c_str());
    return 0;
  }
  int64_t count = 0;
  if (argc != 4 || !absl::SimpleAtoi(argv[2], &count)) {
    std::fprintf(stderr, "usage: %s OPERATION COUNT FOLDER\n", argv[0]);
    return 2;
  }
  return numpack::Run(argv[1], count, argv[3]);
}
