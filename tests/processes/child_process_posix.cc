#if defined(_WIN32)
#error "the Windows twin is child_process_win32.cc"
#endif

#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "tests/processes/child_process.h"

// NOLINTNEXTLINE(readability-redundant-declaration): not every system declares it
extern char** environ;

namespace numpack {
namespace {

Ending EndingOf(int status) {
  Ending ending;
  ending.well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  ending.killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  ending.how = WIFEXITED(status) ? absl::StrCat("ended with status ", WEXITSTATUS(status))
                                 : absl::StrCat("was ended by signal ", WTERMSIG(status));
  return ending;
}

}  // namespace

absl::StatusOr<ChildProcess> ChildProcess::Start(const std::string& program,
                                                 const std::vector<std::string>& arguments) {
  std::vector<std::string> all = {program};
  all.insert(all.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& argument : all) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  pid_t process = 0;
  const int error =
      posix_spawn(&process, program.c_str(), nullptr, nullptr, pointers.data(), environ);
  if (error == 0) return ChildProcess(process);
  return absl::InternalError(absl::StrCat("cannot start ", program, ": ", std::strerror(error)));
}

ChildProcess::~ChildProcess() {
  if (process_ == 0) return;
  Kill();
  Wait();
}

void ChildProcess::Kill() const { kill(static_cast<pid_t>(process_), SIGKILL); }

Ending ChildProcess::Wait() {
  int status = 0;
  waitpid(static_cast<pid_t>(std::exchange(process_, 0)), &status, 0);
  return EndingOf(status);
}

std::optional<Ending> ChildProcess::WaitWithoutBlocking() {
  int status = 0;
  if (waitpid(static_cast<pid_t>(process_), &status, WNOHANG) != process_) return std::nullopt;
  process_ = 0;
  return EndingOf(status);
}

std::string ThisProgram(const char* argv0) { return argv0; }

void EndAfter(int seconds) { alarm(static_cast<unsigned>(seconds)); }

absl::StatusOr<std::string> MakeTempDirectory(const std::string& name) {
  const char* const temp = getenv("TEST_TMPDIR");
  std::string path = absl::StrCat(temp != nullptr ? temp : "/tmp", "/", name, "_XXXXXX");
  if (mkdtemp(path.data()) != nullptr) return path;
  return absl::InternalError(absl::StrCat("cannot make ", path, ": ", std::strerror(errno)));
}

}  // namespace numpack
