// The arrays that batch mode has handed out or taken not long ago, for loads and saves that come
// again and again: they are answered without asking the batch.
//
// What is noted here holds as long as the batch's version (batch.h) is what it was then. Arrays are
// not kept alive: as long as the version stands, the batch does that. All under the GIL.
#ifndef NUMPACK_PYTHON_NUMPACK_NATIVE_HOT_ARRAYS_H_
#define NUMPACK_PYTHON_NUMPACK_NATIVE_HOT_ARRAYS_H_

#include <nanobind/nanobind.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "python/numpack/native/numpy_api.h"

namespace numpack::python {

class HotArrays {
 public:
  HotArrays() = default;
  ~HotArrays() { Clear(); }
  HotArrays(const HotArrays&) = delete;
  HotArrays& operator=(const HotArrays&) = delete;

  // The array that the batch has under that name, borrowed, and counts a hit; null when not known.
  PyObject* Loaded(PyObject* name, uint64_t version) {
    const Slot& slot = SlotOf(name);
    if (slot.name != name || slot.version != version) return nullptr;
    ++hits_;
    return slot.array;
  }
  // Whether saving `value` under that name would change nothing, but for the time: the batch has it
  // already, as a saved array of the same shape, type and place.
  bool IsSaved(PyObject* name, PyObject* value, uint64_t version) {
    Slot& slot = SlotOf(name);
    if (slot.name != name || slot.version != version || slot.array != value || !slot.saved)
      return false;
    if (!slot.layout.IsThatOf(value)) return false;
    slot.saved_again = true;
    return true;
  }

  // Notes what a load returned, and what was saved. `version` is from before that call. A name that
  // is no plain str is not noted.
  void NoteLoaded(nanobind::handle name, nanobind::handle ndarray, uint64_t version);
  void NoteSaved(nanobind::handle name, nanobind::handle ndarray, uint64_t version);

  // Calls save(name, ndarray) for what IsSaved has said of since the last call.
  template <typename Save>
  void SettleSaves(uint64_t version, Save save) {
    for (Slot& slot : slots_) {
      if (!slot.saved_again || slot.version != version) continue;
      slot.saved_again = false;
      save(nanobind::borrow(slot.name), nanobind::borrow(slot.array));
    }
  }

  // Forgets all arrays, not the number of hits.
  void Clear();

  int64_t hits() const { return hits_; }
  void ResetHits() { hits_ = 0; }

 private:
  // What an ndarray's elements are, apart from their values. Programs may assign to shape and
  // dtype.
  struct Layout {
    const void* data = nullptr;
    const void* descr = nullptr;
    std::vector<npy_intp> shape;
    std::vector<npy_intp> strides;

    static Layout Of(nanobind::handle ndarray);
    bool IsThatOf(PyObject* ndarray) const;
  };
  struct Slot {
    PyObject* name = nullptr;   // owned, so that no other object can be in its place
    PyObject* array = nullptr;  // borrowed
    uint64_t version = 0;
    bool saved = false;
    bool saved_again = false;
    Layout layout;  // of a saved one
  };

  // Names in programs are mostly constants: the same object each time.
  Slot& SlotOf(PyObject* name) {
    const auto place = reinterpret_cast<uintptr_t>(name);
    return slots_[(place / 16 ^ place / 4096) % slots_.size()];
  }
  Slot* Take(nanobind::handle name, nanobind::handle ndarray, uint64_t version);

  std::array<Slot, 64> slots_;
  int64_t hits_ = 0;
};

}  // namespace numpack::python

#endif  // NUMPACK_PYTHON_NUMPACK_NATIVE_HOT_ARRAYS_H_
