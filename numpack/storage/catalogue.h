// Catalogue: the state of a store: which names there are, and where their bytes lie. Pure
// bookkeeping.
//
// Applying the log's records to an empty catalogue gives the same state as having made the commits.
// Not thread-safe.
#ifndef NUMPACK_STORAGE_CATALOGUE_H_
#define NUMPACK_STORAGE_CATALOGUE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/node_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "numpack/storage/extent.h"

namespace numpack::storage {

// Whether an array is being changed where it lies.
enum class InPlace {
  kNo,
  kOpen,         // by a writable batch of this process
  kInterrupted,  // by one that never ended
};

struct Entry {
  std::shared_ptr<Extent> extent;  // null when the array has no bytes
  uint64_t length = 0;             // used bytes
  std::string metadata;
  uint64_t ordinal = 0;  // entries are listed by it: the order of first save
  InPlace in_place = InPlace::kNo;
  // CRC-32C of the used bytes, when the array carries one. Unknown while in_place is not kNo: then
  // it is that of before.
  std::optional<uint32_t> checksum;
};
using EntryPtr = std::shared_ptr<const Entry>;

class Catalogue {
 public:
  struct Put {
    std::string name;
    EntryPtr entry;
  };
  using Item = std::pair<const std::string, EntryPtr>;  // a name, and its entry

  Catalogue() = default;
  // Moved, or copied by Clone: by_ordinal_ points into by_name_.
  Catalogue(Catalogue&&) = default;
  Catalogue& operator=(Catalogue&&) = default;
  // Of the same entries and extents.
  Catalogue Clone() const;

  // Null when there is no such name.
  EntryPtr Find(absl::string_view name) const;
  size_t size() const { return by_name_.size(); }
  // By ordinal. What it points to stays until the next change.
  const absl::btree_map<uint64_t, const Item*>& items() const { return by_ordinal_; }
  uint64_t next_ordinal() const { return next_ordinal_; }
  // The extent of that number that an entry names, or null.
  std::shared_ptr<Extent> FindExtent(uint64_t number) const;

  // Makes one commit's changes: first the removes, then the puts. Returns the extents that the
  // state named before and does not name any more, with their generations noted.
  std::vector<std::shared_ptr<Extent>> Apply(absl::Span<const std::string> removes,
                                             absl::Span<const Put> puts, uint64_t generation);

  // Exchanges an entry for one with the same extent and ordinal.
  void Update(absl::string_view name, EntryPtr entry);

 private:
  absl::node_hash_map<std::string, EntryPtr> by_name_;
  absl::btree_map<uint64_t, const Item*> by_ordinal_;
  absl::flat_hash_map<uint64_t, std::shared_ptr<Extent>> extents_;  // by number
  uint64_t next_ordinal_ = 1;
};

}  // namespace numpack::storage

#endif  // NUMPACK_STORAGE_CATALOGUE_H_
