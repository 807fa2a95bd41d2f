// Processes that change and read one store are killed at random moments; whoever is left, and
// whoever opens the store next, has to find every commit that was acknowledged, and nothing half
// done.
//
//   bazel run //tests/crash:kill_loop -- --rounds=2000 --seed=7 --processes=3
//
// A round kills one process, some of them, or all; a process of its own then verifies the files and
// looks at the whole store. As a test it makes a few rounds. The moments of the kills are not
// reproducible, what the processes do is. A store that failed is kept, and its directory named.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>  // NOLINT(build/c++17): tests only
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "numpack/base/process.h"
#include "numpack/base/status_macros.h"
#include "numpack/numpack.h"
#include "tests/crash/actor.h"
#include "tests/crash/contents.h"
#include "tests/crash/ledger.h"
#include "tests/processes/child_process.h"

ABSL_FLAG(int, rounds, 25, "How many times to kill.");
ABSL_FLAG(uint64_t, seed, 1, "What the processes do, and in which order they die.");
ABSL_FLAG(int, processes, 3, "How many processes use the store at a time.");
ABSL_FLAG(int, max_life_ms, 60, "How long a round lasts at most before somebody is killed.");
ABSL_FLAG(std::string, dir, "", "Where to keep the store; a new directory by default.");
// What the driver starts: not for people.
ABSL_FLAG(std::string, role, "driver", "driver, worker or verifier.");
ABSL_FLAG(bool, alone, false, "Of a verifier: nobody else has the store open.");

namespace numpack::crash {
namespace {

std::string StorePath(const std::string& dir) { return dir + "/store"; }

absl::Status Work(const std::string& dir, uint64_t seed) {
  NUMPACK_ASSIGN_OR_RETURN(const std::unique_ptr<Ledger> ledger, Ledger::Open(dir));
  Random random(seed);
  ActorOptions options;
  options.seed = random();
  options.percent_reads = Below(random, 3) == 0 ? 90 : 40;
  // Everything happens often in a short life.
  options.store.sync_delay = absl::Milliseconds(static_cast<int64_t>(Below(random, 20)));
  if (Below(random, 6) == 0) options.store.durability = Durability::kFull;
  options.store.checksum = Below(random, 2) == 0;
  options.store.read_only = Below(random, 4) == 0;
  Actor actor(StorePath(dir), *ledger, options);
  while (options.store.read_only && absl::IsNotFound(actor.Open()))
    absl::SleepFor(absl::Milliseconds(1));  // nobody has made it yet
  const uint64_t steps = 1 + Below(random, 3000);
  for (uint64_t i = 0; i < steps; ++i) NUMPACK_RETURN_IF_ERROR(actor.Step());
  NUMPACK_RETURN_IF_ERROR(actor.CheckHeldViews());
  return actor.Close();
}

// What the store takes on disk must not grow with the number of deaths.
absl::Status CheckSize(const std::string& dir) {
  constexpr uintmax_t kMost = uintmax_t{64} << 20;
  uintmax_t bytes = 0;
  for (const auto& file : std::filesystem::directory_iterator(StorePath(dir))) {
    std::error_code gone;
    const uintmax_t size = file.file_size(gone);
    if (!gone) bytes += size;
  }
  if (bytes <= kMost) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("the store has grown to ", bytes, " bytes, though its arrays have not"));
}

// The files, as `npk verify` sees them: whatever was killed, nothing is damaged, and checksums
// hold. (If there is a store, of course: the first process may have died before.)
absl::Status CheckFiles(const std::string& dir) {
  const absl::StatusOr<VerifyReport> report = NumPack::Verify(StorePath(dir));
  if (absl::IsNotFound(report.status())) return absl::OkStatus();
  NUMPACK_RETURN_IF_ERROR(report.status());
  if (report->clean()) return absl::OkStatus();
  std::string text = "verify found:";
  for (const Finding& finding : report->findings) {
    if (finding.severity == Severity::kNote) continue;
    absl::StrAppend(&text, " ", finding.file, " ", finding.array, " ", finding.what, ";");
  }
  return absl::DataLossError(text);
}

absl::Status Verify(const std::string& dir, bool alone) {
  NUMPACK_RETURN_IF_ERROR(CheckFiles(dir));
  NUMPACK_ASSIGN_OR_RETURN(const std::unique_ptr<Ledger> ledger, Ledger::Open(dir));
  Actor actor(StorePath(dir), *ledger, ActorOptions());
  NUMPACK_RETURN_IF_ERROR(actor.CheckAll());
  NUMPACK_RETURN_IF_ERROR(actor.Close());
  if (!alone) return absl::OkStatus();
  NUMPACK_RETURN_IF_ERROR(CheckFiles(dir));
  return CheckSize(dir);
}

// Starts and kills the others.
class Driver {
 public:
  Driver(std::string program, std::string dir)
      : program_(std::move(program)), dir_(std::move(dir)), random_(absl::GetFlag(FLAGS_seed)) {}
  ~Driver() { KillAll(); }

