// What must not matter to the cost of a call: how many views somebody holds, in this process or in
// another one; whether a reader that cannot write looks on.
// Every benchmark checks its result after the timing; a wrong one makes the program fail.
//
//   bazel run -c opt //bench:isolation_bench -- --benchmark_enable_random_interleaving=true
//       --benchmark_repetitions=9 --benchmark_report_aggregates_only=true
//
// For views in another process the program starts itself again.
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "bench/checked.h"
#include "bench/temporary_store.h"
#include "benchmark/benchmark.h"
#include "numpack/numpack.h"

// NOLINTNEXTLINE(readability-redundant-declaration): not every system declares it
extern char** environ;

namespace numpack {
namespace {

constexpr char kHold[] = "--hold-views";
constexpr int64_t kArrays = 10'000;

std::string g_program;

std::vector<float> EightKilobytes() { return Values(8000, 1); }

// A store with that array and kArrays small ones.
class FullStore : public TemporaryStore {
 public:
  explicit FullStore(benchmark::State& state) : TemporaryStore(state) {
    if (state.skipped()) return;
    std::vector<float> values = EightKilobytes();
    if (Ok(state, (*this)->Save(kName, MakeView(values)))) AddOthers(state, kArrays);
  }
};

absl::StatusOr<std::vector<Array<const float>>> HoldViews(const NumPack& store, int64_t count) {
  std::vector<Array<const float>> held;
  for (int64_t i = 0; i < count; ++i) {
    absl::StatusOr<Array<const float>> view = store.View<float>(TemporaryStore::OtherName(i));
    if (!view.ok()) return view.status();
    held.push_back(*std::move(view));
  }
  return held;
}

// What a second process does: it holds views until its standard input ends. With the argument
// "read-only" in place of a number it is a reader that cannot write, and holds one.
int HoldUntilTold(const std::string& path, const std::string& count) {
  StoreOptions options;
  options.read_only = count == "read-only";
  const absl::StatusOr<NumPack> store = NumPack::Open(path, options);
  if (!store.ok()) return 1;
  const auto held = HoldViews(*store, options.read_only ? 1 : std::atoll(count.c_str()));
  if (!held.ok()) return 1;
  char byte = 'x';
  if (write(STDOUT_FILENO, &byte, 1) != 1) return 1;
  return read(STDIN_FILENO, &byte, 1) == 0 ? 0 : 1;
}

class OtherProcess {
 public:
  OtherProcess(benchmark::State& state, const std::string& path, const std::string& count) {
    std::array<int, 2> in = {}, out = {};
    if (pipe(in.data()) != 0 || pipe(out.data()) != 0) {
      Expect(state, false, "no pipe");
      return;
    }
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, in[1]);
    std::vector<std::string> arguments = {g_program, kHold, path, count};
    std::vector<char*> pointers;
    for (std::string& argument : arguments) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    const int error =
        posix_spawn(&process_, g_program.c_str(), &actions, nullptr, pointers.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    close(in[0]);
    close(out[1]);
    to_it_ = in[1];
    char byte = 0;
    Expect(state, error == 0 && read(out[0], &byte, 1) == 1, "the other process has failed");
    close(out[0]);
  }
  ~OtherProcess() {
    close(to_it_);
    if (process_ > 0) waitpid(process_, nullptr, 0);
  }
  OtherProcess(const OtherProcess&) = delete;
  OtherProcess& operator=(const OtherProcess&) = delete;

