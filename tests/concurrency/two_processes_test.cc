// Two processes with four threads each on one store: rows appended in loops are all there, once
// each and in order; and whatever the threads save, append, replace, drop, hold and read, nobody
// sees a torn array, half a batch, a state that went back, or a view that changed.
//
//   bazel run //tests/concurrency:two_processes_test -- --steps=20000 --seed=7
//
// The test starts itself a second time before it opens a store.
#include <cstdint>
#include <cstdio>
#include <filesystem>  // NOLINT(build/c++17): tests only
#include <functional>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "numpack/base/process.h"
#include "numpack/base/status_macros.h"
#include "numpack/numpack.h"
#include "tests/crash/actor.h"
#include "tests/crash/ledger.h"
#include "tests/processes/child_process.h"

ABSL_FLAG(int, steps, 250, "What each thread does.");
ABSL_FLAG(uint64_t, seed, 1, "Which of it.");
// For the second process: not for people.
ABSL_FLAG(std::string, dir, "", "Where the store is; a new directory by default.");

namespace numpack {
namespace {

constexpr uint64_t kThreads = 4;
constexpr uint64_t kProcesses = 2;
constexpr char kShared[] = "appended by all";

// A row: which thread of which process, and how many it had appended before.
uint64_t RowOf(uint64_t actor, uint64_t sequence) { return actor << 32 | sequence; }

absl::Status AppendInALoop(NumPack store, uint64_t actor, uint64_t count) {
  for (uint64_t sequence = 0; sequence < count; ++sequence) {
    // The last ones of each make the array larger than what shares a segment.
    const std::vector<uint64_t> rows(1 + sequence % 50, RowOf(actor, sequence));
    NUMPACK_RETURN_IF_ERROR(store.Append(kShared, MakeView(rows)));
  }
  return absl::OkStatus();
}

absl::Status CheckAppended(const NumPack& store, uint64_t count) {
  NUMPACK_ASSIGN_OR_RETURN(const auto rows, store.View<uint64_t>(kShared));
  std::vector<uint64_t> next(kProcesses * kThreads);
  size_t at = 1;  // behind the row that the array began with
  while (at < rows.size()) {
    const uint64_t row = rows.data()[at];
    const uint64_t actor = row >> 32, sequence = row & 0xFFFFFFFF;
    if (actor >= next.size() || sequence != next[actor])
      return absl::DataLossError(absl::StrCat("row ", at, " is ", row));
    for (uint64_t i = 0; i <= sequence % 50; ++i, ++at) {
      if (at >= rows.size() || rows.data()[at] != row)
        return absl::DataLossError(absl::StrCat("row ", at, " is missing"));
    }
    ++next[actor];
  }
  for (uint64_t actor = 0; actor < next.size(); ++actor) {
    if (next[actor] != count)
      return absl::DataLossError(absl::StrCat("actor ", actor, " lost rows: ", next[actor]));
  }
  return absl::OkStatus();
}

absl::Status Act(const std::string& dir, crash::Ledger& ledger, uint64_t actor, int steps) {
  crash::ActorOptions options;
  options.seed = absl::GetFlag(FLAGS_seed) * 1000 + actor;
  options.max_held_views = 6;
  options.store.sync_delay = absl::Milliseconds(5);
  crash::Actor worker(dir + "/store", ledger, options);
  for (int i = 0; i < steps; ++i) NUMPACK_RETURN_IF_ERROR(worker.Step());
  NUMPACK_RETURN_IF_ERROR(worker.CheckHeldViews());
  return worker.Close();
}

// The first error that one of the threads ends with.
absl::Status InThreads(const std::function<absl::Status(uint64_t thread)>& body) {
  std::vector<absl::Status> results(kThreads);
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < kThreads; ++i) threads.emplace_back([&, i] { results[i] = body(i); });
  for (std::thread& thread : threads) thread.join();
  absl::Status status;
  for (const absl::Status& result : results) status.Update(result);
  return status;
}

absl::Status Take(const std::string& dir, uint64_t process) {
  const int steps = absl::GetFlag(FLAGS_steps);
  NUMPACK_ASSIGN_OR_RETURN(const auto ledger, crash::Ledger::Open(dir));
  NUMPACK_ASSIGN_OR_RETURN(NumPack store, NumPack::Open(dir + "/store"));
  NUMPACK_RETURN_IF_ERROR(InThreads([&](uint64_t thread) -> absl::Status {
    NUMPACK_ASSIGN_OR_RETURN(NumPack own, NumPack::Open(dir + "/store"));
    return AppendInALoop(std::move(own), process * kThreads + thread, static_cast<uint64_t>(steps));
  }));
  return InThreads(
      [&](uint64_t thread) { return Act(dir, *ledger, process * kThreads + thread, steps); });
}

absl::StatusOr<ChildProcess> StartSecond(const std::string& program, const std::string& dir) {
  return ChildProcess::Start(
      program, {absl::StrCat("--dir=", dir), absl::StrCat("--steps=", absl::GetFlag(FLAGS_steps)),
                absl::StrCat("--seed=", absl::GetFlag(FLAGS_seed))});
}

absl::Status Drive(const std::string& program, const std::string& dir) {
  {
    NUMPACK_ASSIGN_OR_RETURN(NumPack store, NumPack::Open(dir + "/store"));
    const std::vector<uint64_t> first = {0};
    NUMPACK_RETURN_IF_ERROR(store.Save(kShared, MakeView(first)));
    NUMPACK_RETURN_IF_ERROR(store.Close());
  }
  NUMPACK_ASSIGN_OR_RETURN(const auto ledger, crash::Ledger::Open(dir));
  NUMPACK_ASSIGN_OR_RETURN(ChildProcess second, StartSecond(program, dir));
  const absl::Status status = Take(dir, 0);
  const Ending ending = second.Wait();
  NUMPACK_RETURN_IF_ERROR(status);
  if (!ending.well) return absl::InternalError(absl::StrCat("the second process ", ending.how));

  NUMPACK_ASSIGN_OR_RETURN(NumPack store, NumPack::Open(dir + "/store"));
  NUMPACK_RETURN_IF_ERROR(CheckAppended(store, static_cast<uint64_t>(absl::GetFlag(FLAGS_steps))));
  NUMPACK_RETURN_IF_ERROR(store.Remove(kShared));
  crash::Actor last(dir + "/store", *ledger, crash::ActorOptions());
  NUMPACK_RETURN_IF_ERROR(last.CheckAll());
  std::printf("%llu commits, %llu verified reads\n",
              static_cast<unsigned long long>(ledger->commits().load()),
              static_cast<unsigned long long>(ledger->reads().load()));
  return last.Close();
}

absl::Status Run(const std::string& program) {
  EndAfter(300);  // a deadlock is a failure, not a test that somebody has to stop
  std::string dir = absl::GetFlag(FLAGS_dir);
  if (!dir.empty()) return Take(dir, 1);
  NUMPACK_ASSIGN_OR_RETURN(dir, MakeTempDirectory("two_processes"));
  const absl::Status status = Drive(program, dir);
  std::error_code ignored;
  std::filesystem::remove_all(dir, ignored);
  return status;
}

}  // namespace
}  // namespace numpack

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  const absl::Status status = numpack::Run(numpack::ThisProgram(argv[0]));
  if (status.ok()) return 0;
  std::fprintf(stderr, "process %d: %s\n", static_cast<int>(numpack::ProcessId()),
               status.ToString().c_str());
  return 1;
}
