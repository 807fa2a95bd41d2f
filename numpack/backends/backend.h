// Backend: a directory of named files, the part of NumPack that a platform (or a user) supplies.
//
// The store above it uses nothing else of the operating system, so a new place to keep arrays in is
// one implementation of Backend, File (file.h) and MappedRegion (mapped_region.h). Every
// implementation passes the conformance suite in numpack/backends/testing; docs/backends.md is the
// guide.
//
// Thread-safety: all methods of a Backend may be called from several threads at once.
// Ownership: files and mapped regions stay valid after the Backend that made them is gone.
//
// Errors, the same code for the same fault everywhere:
//   NotFound            no such file (or the directory itself has been removed)
//   AlreadyExists       OpenMode::kCreateNew and the file is there
//   InvalidArgument     a name that cannot be a file name (see ValidateFileName), an offset plus a
//                       length that overflows, a lock on an empty range
//   OutOfRange          reading or mapping past the end of a file
//   ResourceExhausted   no space, no descriptors, no memory, more bytes than a file can have
//   PermissionDenied    the system refuses access, or the file was opened read-only
//   Unavailable         a lock that another holder has
//   FailedPrecondition  truncating below a live mapping; something that is no plain file, or no
//                       directory, where one was meant
//   Unimplemented       an ability that capabilities() does not claim
//   DataLoss            the device failed to read or write (EIO)
//   Internal            anything else; the message has the system's own words
// Where the system gave an errno, the Status carries it: see numpack/base/errno_payload.h.
#ifndef NUMPACK_BACKENDS_BACKEND_H_
#define NUMPACK_BACKENDS_BACKEND_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "numpack/backends/file.h"

namespace numpack {

// What an implementation can do. The store uses what is there and says what is missing; it never
// weakens a promise silently: an option that needs an absent ability is an error at open.
struct BackendCapabilities {
  // File::Map works. Without it the store reads and writes: views and writable arrays are copies.
  bool mappings = false;
  // Two processes that map one file see each other's stores.
  bool shared_mappings = false;
  // File::Lock excludes other processes and is released by the system when its holder dies.
  bool process_locks = false;
  // File::Sync and SyncDirectory reach stable storage. False for memory: nothing survives the
  // process.
  bool durable_sync = false;
  // OpenForeign and Rename work. Without it directories of NumPack 0.7 can be neither opened nor
  // written.
  bool foreign_files = false;
};

enum class OpenMode {
  kReadOnly,   // the file must exist; writing, reserving and exclusive locks are PermissionDenied
  kReadWrite,  // the file must exist
  kCreate,     // created empty when absent
  kCreateNew,  // AlreadyExists when present
};

class Backend {
 public:
  virtual ~Backend() = default;
  Backend() = default;
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;

  virtual BackendCapabilities capabilities() const = 0;

  // Opens a file by its plain name. Each call is an open of its own: locks of two opens of one file
  // exclude each other, in one process too.
  virtual absl::StatusOr<std::unique_ptr<File>> Open(absl::string_view name, OpenMode mode) = 0;

  // The names of all plain files, in no particular order. Foreign files and all.
  virtual absl::StatusOr<std::vector<std::string>> List() = 0;

  // Removes a file; NotFound when there is none. Open files and mappings of it keep working (POSIX)
  // or delay the removal until they close (Windows); either way the name is free when this returns.
  virtual absl::Status Remove(absl::string_view name) = 0;

  // Opens a file that another program named, by a name that ValidateForeignName accepts. Only what
  // is there already: kReadOnly and kReadWrite, others are InvalidArgument. Never follows a
  // symbolic link, so that it opens nothing outside the directory; what is no plain file is
  // FailedPrecondition. Only code that reads directories of other programs calls this; a store's
  // own files are opened by Open.
  virtual absl::StatusOr<std::unique_ptr<File>> OpenForeign(absl::string_view name, OpenMode mode);

  // Gives a file another name, both by the rule of ValidateForeignName. NotFound when there is no
  // `from`, or no folder for `to`; AlreadyExists, and nothing changes, when there is a `to`. Open
  // files and mappings of it keep working. Durable after SyncDirectory; until then a power loss may
  // leave the old name or the new one.
  virtual absl::Status Rename(absl::string_view from, absl::string_view to);

  // Makes creations, removals and new names durable.
  virtual absl::Status SyncDirectory() = 0;

  // OK while the directory is still there under a name; NotFound once it has been removed. Cheap
  // (at most one system call): the store asks before it writes, so that nothing is written into the
  // void.
  virtual absl::Status CheckPresent() = 0;

  // Bytes that a Reserve could still get, as far as the system tells.
  virtual absl::StatusOr<uint64_t> FreeSpace() = 0;

  // Changes with every start of the machine; empty when unknown, which the store takes for a
  // restart.
  virtual std::string BootId() = 0;

  // Equal for two backends exactly when they show the same directory. Lets handles share one store.
  virtual std::string Identity() const = 0;

  // For messages: a path or another name that a person recognizes.
  virtual std::string Describe() const = 0;
};

// The rule for File names, the same everywhere so that a store moves between systems: 1 to 64
// characters out of [a-z0-9._-], no dot at either end, and nothing that Windows takes for a device
// (con, nul.txt, com1). Array names never become file names.
absl::Status ValidateFileName(absl::string_view name);

// The rule for names of foreign files: a name, or a folder's name, a slash and a name. Each is 1 to
// 255 bytes without a zero byte, and neither "." nor "..", so that no name leads out of the
// directory. A backend refuses, with InvalidArgument too, what its system cannot have in a name.
absl::Status ValidateForeignName(absl::string_view name);

}  // namespace numpack

#endif  // NUMPACK_BACKENDS_BACKEND_H_
