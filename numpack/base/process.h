// Facts about this process.
#ifndef NUMPACK_BASE_PROCESS_H_
#define NUMPACK_BASE_PROCESS_H_

#include <cstdint>

namespace numpack {

// The operating system's number of this process. Asked for once, and again in each child that
// fork() makes: a commit wants it twice, and a system call takes longer than most of what else it
// does.
uint64_t ProcessId();

// How many forks lie between the process that first called this and this one: changes in a child,
// and only there. Costs no system call. Always 0 where there is no fork.
uint32_t ForkCount();

// Has every fork() of this process from now on call these: before it, and then in each of the two
// processes. Nothing where there is no fork.
void AtFork(void (*prepare)(), void (*in_parent)(), void (*in_child)());

}  // namespace numpack

#endif  // NUMPACK_BASE_PROCESS_H_
