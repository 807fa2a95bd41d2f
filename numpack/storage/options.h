// How a store is opened.
#ifndef NUMPACK_STORAGE_OPTIONS_H_
#define NUMPACK_STORAGE_OPTIONS_H_

#include <cstdint>
#include <functional>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace numpack::storage {

// What a commit promises when its call returns. A killed process never loses a commit nor leaves
// half of one, whatever the level; the levels differ after a power loss.
enum class Durability {
  // A commit becomes durable in the background, about a second later; Flush, Close and the end of
  // writable mode wait for it. After a power loss the store is as of the last time this happened.
  kRelaxed,
  // Every commit is durable when it returns.
  kFull,
  // Nothing is ever synced: scratch data.
  kNone,
};

struct StoreOptions {
  Durability durability = Durability::kRelaxed;

  // How long to wait for a store or a writer lock that somebody else holds. Default: 30 seconds.
  absl::Duration lock_wait = absl::Seconds(30);

  // With kRelaxed: whether a thread makes commits durable in the background, how long after the
  // first of them. Without it, Flush, Close and the end of writable mode do. Default: yes, 1
  // second.
  bool background_sync = true;
  absl::Duration sync_delay = absl::Seconds(1);

  // Whether arrays that are saved carry a checksum of their contents, which Verify compares. Once
  // any handle of the process on the store has asked for it, it holds for all of them. An array
  // that carries one keeps it, whoever changes it. Default: no.
  bool checksum = false;

  // Whether to make an empty store where there is none. Default: yes; otherwise NotFound.
  bool create = true;

  // Whether only to read: nothing in the directory changes, no permission to write is needed, and
  // every change is PermissionDenied; `create` counts as false, and durability is no matter.
  // Commits of other processes are seen as ever. While such a reader lives nobody's space is used
  // again, so the store grows with every change, and rows are not replaced where they lie: who may
  // write, and reads for long, does better without this option. Default: no; then a directory that
  // cannot be written is PermissionDenied, and never silently read only.
  bool read_only = false;

  // Whether to map files, where the backend and the file system can. Without mappings nothing is
  // shared with the files: loads, views and lazy arrays read, a writable batch works on copies that
  // are written back at its end and by Flush, and one process at a time has the store open. For
  // file systems on which a mapping that fails would end the process. FailedPrecondition when this
  // process has the store open with mappings already; the reverse is fine, without them. Default:
  // yes.
  bool mappings = true;

  // Called with what the user may want to know of, while the store is being opened: that the file
  // system refuses mappings, so that the store goes without. Default: nobody is told.
  std::function<void(absl::string_view message)> on_warning;

  // The commit log gives way to a new, short one when it has grown to so many bytes, and to four
  // times its checkpoint. Default: 4 MiB.
  uint64_t min_log_bytes = uint64_t{4} << 20;
};

}  // namespace numpack::storage

#endif  // NUMPACK_STORAGE_OPTIONS_H_
