// A writable batch with the ndarrays that it handed out.
#ifndef NUMPACK_PYTHON_NUMPACK_NATIVE_WRITABLE_H_
#define NUMPACK_PYTHON_NUMPACK_NATIVE_WRITABLE_H_

#include <nanobind/nanobind.h>

#include <memory>

#include "numpack/batch/writable_batch.h"
#include "python/numpack/native/hot_arrays.h"

namespace numpack::python {

// Blocks on one handle share one object of this class. Its own state is guarded by the GIL.
class WritableArrays {
 public:
  explicit WritableArrays(WritableBatch batch);
  // Finishes, or discards an atomic batch; an error goes to sys.unraisablehook.
  ~WritableArrays();
  WritableArrays(const WritableArrays&) = delete;
  WritableArrays& operator=(const WritableArrays&) = delete;

  void Join() { ++depth_; }
  bool atomic() const { return atomic_; }
  bool over() const { return batch_ == nullptr; }

  // The same ndarray each time.
  nanobind::object Load(nanobind::handle name);
  // The same without a look at anything else: None when it was not loaded before.
  nanobind::object Known(nanobind::handle name);

  // Does nothing when each value is the memory that Load returned; BatchModeError for all else.
  void Save(nanobind::handle arrays);
  // Whether it can be seen at a glance that Save would do nothing.
  bool IsNothingNew(nanobind::handle arrays);

  // name -> ndarray; empty after the end.
  const nanobind::dict& arrays() const { return arrays_; }

  // Leaves one block. At the outermost: makes the arrays read-only, then flushes and cuts them off.
  // An atomic block that has `failed` takes the whole with it: nothing is published.
  void Leave(bool failed);

 private:
  absl::Status End(bool discard);
  std::shared_ptr<WritableBatch> batch_or_raise() const;

  static constexpr uint64_t kVersion = 0;  // what is handed out stays

  std::shared_ptr<WritableBatch> batch_;  // null after the end
  nanobind::dict arrays_;
  HotArrays hot_;  // of arrays_
  const bool atomic_;
  bool doomed_ = false;  // a nested block of an atomic batch has failed
  int depth_ = 1;
};

void BindWritable(nanobind::module_& module);

}  // namespace numpack::python

#endif  // NUMPACK_PYTHON_NUMPACK_NATIVE_WRITABLE_H_