 private:
  pid_t process_ = 0;
  int to_it_ = -1;
};

enum class Where { kHere, kInAnotherProcess };

void RunViewOrLoad(benchmark::State& state, bool load, Where where) {
  const FullStore store(state);
  if (state.skipped()) return;
  std::vector<Array<const float>> held;
  std::unique_ptr<OtherProcess> other;
  if (where == Where::kHere) {
    auto views = HoldViews(*store, state.range(0));
    if (!Ok(state, views.status())) return;
    held = *std::move(views);
  } else {
    other = std::make_unique<OtherProcess>(state, store.path(), absl::StrCat(state.range(0)));
  }
  const std::vector<float> values = EightKilobytes();
  for (auto _ : state) {
    if (load) {
      absl::StatusOr<Array<float>> array = store->Load<float>(kName);
      if (!Ok(state, array.status())) return;
      benchmark::DoNotOptimize(array->data());
    } else {
      absl::StatusOr<Array<const float>> array = store->View<float>(kName);
      if (!Ok(state, array.status())) return;
      benchmark::DoNotOptimize(array->data());
    }
  }
  ExpectStored(state, store, values);
}
void BM_View(benchmark::State& state, Where where) { RunViewOrLoad(state, false, where); }
void BM_Load(benchmark::State& state, Where where) { RunViewOrLoad(state, true, where); }
BENCHMARK_CAPTURE(BM_View, held_here, Where::kHere)->Arg(1)->Arg(kArrays)->UseRealTime();
BENCHMARK_CAPTURE(BM_View, held_elsewhere, Where::kInAnotherProcess)
    ->Arg(1)
    ->Arg(kArrays)
    ->UseRealTime();
BENCHMARK_CAPTURE(BM_Load, held_here, Where::kHere)->Arg(1)->Arg(kArrays)->UseRealTime();
BENCHMARK_CAPTURE(BM_Load, held_elsewhere, Where::kInAnotherProcess)
    ->Arg(1)
    ->Arg(kArrays)
    ->UseRealTime();

void RunCommits(benchmark::State& state, TemporaryStore& store) {
  std::vector<float> values(50);
  while (state.KeepRunning()) {
    values[0] += 1;
    if (!Ok(state, store->Save(kName, MakeView(values)))) return;
  }
  ExpectStored(state, store, values);
}

// A commit of 200 bytes while others hold range(0) views in another process.
void BM_CommitBesideViews(benchmark::State& state) {
  FullStore store(state);
  if (state.skipped()) return;
  const OtherProcess other(state, store.path(), absl::StrCat(state.range(0)));
  RunCommits(state, store);
}
BENCHMARK(BM_CommitBesideViews)->Arg(1)->Arg(kArrays)->UseRealTime();

// The same while a reader that cannot write has the store open: no space is used again, so this one
// costs more, and the store grows.
void BM_CommitWatched(benchmark::State& state) {
  FullStore store(state);
  if (state.skipped()) return;
  const OtherProcess other(state, store.path(), "read-only");
  RunCommits(state, store);
}
BENCHMARK(BM_CommitWatched)->UseRealTime();

// A view through a handle that only reads, while a writer has the store open and while nobody has.
void BM_ViewReadOnly(benchmark::State& state) {
  auto store = std::make_unique<FullStore>(state);
  if (state.skipped()) return;
  const bool alone = state.range(0) == 0;
  StoreOptions options;
  options.read_only = true;
  if (!Ok(state, (*store)->Close())) return;  // otherwise handles of one process share a store
  std::unique_ptr<OtherProcess> writer;
  if (!alone) writer = std::make_unique<OtherProcess>(state, store->path(), "1");
  const absl::StatusOr<NumPack> reader = NumPack::Open(store->path(), options);
  if (!Ok(state, reader.status())) return;
  for (auto _ : state) {
    absl::StatusOr<Array<const float>> array = reader->View<float>(kName);
    if (!Ok(state, array.status())) return;
    benchmark::DoNotOptimize(array->data());
  }
  const std::vector<float> values = EightKilobytes();
  const auto found = reader->View<float>(kName);
  Expect(state,
         found.ok() && std::equal(values.begin(), values.end(), found->begin(), found->end()),
         "read something else than was saved");
}
BENCHMARK(BM_ViewReadOnly)->ArgName("writers")->Arg(0)->Arg(1)->UseRealTime();

}  // namespace
}  // namespace numpack

int main(int argc, char** argv) {
  if (argc == 4 && std::strcmp(argv[1], numpack::kHold) == 0)
    return numpack::HoldUntilTold(argv[2], argv[3]);
  numpack::g_program = argv[0];
  return numpack::RunChecked(argc, argv);
}
