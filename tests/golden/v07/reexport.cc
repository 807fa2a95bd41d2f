// Reads a directory of NumPack 0.7 and writes another one of the same arrays, by way of a store.
//
// usage: reexport FROM TO     TO must be empty or absent
//
// Arrays of rank 0 are left out, which NumPack 0.7 cannot load; each array's name is used once more
// with "/again" behind it, which cannot be part of a file's name.

#include <cstddef>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/memory/memory_backend.h"
#include "numpack/backends/posix_mmap/posix_mmap_backend.h"
#include "numpack/base/status_macros.h"
#include "numpack/core/array_store.h"
#include "numpack/core/legacy_v1.h"
#include "numpack/core/legacy_v1_export.h"
#include "numpack/core/view.h"

namespace numpack {
namespace {

absl::Status Copy(Backend& from, const LegacyArray& array, ArrayStore& store) {
  std::vector<std::byte> bytes;
  NUMPACK_RETURN_IF_ERROR(ReadLegacyArray(from, array, [&](absl::Span<const std::byte> piece) {
    bytes.insert(bytes.end(), piece.begin(), piece.end());
    return absl::OkStatus();
  }));
  NUMPACK_ASSIGN_OR_RETURN(const ArrayView view,
                           ArrayView::Contiguous(array.info.dtype, array.info.shape, bytes.data()));
  NUMPACK_RETURN_IF_ERROR(store.Save(array.name, view));
  return store.Save(absl::StrCat(array.name, "/again"), view);
}

absl::Status Run(const std::string& from_path, const std::string& to_path) {
  NUMPACK_ASSIGN_OR_RETURN(const std::shared_ptr<Backend> from, OpenPosixMmapBackend(from_path));
  NUMPACK_ASSIGN_OR_RETURN(const std::shared_ptr<Backend> to, OpenPosixMmapBackend(to_path));
  NUMPACK_ASSIGN_OR_RETURN(const std::vector<LegacyArray> arrays, ReadLegacyDirectory(*from));
  NUMPACK_ASSIGN_OR_RETURN(ArrayStore store, ArrayStore::Open(NewMemoryBackend()));
  for (const LegacyArray& array : arrays) {
    if (!array.info.shape.empty()) NUMPACK_RETURN_IF_ERROR(Copy(*from, array, store));
  }
  return ExportV1(store, *to);
}

}  // namespace
}  // namespace numpack

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s FROM TO\n", argv[0]);
    return 2;
  }
  const absl::Status status = numpack::Run(argv[1], argv[2]);
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}
