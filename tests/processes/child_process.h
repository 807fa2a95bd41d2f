// Programs that a test starts, and kills, and itself seen as one. A twin for each system.
#ifndef NUMPACK_TESTS_PROCESSES_CHILD_PROCESS_H_
#define NUMPACK_TESTS_PROCESSES_CHILD_PROCESS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace numpack {

// How a process ended. `how` is for messages, such as "was ended by signal 11".
struct Ending {
  bool well = false;    // by itself, with exit status 0
  bool killed = false;  // by ChildProcess::Kill, and by nothing else
  std::string how;
};

// Move-only. Kills the process when destroyed.
class ChildProcess {
 public:
  static absl::StatusOr<ChildProcess> Start(const std::string& program,
                                            const std::vector<std::string>& arguments);
  ChildProcess(ChildProcess&& other) noexcept : process_(std::exchange(other.process_, 0)) {}
  ChildProcess& operator=(ChildProcess&& other) noexcept {
    std::swap(process_, other.process_);
    return *this;
  }
  ~ChildProcess();

  // At once, without a chance to tidy up. Wait tells whether it came in time.
  void Kill() const;
  // Once only, either of them.
  Ending Wait();
  std::optional<Ending> WaitWithoutBlocking();  // nothing while it runs

 private:
  explicit ChildProcess(intptr_t process) : process_(process) {}

  intptr_t process_ = 0;  // what the system knows it by; 0 when it has been waited for
};

// The path of the running program; `argv0` where the system does not tell.
std::string ThisProgram(const char* argv0);

// Ends this process, not well, once that time has passed: one that hangs is a bug found.
void EndAfter(int seconds);

// A new directory, named after `name`, where Bazel wants such.
absl::StatusOr<std::string> MakeTempDirectory(const std::string& name);

}  // namespace numpack

#endif  // NUMPACK_TESTS_PROCESSES_CHILD_PROCESS_H_
