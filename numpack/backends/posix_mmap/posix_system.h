// The calls that differ between POSIX systems, each with one meaning. The only file of this backend
// (with posix_lock.cc) that asks which system it is compiled for.
#ifndef NUMPACK_BACKENDS_POSIX_MMAP_POSIX_SYSTEM_H_
#define NUMPACK_BACKENDS_POSIX_MMAP_POSIX_SYSTEM_H_

#if defined(_WIN32)
#error "posix_mmap is for POSIX systems; Windows has win32_mmap"
#endif

#include <cstddef>
#include <cstdint>
#include <string>

namespace numpack {

// Functions that return int give 0 or an errno value.

// Makes the contents and the size of a file durable, down to the medium.
int SyncContents(int fd);

// Makes the entries of a directory durable.
int SyncEntries(int fd);

// Renames a file between directories given by descriptors. EEXIST, and nothing changes, when the
// new name is taken.
int RenameToFreeName(int from_directory, const char* from, int to_directory, const char* to);

// Allocates blocks for [0, size) and grows the file to `size` if it is shorter, in one step that no
// other write can fall into. EOPNOTSUPP where the system or the file system has no such call.
int AllocateBlocks(int fd, uint64_t size);

// The same where AllocateBlocks is not supported, as well as it can be done: blocks are allocated
// for the part beyond the end of the file; holes before it stay. No one else may grow the file
// meanwhile.
int GrowWithBlocks(int fd, uint64_t size);

// Makes the pages of [start, start + length), page-aligned, ready for stores. 0 when the system has
// no such call.
int PopulateForWriting(void* start, size_t length);

// Whether the process may have that much more memory of its own (RLIMIT_DATA). The system does not
// ask when a shared mapping is replaced by a private one, and refuses everything afterwards.
bool DataLimitAllows(size_t bytes);

// Whether mappings of one file show the same bytes in every process that may open it. Not on file
// systems that several machines share, as far as the system tells them from others.
bool IsOnLocalFileSystem(int fd);

// Changes with every start of the machine; empty when unknown.
std::string SystemBootId();

// A power of two.
size_t PageSize();

}  // namespace numpack

#endif  // NUMPACK_BACKENDS_POSIX_MMAP_POSIX_SYSTEM_H_
