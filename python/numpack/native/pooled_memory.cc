#include "python/numpack/native/pooled_memory.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

#include "numpack/base/buffer_pool.h"
#include "python/numpack/native/numpy_api.h"

namespace numpack::python {
namespace {

namespace nb = nanobind;
using nb::literals::operator""_a;  // NOLINT(misc-unused-using-decls): clang-tidy 14 misses its uses

void* Allocate(void* /*context*/, size_t size) { return DefaultBufferPool().Get(size); }

void* AllocateZeros(void* /*context*/, size_t count, size_t size) {
  if (size != 0 && count > std::numeric_limits<size_t>::max() / size) return nullptr;
  bool zeroed = false;
  void* const memory = DefaultBufferPool().Get(count * size, &zeroed);
  if (memory != nullptr && !zeroed) std::memset(memory, 0, count * size);
  return memory;
}

void Free(void* /*context*/, void* memory, size_t /*size*/) { DefaultBufferPool().Put(memory); }

// ndarray.resize(). What becomes much smaller moves, so that the rest can be used again.
void* Reallocate(void* context, void* memory, size_t size) {
  if (memory == nullptr) return Allocate(context, size);
  const size_t room = DefaultBufferPool().Capacity(memory);
  if (size <= room && size >= room / 2) return memory;
  void* const moved = Allocate(context, size);
  if (moved == nullptr) return nullptr;
  std::memcpy(moved, memory, std::min(size, room));
  Free(context, memory, 0);
  return moved;
}

}  // namespace

PyObject* PooledMemoryHandler() {
  static PyDataMem_Handler handler = {
      "numpack_pooled", 1, {nullptr, Allocate, AllocateZeros, Reallocate, Free}};
  static PyObject* const capsule = [] {
    PyObject* made = PyCapsule_New(&handler, "mem_handler", nullptr);
    if (made == nullptr) PyErr_Clear();
    return made;
  }();
  return capsule;
}

void ReleaseIdleMemory() { DefaultBufferPool().Trim(); }

void BindPooledMemory(nb::module_& module) {
  module.def(
      "buffer_pool_stats",
      [] {
        const BufferPoolStats stats = DefaultBufferPool().stats();
        nb::dict result;
        result["idle_bytes"] = stats.idle_bytes;
        result["idle_blocks"] = stats.idle_blocks;
        result["used_blocks"] = stats.used_blocks;
        result["hits"] = stats.hits;
        result["misses"] = stats.misses;
        result["released"] = stats.released;
        return result;
      },
      nb::sig("def buffer_pool_stats() -> dict[str, int]"),
      "Of the memory of large arrays that is kept to be used again.");
  module.def(
      "trim_buffer_pool", [](uint64_t keep_bytes) { DefaultBufferPool().Trim(keep_bytes); },
      "keep_bytes"_a = 0,
      "Gives such memory back to the system, all but keep_bytes of it. Time does so anyway.");
}

}  // namespace numpack::python
