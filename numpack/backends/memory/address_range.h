// AddressRange: contiguous memory that grows and shrinks in place.
//
// Addresses are taken from the system at once, memory behind them only as needed. That is what lets
// a file of the memory backend grow under a live mapping: bytes never move, so every mapping and
// every positional write of a file meet in the same memory. Twins: address_range_posix.cc and
// address_range_win32.cc.
#ifndef NUMPACK_BACKENDS_MEMORY_ADDRESS_RANGE_H_
#define NUMPACK_BACKENDS_MEMORY_ADDRESS_RANGE_H_

#include <cstddef>

#include "absl/status/status.h"

namespace numpack {

// Not thread-safe. All functions that return a Status fail with ResourceExhausted only.
class AddressRange {
 public:
  AddressRange() = default;
  AddressRange(const AddressRange&) = delete;
  AddressRange& operator=(const AddressRange&) = delete;
  ~AddressRange();

  // Takes `size` bytes of addresses, without memory. Once, and before anything else.
  absl::Status Reserve(size_t size);

  // Puts memory behind [0, size), size being at most what was reserved; new bytes are zero.
  absl::Status GrowTo(size_t size);

  // Gives back the memory of whole pages behind `size`. What GrowTo brings back there later is
  // zero.
  void ShrinkTo(size_t size);

  std::byte* data() const { return data_; }
  size_t reserved() const { return reserved_; }

 private:
  // The system's part. Ranges are multiples of kStep, except at the end of the reservation.
  static std::byte* SystemReserve(size_t size);
  static void SystemRelease(std::byte* data, size_t size);
  static bool SystemCommit(std::byte* start, size_t size);
  static bool SystemDecommit(std::byte* start, size_t size);

  // Memory comes in steps of this many bytes, a multiple of every page size in use.
  static constexpr size_t kStep = 64 * 1024;

  std::byte* data_ = nullptr;
  size_t reserved_ = 0;
  size_t committed_ = 0;  // [data_, data_ + committed_) is memory
};

}  // namespace numpack

#endif  // NUMPACK_BACKENDS_MEMORY_ADDRESS_RANGE_H_
