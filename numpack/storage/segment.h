// Segment: one file of plain bytes, in which extents lie.
//
// Reading goes through one cached read-only mapping of the whole file where the backend has
// mappings, writing through positional writes, so that a failing disk is an error and never a
// signal. Where there are none, both views and writable memory are copies (heap_copy.h).
// Thread-safe; overlapping writes are the caller's to order.
#ifndef NUMPACK_STORAGE_SEGMENT_H_
#define NUMPACK_STORAGE_SEGMENT_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/file.h"
#include "numpack/backends/mapped_region.h"
#include "numpack/storage/heap_copy.h"
#include "numpack/storage/open_files.h"

namespace numpack::storage {

// Bytes that stay valid while `owner` lives.
struct SharedBytes {
  absl::Span<const std::byte> bytes;
  std::shared_ptr<const void> owner;
};

class Segment {
 public:
  static std::string FileName(uint32_t number);

  // Opens segment.<number>, which must (or, with kCreateNew, must not) exist. `files` outlives it.
  static absl::StatusOr<std::shared_ptr<Segment>> Open(OpenFiles& files, bool mappings,
                                                       uint32_t number, OpenMode mode);

  // A file that somebody else has opened, as a segment. `mappings`: whether it can be mapped.
  static absl::StatusOr<std::shared_ptr<Segment>> Take(uint32_t number, std::shared_ptr<File> file,
                                                       bool mappings);

  uint32_t number() const { return number_; }
  // Whether views are the file itself, and cost as much for a whole array as for one row.
  bool is_mapped() const { return mappings_; }
  uint64_t size() const { return size_.load(std::memory_order_relaxed); }

  // Looks again how long the file is: another process may have changed that.
  absl::Status RefreshSize();
  // Grows the file to at least `size` bytes with blocks behind them. One caller at a time.
  absl::Status Reserve(uint64_t size);
  // Cuts the file; false when somebody still has the cut part mapped. One caller at a time, nobody
  // reading there.
  absl::StatusOr<bool> Shrink(uint64_t size);

  absl::Status Write(uint64_t offset, absl::Span<const absl::Span<const std::byte>> pieces);
  absl::Status Read(uint64_t offset, absl::Span<std::byte> to);

  // [offset, offset + length) as memory: mapped, or read into memory of its own where there are no
  // mappings.
  absl::StatusOr<SharedBytes> View(uint64_t offset, uint64_t length);
  // A mapping of its own, whose stores change the file. The caller calls MarkDirty. Where there are
  // no mappings, the stores change the file by WriteBack and EndWritable.
  absl::StatusOr<MappedRegion> MapWritable(uint64_t offset, uint64_t length);
  // Takes to the file what was stored into the memory that MapWritable made, all of it. Nothing to
  // do where that is a mapping.
  absl::Status WriteBack();
  // Does so once more for the memory made at `offset`, which from then on, also after an error, has
  // nothing to do with the file. A mapping stays one.
  absl::Status EndWritable(uint64_t offset);

  // Something was written since the last successful Sync.
  bool dirty() const { return dirty_.load(std::memory_order_relaxed); }
  void MarkDirty() { dirty_.store(true, std::memory_order_relaxed); }
  absl::Status Sync();

 private:
  Segment(uint32_t number, bool mappings) : number_(number), mappings_(mappings) {}
  absl::StatusOr<std::shared_ptr<File>> OpenFile();
  absl::StatusOr<std::shared_ptr<const MappedRegion>> Mapping(uint64_t end);

  const uint32_t number_;
  const bool mappings_;
  // One of the two: a file that is opened by name when it is needed, or one that cannot be.
  std::optional<OpenFiles::Handle> handle_;
  std::shared_ptr<File> taken_;
  // Held while the file's size is asked for or changed: readers ask at any time, and an old answer
  // must not replace a new one. What the writer takes for free depends on it.
  absl::Mutex size_mu_;
  std::atomic<uint64_t> size_{0};  // stored with size_mu_ held
  std::atomic<bool> dirty_{false};

  absl::Mutex mu_;
  // Of [0, some earlier size). Replaced by a longer one when needed; views keep the one they were
  // cut from.
  std::shared_ptr<const MappedRegion> mapping_ ABSL_GUARDED_BY(mu_);
  // What MapWritable made where there are no mappings, by offset, as far as it is there still.
  absl::flat_hash_map<uint64_t, std::weak_ptr<HeapCopy>> writable_ ABSL_GUARDED_BY(mu_);
};

}  // namespace numpack::storage

#endif  // NUMPACK_STORAGE_SEGMENT_H_
