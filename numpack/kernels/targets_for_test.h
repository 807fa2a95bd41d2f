// Runs tests on every instruction set that this machine has, not only on the one it would choose.
#ifndef NUMPACK_KERNELS_TARGETS_FOR_TEST_H_
#define NUMPACK_KERNELS_TARGETS_FOR_TEST_H_

#include <cstdint>
#include <vector>

#include "hwy/targets.h"

namespace numpack {

// All that were compiled and that this machine runs; the best one first.
inline std::vector<int64_t> TargetsOfThisMachine() { return hwy::SupportedAndGeneratedTargets(); }

// Makes kernels dispatch to `target` while it lives. Not thread-safe.
class ScopedTarget {
 public:
  explicit ScopedTarget(int64_t target) { Choose(target); }
  ~ScopedTarget() { Choose(0); }
  ScopedTarget(const ScopedTarget&) = delete;
  ScopedTarget& operator=(const ScopedTarget&) = delete;

 private:
  // 0: back to what the machine has.
  static void Choose(int64_t target) {
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
};

}  // namespace numpack

#endif  // NUMPACK_KERNELS_TARGETS_FOR_TEST_H_