  absl::Status Run(int rounds) {
    for (int round = 1; round <= rounds; ++round) {
      if (absl::Status status = Round(); !status.ok()) {
        return absl::Status(status.code(), absl::StrCat("round ", round, ": ", status.message()));
      }
      if (rounds >= 100 && round % (rounds / 10) == 0) Report(round);
    }
    KillAll();
    NUMPACK_RETURN_IF_ERROR(RunVerifier(/*alone=*/true));
    Report(rounds);
    return absl::OkStatus();
  }

 private:
  absl::StatusOr<ChildProcess> Start(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), absl::StrCat("--dir=", dir_));
    return ChildProcess::Start(program_, arguments);
  }

  // How a process ended: an error unless by itself and well.
  static absl::Status Judge(absl::string_view who, const Ending& ending) {
    if (ending.well) return absl::OkStatus();
    return absl::DataLossError(absl::StrCat("a ", who, " ", ending.how));
  }

  absl::Status RunVerifier(bool alone) {
    NUMPACK_ASSIGN_OR_RETURN(
        ChildProcess process,
        Start({"--role=verifier", absl::StrCat("--alone=", alone ? "true" : "false")}));
    return Judge("verifier", process.Wait());
  }

  // Takes note of workers that have ended by themselves.
  absl::Status Reap() {
    for (auto it = workers_.begin(); it != workers_.end();) {
      const std::optional<Ending> ending = it->WaitWithoutBlocking();
      if (!ending.has_value()) {
        ++it;
        continue;
      }
      it = workers_.erase(it);
      ++ended_;
      NUMPACK_RETURN_IF_ERROR(Judge("worker", *ending));
    }
    return absl::OkStatus();
  }

  absl::Status Kill(size_t count) {
    NUMPACK_RETURN_IF_ERROR(Reap());
    std::shuffle(workers_.begin(), workers_.end(), random_);
    const size_t left = workers_.size() - std::min(count, workers_.size());
    for (size_t i = left; i < workers_.size(); ++i) workers_[i].Kill();
    absl::Status result;
    for (; workers_.size() > left; workers_.pop_back()) {
      const Ending ending = workers_.back().Wait();
      if (ending.killed) ++killed_;
      // It may have ended just before, well or not.
      if (!ending.killed) result.Update(Judge("worker", ending));
    }
    return result;
  }

  void KillAll() { Kill(workers_.size()).IgnoreError(); }

  absl::Status Round() {
    const auto processes = static_cast<size_t>(absl::GetFlag(FLAGS_processes));
    while (workers_.size() < processes) {
      NUMPACK_ASSIGN_OR_RETURN(ChildProcess worker,
                               Start({"--role=worker", absl::StrCat("--seed=", random_() >> 1)}));
      workers_.push_back(std::move(worker));
    }
    const auto life = static_cast<uint64_t>(absl::GetFlag(FLAGS_max_life_ms)) * 1000;
    absl::SleepFor(absl::Microseconds(static_cast<int64_t>(Below(random_, life))));
    const bool all = Below(random_, 3) == 0;
    NUMPACK_RETURN_IF_ERROR(Kill(all ? processes : 1 + Below(random_, processes)));
    return RunVerifier(workers_.empty());
  }

  void Report(int rounds) {
    const auto ledger = Ledger::Open(dir_);
    if (!ledger.ok()) return;
    std::printf("%d rounds: %d processes killed, %d ended, %llu commits, %llu verified reads\n",
                rounds, killed_, ended_,
                static_cast<unsigned long long>((*ledger)->commits().load()),
                static_cast<unsigned long long>((*ledger)->reads().load()));
    std::fflush(stdout);
  }

  const std::string program_;
  const std::string dir_;
  Random random_;
  std::vector<ChildProcess> workers_;
  int killed_ = 0;
  int ended_ = 0;
};

absl::Status Drive(const std::string& program) {
  std::string dir = absl::GetFlag(FLAGS_dir);
  if (dir.empty()) {
    NUMPACK_ASSIGN_OR_RETURN(dir, MakeTempDirectory("kill_loop"));
  }
  NUMPACK_RETURN_IF_ERROR(Ledger::Open(dir).status());
  absl::Status status;
  {
    Driver driver(program, dir);
    status = driver.Run(absl::GetFlag(FLAGS_rounds));
  }
  std::error_code ignored;
  if (status.ok()) {
    std::filesystem::remove_all(dir, ignored);
    return status;
  }
  return absl::Status(status.code(), absl::StrCat(status.message(), "; seed ",
                                                  absl::GetFlag(FLAGS_seed), ", kept in ", dir));
}

absl::Status Run(const std::string& program) {
  const std::string role = absl::GetFlag(FLAGS_role);
  if (role == "driver") return Drive(program);
  EndAfter(120);  // no step takes so long
  const std::string dir = absl::GetFlag(FLAGS_dir);
  if (role == "worker") return Work(dir, absl::GetFlag(FLAGS_seed));
  return Verify(dir, absl::GetFlag(FLAGS_alone));
}

}  // namespace
}  // namespace numpack::crash

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  const absl::Status status = numpack::crash::Run(numpack::ThisProgram(argv[0]));
  if (status.ok()) return 0;
  std::fprintf(stderr, "%d %s: %s\n", static_cast<int>(numpack::ProcessId()),
               absl::GetFlag(FLAGS_role).c_str(), status.ToString().c_str());
  return 1;
}
