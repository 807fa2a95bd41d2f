// Extent: the range of a segment in which the bytes of one array lie, and who is looking at them.
#ifndef NUMPACK_STORAGE_EXTENT_H_
#define NUMPACK_STORAGE_EXTENT_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "numpack/storage/segment.h"

namespace numpack::storage {

class Extent {
 public:
  Extent(uint64_t number, uint32_t segment_number, uint64_t offset, uint64_t capacity,
         bool own_segment, std::shared_ptr<std::atomic<uint64_t>> releases)
      : number(number),
        segment_number(segment_number),
        offset(offset),
        own_segment(own_segment),
        capacity(capacity),
        releases_(std::move(releases)) {}
  Extent(const Extent&) = delete;
  Extent& operator=(const Extent&) = delete;

  const uint64_t number;
  const uint32_t segment_number;
  const uint64_t offset;   // a multiple of 64
  const bool own_segment;  // it has its segment to itself, at offset 0
  // Set once, before anybody else sees the extent.
  std::shared_ptr<Segment> segment;

  // Grows only, by the one writer that appends.
  uint64_t capacity;
  // The generations in which a commit first named the extent and in which one took it away. Until
  // then 0.
  uint64_t named_at = 0;
  uint64_t superseded_at = 0;

  bool pinned() const { return pins_.load() != 0; }

  // Says that nothing names the extent any more. Afterwards every pin that is given back is
  // reported.
  void EnterLimbo() { in_limbo_.store(true); }

 private:
  friend class Pin;
  // The writer sets in_limbo_, then looks at pins_; a reader lowers pins_, then looks at in_limbo_.
  // Both orders are sequentially consistent, so one of them sees the other and no release goes
  // unnoticed.
  std::atomic<uint32_t> pins_{0};
  std::atomic<bool> in_limbo_{false};
  // Counts the reports of all extents of a store: tells whether looking through limbo again is
  // worth it.
  const std::shared_ptr<std::atomic<uint64_t>> releases_;
};

// Keeps an extent from being recycled. The first pin is taken under the store's lock while the
// state names the extent (or by the transaction that made it), so that a writer who has taken it
// away sees every pin there will be; copies need no lock.
class Pin {
 public:
  Pin() = default;
  explicit Pin(std::shared_ptr<Extent> extent) : extent_(std::move(extent)) { Add(); }
  Pin(const Pin& other) : extent_(other.extent_) { Add(); }
  Pin(Pin&& other) noexcept = default;
  Pin& operator=(Pin other) noexcept {
    std::swap(extent_, other.extent_);
    return *this;
  }
  ~Pin() {
    if (extent_ == nullptr) return;
    if (extent_->pins_.fetch_sub(1) == 1 && extent_->in_limbo_.load())
      extent_->releases_->fetch_add(1);
  }

  Extent* get() const { return extent_.get(); }

 private:
  void Add() {
    if (extent_ != nullptr) extent_->pins_.fetch_add(1, std::memory_order_relaxed);
  }

  std::shared_ptr<Extent> extent_;
};

}  // namespace numpack::storage

#endif  // NUMPACK_STORAGE_EXTENT_H_
