// A process that only reads beside one that writes: it cannot count what it reads, so a lock keeps
// the writer from using space again. Whatever the writer saves, appends, replaces and drops,
// however often either of them closes and opens the store, the reader sees no torn array, no state
// that went back and no commit too late, and what it holds does not change.
//
//   bazel run //tests/concurrency:read_only_test -- --steps=100000 --seed=7
//
// The test starts itself a second time before it opens a store. The second process reads.
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>  // NOLINT(build/c++17): tests only
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "numpack/base/status_macros.h"
#include "numpack/numpack.h"
#include "tests/crash/actor.h"
#include "tests/crash/ledger.h"

// NOLINTNEXTLINE(readability-redundant-declaration): not every system declares it
extern char** environ;

ABSL_FLAG(int, steps, 5000, "What the reader does; the writer goes on until it is done.");
ABSL_FLAG(uint64_t, seed, 1, "Which of it.");
// For the second process: not for people.
ABSL_FLAG(std::string, dir, "", "Where the store is; a new directory by default.");

namespace numpack {
namespace {

crash::ActorOptions OptionsOf(uint64_t process) {
  crash::ActorOptions options;
  options.seed = absl::GetFlag(FLAGS_seed) * 1000 + process;
  options.store.sync_delay = absl::Milliseconds(2);
  return options;
}

absl::Status Read(const std::string& dir) {
  NUMPACK_ASSIGN_OR_RETURN(const auto ledger, crash::Ledger::Open(dir));
  crash::ActorOptions options = OptionsOf(1);
  options.store.read_only = true;
  crash::Actor reader(dir + "/store", *ledger, options);
  for (int i = 0; i < absl::GetFlag(FLAGS_steps); ++i) NUMPACK_RETURN_IF_ERROR(reader.Step());
  NUMPACK_RETURN_IF_ERROR(reader.CheckHeldViews());
  return reader.Close();
}

absl::StatusOr<pid_t> StartReader(const std::string& program, const std::string& dir) {
  std::vector<std::string> arguments = {program, absl::StrCat("--dir=", dir),
                                        absl::StrCat("--steps=", absl::GetFlag(FLAGS_steps)),
                                        absl::StrCat("--seed=", absl::GetFlag(FLAGS_seed))};
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  pid_t process = 0;
  const int error =
      posix_spawn(&process, program.c_str(), nullptr, nullptr, pointers.data(), environ);
  if (error == 0) return process;
  return absl::InternalError(absl::StrCat("cannot start ", program, ": ", strerror(error)));
}

absl::Status Drive(const std::string& program, const std::string& dir) {
  NUMPACK_ASSIGN_OR_RETURN(const auto ledger, crash::Ledger::Open(dir));
  crash::ActorOptions options = OptionsOf(0);
  options.percent_reads = 5;
  crash::Actor writer(dir + "/store", *ledger, options);
  for (int i = 0; i < 100; ++i) NUMPACK_RETURN_IF_ERROR(writer.Step());
  NUMPACK_ASSIGN_OR_RETURN(const pid_t reader, StartReader(program, dir));
  absl::Status status;
  int ending = 0;
  while (waitpid(reader, &ending, WNOHANG) == 0) {
    if (status.ok()) status = writer.Step();
  }
  NUMPACK_RETURN_IF_ERROR(status);
  if (!WIFEXITED(ending) || WEXITSTATUS(ending) != 0)
    return absl::InternalError("the reader found a fault");
  NUMPACK_RETURN_IF_ERROR(writer.CheckAll());
  std::printf("%llu commits, %llu verified reads\n",
              static_cast<unsigned long long>(ledger->commits().load()),
              static_cast<unsigned long long>(ledger->reads().load()));
  return writer.Close();
}

absl::Status Run(const std::string& program) {
  alarm(300);  // a deadlock is a failure with a stack, not a test that somebody has to stop
  std::string dir = absl::GetFlag(FLAGS_dir);
  if (!dir.empty()) return Read(dir);
  const char* const temp = getenv("TEST_TMPDIR");
  dir = absl::StrCat(temp != nullptr ? temp : "/tmp", "/read_only_XXXXXX");
  if (mkdtemp(dir.data()) == nullptr)
    return absl::InternalError(absl::StrCat("cannot make ", dir, ": ", strerror(errno)));
  const absl::Status status = Drive(program, dir);
  std::error_code ignored;
  std::filesystem::remove_all(dir, ignored);
  return status;
}

}  // namespace
}  // namespace numpack

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  const absl::Status status = numpack::Run(argv[0]);
  if (status.ok()) return 0;
  std::fprintf(stderr, "process %d: %s\n", static_cast<int>(getpid()), status.ToString().c_str());
  return 1;
}
