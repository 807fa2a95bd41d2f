// Checks that run in a forked child.
#ifndef NUMPACK_BASE_IN_CHILD_FOR_TEST_H_
#define NUMPACK_BASE_IN_CHILD_FOR_TEST_H_

#include <sys/wait.h>
#include <unistd.h>

namespace numpack {

// Runs `check` in a child; true when it returned true there.
template <typename Check>
bool InChild(Check check) {
  const pid_t child = fork();
  if (child == 0) _exit(check() ? 0 : 1);
  int status = 0;
  return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace numpack

#endif  // NUMPACK_BASE_IN_CHILD_FOR_TEST_H_
