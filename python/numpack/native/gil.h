// Giving up the GIL and taking it again, so that both are safe while the interpreter ends.
//
// Every call into the library goes through WithoutGil: the library takes the GIL while it holds
// locks of its own (for array factories and owners), so waiting for those locks with the GIL held
// would be a deadlock.
//
// When the interpreter ends, CPython kills the daemon threads that try to take the GIL, which C++
// cannot survive: its frames would be unwound through destructors. PrepareForExit, called at that
// time, makes our threads stop short of it instead.
#ifndef NUMPACK_PYTHON_NUMPACK_NATIVE_GIL_H_
#define NUMPACK_PYTHON_NUMPACK_NATIVE_GIL_H_

#include <Python.h>

namespace numpack::python {

// Gives the GIL up for the life of the object.
class ReleasedGil {
 public:
  ReleasedGil() : state_(PyEval_SaveThread()) {}
  // Does not return in a daemon thread while the interpreter ends.
  ~ReleasedGil();
  ReleasedGil(const ReleasedGil&) = delete;
  ReleasedGil& operator=(const ReleasedGil&) = delete;

 private:
  PyThreadState* state_;
};

// Takes the GIL for the life of the object, in code that the library calls. Converts to false when
// it could not, because the interpreter ends: then nothing of Python may be touched.
class HeldGil {
 public:
  HeldGil();
  ~HeldGil();
  HeldGil(const HeldGil&) = delete;
  HeldGil& operator=(const HeldGil&) = delete;
  explicit operator bool() const { return held_; }

 private:
  bool held_;
  PyGILState_STATE state_ = PyGILState_UNLOCKED;
};

// Runs `work` without the GIL and returns what it returns.
template <typename Work>
auto WithoutGil(Work&& work) {
  const ReleasedGil released;
  return work();
}

// For atexit: from now on only the calling thread takes the GIL. Waits, briefly, for those about to
// take it.
void PrepareForExit();

}  // namespace numpack::python

#endif  // NUMPACK_PYTHON_NUMPACK_NATIVE_GIL_H_
