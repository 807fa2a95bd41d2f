// Extent: the range of a segment in which the bytes of one array lie, and what keeps it there.
#ifndef NUMPACK_STORAGE_EXTENT_H_
#define NUMPACK_STORAGE_EXTENT_H_

#include <cstdint>
#include <memory>
#include <utility>

#include "numpack/storage/pins.h"
#include "numpack/storage/segment.h"

namespace numpack::storage {

class Extent {
 public:
  Extent(uint64_t number, uint32_t segment_number, uint64_t offset, uint64_t capacity,
         bool own_segment, std::shared_ptr<PinCounters> pins)
      : number(number),
        segment_number(segment_number),
        offset(offset),
        own_segment(own_segment),
        capacity(capacity),
        pins_(std::move(pins)) {}
  Extent(const Extent&) = delete;
  Extent& operator=(const Extent&) = delete;

  const uint64_t number;
  const uint32_t segment_number;
  const uint64_t offset;   // a multiple of 64
  const bool own_segment;  // it has its segment to itself, at offset 0
  // Set once, before anybody reads or writes the extent. Null for one that was superseded by the
  // time this process heard of it.
  std::shared_ptr<Segment> segment;

  // Never less than is used of it. Grown by the one writer that appends, lowered by vacuum.
  uint64_t capacity;
  // The generations in which a commit first named the extent and in which one took it away. Until
  // then 0.
  uint64_t named_at = 0;
  uint64_t superseded_at = 0;

 private:
  friend class Pin;
  const std::shared_ptr<PinCounters> pins_;
};

// Keeps an extent from being recycled, by any process. Whoever takes the first pin makes sure
// afterwards that the state still names the extent (Store::Find), or has the writer's turn; copies
// need no check.
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
    if (extent_ != nullptr) extent_->pins_->Drop(extent_->number);
  }

  Extent* get() const { return extent_.get(); }

 private:
  void Add() {
    if (extent_ != nullptr) extent_->pins_->Add(extent_->number);
  }

  std::shared_ptr<Extent> extent_;
};

}  // namespace numpack::storage

#endif  // NUMPACK_STORAGE_EXTENT_H_
