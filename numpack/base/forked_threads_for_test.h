// Whether tests may start threads in a forked child of a process that has threads.
#ifndef NUMPACK_BASE_FORKED_THREADS_FOR_TEST_H_
#define NUMPACK_BASE_FORKED_THREADS_FOR_TEST_H_

namespace numpack {

// Why they may not, for GTEST_SKIP; null where they may.
inline const char* WhyNoForkedThreads() {
#if defined(__SANITIZE_THREAD__)
#define NUMPACK_UNDER_TSAN
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define NUMPACK_UNDER_TSAN
#endif
#endif
#if defined(NUMPACK_UNDER_TSAN)
  return "ThreadSanitizer ends a child that starts threads";
#elif defined(NUMPACK_EMULATED)  // by BUILD
  return "QEMU's user mode aborts in a child of a process with threads";
#else
  return nullptr;
#endif
}

}  // namespace numpack

#endif  // NUMPACK_BASE_FORKED_THREADS_FOR_TEST_H_
