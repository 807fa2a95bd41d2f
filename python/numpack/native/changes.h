// Changes of several arrays at once, with the checks and messages that Python callers know.
//
// Each function works on a Transaction or a Batch (`Target`): everything is checked before anything
// is changed. None needs the GIL. Errors: NotFound for a missing array; others as each one says.
#ifndef NUMPACK_PYTHON_NUMPACK_NATIVE_CHANGES_H_
#define NUMPACK_PYTHON_NUMPACK_NATIVE_CHANGES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "numpack/base/status_macros.h"
#include "numpack/batch/batch.h"
#include "numpack/core/array_info.h"
#include "numpack/core/transaction.h"
#include "numpack/core/view.h"
#include "python/numpack/native/arguments.h"
#include "python/numpack/native/rows.h"

namespace numpack::python {

// `status` itself, or for a missing array one with our wording.
absl::Status Explain(const absl::Status& status, absl::string_view name);

// Whether the status, after Explain, says that the array is missing.
bool IsMissing(const absl::Status& status);

// Whether rows of `view` can be appended to the array. InvalidArgument says why not.
absl::Status CheckAppend(absl::string_view name, const ArrayInfo& stored, const ArrayView& view);

// Whether rows of `view` can replace rows of the array. TypeError for another dtype, else
// InvalidArgument.
absl::Status CheckReplace(absl::string_view name, const ArrayInfo& stored, const ArrayView& view);

// InvalidArgument for a 0-d array.
absl::Status CheckHasRows(absl::string_view name, const ArrayInfo& stored);

template <typename Target>
absl::StatusOr<ArrayInfo> InfoOf(Target& target, absl::string_view name) {
  absl::StatusOr<ArrayInfo> info = target.Info(name);
  if (!info.ok()) return Explain(info.status(), name);
  return info;
}

template <typename Target>
absl::Status AppendAll(Target& target, const std::vector<NamedNdarray>& arrays) {
  for (const NamedNdarray& array : arrays) {
    NUMPACK_ASSIGN_OR_RETURN(const ArrayInfo info, InfoOf(target, array.name));
    NUMPACK_RETURN_IF_ERROR(CheckAppend(array.name, info, array.view));
  }
  for (const NamedNdarray& array : arrays) {
    if (array.view.rows() == 0) continue;
    NUMPACK_RETURN_IF_ERROR(target.Append(array.name, array.view));
  }
  return absl::OkStatus();
}

// Replacing the rows of one array and nothing else can be done where they lie, in a transaction; a
// batch has other ways.
inline absl::StatusOr<bool> RewriteRows(Transaction& target, const NamedNdarray& array,
                                        const std::vector<int64_t>& rows) {
  return target.RewriteRows(array.name, rows, array.view);
}
inline absl::StatusOr<bool> RewriteRows(Batch&, const NamedNdarray&, const std::vector<int64_t>&) {
  return false;
}

// InvalidArgument when the number of rows differs, except that an empty list of rows replaces
// nothing, whatever the value.
template <typename Target>
absl::Status ReplaceAll(Target& target, const std::vector<NamedNdarray>& arrays,
                        const RowIndex& index) {
  std::vector<std::vector<int64_t>> rows(arrays.size());
  for (size_t i = 0; i < arrays.size(); ++i) {
    const NamedNdarray& array = arrays[i];
    NUMPACK_ASSIGN_OR_RETURN(const ArrayInfo info, InfoOf(target, array.name));
    NUMPACK_RETURN_IF_ERROR(CheckHasRows(array.name, info));
    if (index.IsEmptyList()) continue;
    NUMPACK_RETURN_IF_ERROR(CheckReplace(array.name, info, array.view));
    NUMPACK_ASSIGN_OR_RETURN(rows[i], index.Resolve(array.name, info.shape[0]));
    if (static_cast<int64_t>(rows[i].size()) != array.view.rows()) {
      return absl::InvalidArgumentError("the indexes select " + std::to_string(rows[i].size()) +
                                        " rows of array '" + array.name + "', the value has " +
                                        std::to_string(array.view.rows()));
    }
  }
  if (arrays.size() == 1 && !rows[0].empty()) {
    NUMPACK_ASSIGN_OR_RETURN(const bool done, RewriteRows(target, arrays[0], rows[0]));
    if (done) return absl::OkStatus();
  }
  for (size_t i = 0; i < arrays.size(); ++i) {
    if (rows[i].empty()) continue;
    NUMPACK_RETURN_IF_ERROR(target.ReplaceRows(arrays[i].name, rows[i], arrays[i].view));
  }
  return absl::OkStatus();
}

// `index` null: all rows. Missing arrays are passed over.
template <typename Target>
absl::Status DropAll(Target& target, const std::vector<std::string>& names, const RowIndex* index) {
  std::vector<std::vector<int64_t>> rows(names.size());
  for (size_t i = 0; i < names.size() && index != nullptr; ++i) {
    if (!target.Contains(names[i])) continue;
    NUMPACK_ASSIGN_OR_RETURN(const ArrayInfo info, InfoOf(target, names[i]));
    NUMPACK_RETURN_IF_ERROR(CheckHasRows(names[i], info));
    NUMPACK_ASSIGN_OR_RETURN(rows[i], index->Resolve(names[i], info.shape[0]));
  }
  for (size_t i = 0; i < names.size(); ++i) {
    if (!target.Contains(names[i])) continue;
    if (index == nullptr) {
      NUMPACK_RETURN_IF_ERROR(target.DropAllRows(names[i]));
    } else if (!rows[i].empty()) {
      NUMPACK_RETURN_IF_ERROR(target.DropRows(names[i], rows[i]));
    }
  }
  return absl::OkStatus();
}

template <typename Target>
absl::Status RemoveAll(Target& target, const std::vector<std::string>& names) {
  for (const std::string& name : names) NUMPACK_RETURN_IF_ERROR(InfoOf(target, name).status());
  for (const std::string& name : names) {
    NUMPACK_RETURN_IF_ERROR(Explain(target.Remove(name), name));
  }
  return absl::OkStatus();
}

template <typename Target>
absl::Status CloneOne(Target& target, const std::string& source, const std::string& to) {
  if (to.empty()) return absl::InvalidArgumentError("an array name must not be empty");
  NUMPACK_RETURN_IF_ERROR(InfoOf(target, source).status());
  return target.Clone(source, to);
}

}  // namespace numpack::python

#endif  // NUMPACK_PYTHON_NUMPACK_NATIVE_CHANGES_H_
