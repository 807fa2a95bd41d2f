// For tests of the store: short ways to put and read byte strings, and to copy what a killed
// process leaves.
#ifndef NUMPACK_STORAGE_STORE_TEST_UTIL_H_
#define NUMPACK_STORAGE_STORE_TEST_UTIL_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "numpack/backends/backend.h"
#include "numpack/storage/store.h"

namespace numpack::storage {

using Contents = std::map<std::string, std::string>;  // name -> bytes

absl::Status PutBytes(Store& store, absl::string_view name, absl::string_view bytes);
absl::Status AppendBytes(Store& store, absl::string_view name, absl::string_view bytes);
// Overwrites bytes where they lie; false when the store would not.
absl::StatusOr<bool> RewriteBytes(Store& store, absl::string_view name, uint64_t offset,
                                  absl::string_view bytes);
absl::Status RemoveName(Store& store, absl::string_view name);
absl::StatusOr<std::string> GetBytes(Store& store, absl::string_view name);
Contents AllContents(Store& store);

// The bytes of a file.
std::string ReadFile(Backend& backend, absl::string_view name);
void WriteFile(Backend& backend, absl::string_view name, absl::string_view bytes);
std::map<std::string, std::string> ReadAllFiles(Backend& backend);

// Hands everything on, but for the boot identity, which can be chosen.
std::shared_ptr<Backend> WithBootId(std::shared_ptr<Backend> inner, std::string boot_id);

// Hands everything on, and claims that mappings and locks are shared, or that memory is not. Stores
// over two of these, with different names, are to each other as in two processes.
std::shared_ptr<Backend> AsProcess(std::shared_ptr<Backend> inner, std::string name,
                                   bool shares_memory = true);

// A memory backend with the files of `from` as they are now: what is left when a process is killed
// at this moment.
std::shared_ptr<Backend> CopyOf(Backend& from, const std::string& boot_id);

}  // namespace numpack::storage

#endif  // NUMPACK_STORAGE_STORE_TEST_UTIL_H_
