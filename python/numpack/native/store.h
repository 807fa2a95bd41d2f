// Store: the native base class of Python's NumPack. Every operation goes to the active batch, if
// there is one.
//
// All methods are called with the GIL, which guards the fields below, and release it while the
// library works.
#ifndef NUMPACK_PYTHON_NUMPACK_NATIVE_STORE_H_
#define NUMPACK_PYTHON_NUMPACK_NATIVE_STORE_H_

#include <nanobind/nanobind.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "python/numpack/native/hot_arrays.h"
#include "python/numpack/native/session.h"
#include "python/numpack/native/writable.h"

namespace numpack::python {

// Filled by batches that watch for unsaved changes, without the GIL.
struct UnsavedNames {
  absl::Mutex mu;
  std::vector<std::string> names ABSL_GUARDED_BY(mu);
};

class Store {
 public:
  // strict: operations need a `with` block.
  Store(std::string path, bool strict) : path_(std::move(path)), strict_(strict) {}
  // Closes; an error goes to sys.unraisablehook.
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // Life cycle.
  // The result is what the user is to be warned of, "" for nothing.
  std::string Open(double lock_wait_seconds, bool checksum, bool read_only, bool mappings);
  bool IsMapped() const;
  void Close();
  void Flush();
  bool is_open() const { return handle_ != nullptr; }
  void SetInContext(bool in_context) { in_context_ = in_context; }
  // The errors of every operation: see Enter.
  void RequireUsable() const { Enter(); }

  // Answers to loads and saves of a batch without asking it; null and false when it has to be
  // asked. The new reference is what Load(name) returns, and `arrays` a dict whose Save would
  // change nothing but times.
  PyObject* LoadHot(PyObject* name) {
    return IsHot() ? Py_XNewRef(hot_.Loaded(name, batch_->version())) : nullptr;
  }
  bool SaveHot(PyObject* arrays);

  // Reading.
  nanobind::object Load(nanobind::handle name, nanobind::handle lazy, nanobind::handle out) const;
  nanobind::object GetItem(nanobind::handle name, nanobind::handle indexes) const;
  // A LazyArray of the elements as they are now, also when the batch has the array in memory.
  nanobind::object Snapshot(nanobind::handle name) const;
  nanobind::object ArrayShape(nanobind::handle name) const;
  nanobind::object ModifyTime(nanobind::handle name) const;
  nanobind::list Names() const;
  bool Contains(nanobind::handle name) const;
  // The number of arrays; for repr, so on strict handles everywhere.
  int64_t Count() const;
  // name -> (shape, numpy.dtype, nbytes, modify time)
  nanobind::dict Infos() const;
  nanobind::list Interrupted() const;
  nanobind::dict Statistics() const;

  // Gives space back, and says what it did: the fields of VacuumReport.
  nanobind::dict Vacuum();

  // Changing.
  void Save(nanobind::handle arrays);
  void Append(nanobind::handle arrays);
  void Replace(nanobind::handle arrays, nanobind::handle indexes);
  void Drop(nanobind::handle names, nanobind::handle indexes);
  void Remove(nanobind::handle names);
  void Update(nanobind::handle name) const;
  void Clone(nanobind::handle source, nanobind::handle target);
  void Reset();

  // Batch mode. BeginBatch starts one or joins the active one, and returns its number; EndBatch
  // leaves it, and does nothing when that batch has ended already (by Close).
  int64_t BeginBatch(std::optional<double> memory_limit_bytes, bool watch_unsaved);
  // With `discard` nothing of the batch is published, also when it is a nested block that asks for
  // it: then the outermost end, unless it discards too, says so with a BatchModeError.
  void EndBatch(int64_t number, bool discard);
  void FlushBatch();
  void RollbackBatch();
  bool in_batch() const { return batch_ != nullptr; }
  // Of the batch of that number, if it is active or the last one that was; else empty.
  nanobind::dict BatchStatistics(int64_t number) const;
  // Names of arrays that were changed and not saved in batches that watch for them; then forgets
  // them.
  nanobind::list TakeUnsaved();
  nanobind::list CachedNames() const;
  nanobind::list DirtyNames() const;
  nanobind::object Cached(nanobind::handle name) const;  // None when not in memory
  void Forget(nanobind::handle name);

  // Writable batch mode: starts one or joins the active one; BatchModeError for an atomic one
  // within one that is not.
  std::shared_ptr<WritableArrays> BeginWritable(bool atomic);

 private:
  // What an operation is to work on. RuntimeError when closed, or outside `with` on a strict
  // handle.
  Session Enter() const;

  // Whether hot_ may be used: no thread can be changing the batch.
  bool IsHot() const {
    return batch_ != nullptr && remembers_ && running_ == 0 && handle_ != nullptr &&
           (!strict_ || in_context_);
  }
  // Tells the batch of saves that SaveHot has answered, so that it knows their times.
  void SettleSaves() const;

  absl::Status CloseStatus();
  // Ends the batch. Needs no GIL.
  static absl::Status LeaveBatch(Batch& batch, bool doomed, bool discard);

  std::string path_;
  bool strict_;
  bool in_context_ = false;
  std::shared_ptr<Handle> handle_;  // null while closed
  std::shared_ptr<Batch> batch_;    // null outside batch mode
  int64_t batch_number_ = 0;
  int batch_depth_ = 0;
  bool batch_doomed_ = false;          // a nested block has discarded it
  std::shared_ptr<Batch> last_batch_;  // batch_, or the one that was: it has counters, no arrays
  bool remembers_ = false;             // the batch has no memory limit, which would count uses
  mutable HotArrays hot_;              // of batch_
  mutable int running_ = 0;            // operations
  const std::shared_ptr<UnsavedNames> unsaved_ = std::make_shared<UnsavedNames>();
  std::shared_ptr<WritableArrays> writable_;
};

void BindStore(nanobind::module_& module);

}  // namespace numpack::python

#endif  // NUMPACK_PYTHON_NUMPACK_NATIVE_STORE_H_
