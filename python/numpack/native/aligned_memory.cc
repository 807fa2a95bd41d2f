#include "python/numpack/native/aligned_memory.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

#include "python/numpack/native/numpy_api.h"

namespace numpack::python {
namespace {

constexpr size_t kAlignment = 64;

// Lies right before the elements.
struct Header {
  void* memory;  // as NumPy's handler gave it
  size_t room;   // for elements
};
constexpr size_t kExtra = sizeof(Header) + kAlignment;

// NumPy's default, which knows about huge pages and keeps small blocks.
PyDataMemAllocator* underlying = nullptr;

Header* HeaderOf(void* elements) { return static_cast<Header*>(elements) - 1; }

void* Align(void* memory, size_t size) {
  if (memory == nullptr) return nullptr;
  const auto begin = reinterpret_cast<uintptr_t>(memory) + sizeof(Header);
  auto* elements = static_cast<std::byte*>(memory) + sizeof(Header) +
                   (kAlignment - begin % kAlignment) % kAlignment;
  *HeaderOf(elements) = {memory, size};
  return elements;
}

void* Allocate(void* /*context*/, size_t size) {
  if (size > std::numeric_limits<size_t>::max() - kExtra) return nullptr;
  return Align(underlying->malloc(underlying->ctx, size + kExtra), size);
}

void* AllocateZeros(void* /*context*/, size_t count, size_t size) {
  if (size != 0 && count > (std::numeric_limits<size_t>::max() - kExtra) / size) return nullptr;
  return Align(underlying->calloc(underlying->ctx, 1, count * size + kExtra), count * size);
}

void Free(void* /*context*/, void* elements, size_t /*size*/) {
  if (elements == nullptr) return;
  const Header header = *HeaderOf(elements);
  underlying->free(underlying->ctx, header.memory, header.room + kExtra);
}

void* Reallocate(void* context, void* elements, size_t size) {
  void* moved = Allocate(context, size);
  if (moved == nullptr || elements == nullptr) return moved;
  std::memcpy(moved, elements, std::min(size, HeaderOf(elements)->room));
  Free(context, elements, 0);
  return moved;
}

}  // namespace

PyObject* AlignedMemoryHandler() {
  static PyDataMem_Handler handler = {
      "numpack_aligned", 1, {nullptr, Allocate, AllocateZeros, Reallocate, Free}};
  static PyObject* const capsule = [] {
    auto* known = static_cast<PyDataMem_Handler*>(
        PyCapsule_GetPointer(PyDataMem_DefaultHandler, "mem_handler"));
    PyObject* made = known == nullptr ? nullptr : PyCapsule_New(&handler, "mem_handler", nullptr);
    if (made == nullptr) {
      PyErr_Clear();
    } else {
      underlying = &known->allocator;
    }
    return made;
  }();
  return capsule;
}

}  // namespace numpack::python
