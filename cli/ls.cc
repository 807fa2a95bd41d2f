// npk ls, npk info.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "cli/commands.h"
#include "cli/json.h"
#include "cli/open.h"
#include "numpack/base/status_macros.h"
#include "numpack/core/dtype.h"
#include "numpack/core/shape.h"

namespace numpack::cli {
namespace {

struct NamedInfo {
  std::string name;
  ArrayInfo info;
};

void WriteInfo(const NamedInfo& array, JsonWriter& out) {
  out.BeginObject().Key("name").Text(array.name);
  out.Key("dtype").Text(DTypeName(array.info.dtype));
  out.Key("shape").BeginArray();
  for (const int64_t axis : array.info.shape) out.Signed(axis);
  out.EndArray();
  out.Key("nbytes").Signed(array.info.nbytes);
  out.Key("checksum").Bool(array.info.has_checksum);
  out.Key("modified_us").Signed(array.info.modified_us).EndObject();
}

absl::StatusOr<std::vector<NamedInfo>> ListArrays(const std::string& path) {
  std::vector<NamedInfo> arrays;
  NUMPACK_ASSIGN_OR_RETURN(const std::shared_ptr<Backend> backend, OpenDirectory(path));
  NUMPACK_ASSIGN_OR_RETURN(const bool legacy, IsLegacy(*backend));
  if (legacy) {
    NUMPACK_ASSIGN_OR_RETURN(std::vector<LegacyArray> found, ReadLegacyDirectory(*backend));
    for (LegacyArray& array : found)
      arrays.push_back({std::move(array.name), std::move(array.info)});
    return arrays;
  }
  NUMPACK_ASSIGN_OR_RETURN(NumPack store, OpenStore(backend));
  for (std::string& name : store.List()) {
    absl::StatusOr<ArrayInfo> info = store.Info(name);
    if (absl::IsNotFound(info.status())) continue;  // another process has just removed it
    NUMPACK_RETURN_IF_ERROR(info.status());
    arrays.push_back({std::move(name), *std::move(info)});
  }
  NUMPACK_RETURN_IF_ERROR(store.Close());
  return arrays;
}

void PrintTable(const std::vector<NamedInfo>& arrays, const Console& console) {
  size_t name_width = 4;
  size_t shape_width = 5;
  for (const NamedInfo& array : arrays) {
    name_width = std::max(name_width, PrintableName(array.name).size());
    shape_width = std::max(shape_width, ShapeString(array.info.shape).size());
  }
  name_width = std::min<size_t>(name_width, 40);
  const auto width = [](size_t n) { return static_cast<int>(n); };
  for (const NamedInfo& array : arrays) {
    console.Print(absl::StrFormat(
        "%-*s  %-10s  %-*s  %10s  %s", width(name_width), PrintableName(array.name),
        DTypeName(array.info.dtype), width(shape_width), ShapeString(array.info.shape),
        HumanBytes(static_cast<uint64_t>(array.info.nbytes)),
        absl::FormatTime("%Y-%m-%d %H:%M:%S", absl::FromUnixMicros(array.info.modified_us),
                         absl::LocalTimeZone())));
  }
}

void PrintArrays(const std::string& path, const std::vector<NamedInfo>& arrays,
                 const Console& console) {
  if (!console.json) {
    PrintTable(arrays, console);
    return;
  }
  JsonWriter out;
  out.BeginObject().Key("ok").Bool(true).Key("store").Text(path).Key("arrays").BeginArray();
  for (const NamedInfo& array : arrays) WriteInfo(array, out);
  out.EndArray().EndObject();
  console.Print(out.text());
}

absl::Status PrintStoreInfo(const std::string& path, const Console& console) {
  NUMPACK_ASSIGN_OR_RETURN(const std::shared_ptr<Backend> backend, OpenDirectory(path));
  NUMPACK_ASSIGN_OR_RETURN(const bool legacy, IsLegacy(*backend));
  if (legacy) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " was written by NumPack 0.7: `npk ls` lists it, and `npk convert ",
                     path, " NEW` makes a store of it"));
  }
  NUMPACK_ASSIGN_OR_RETURN(NumPack store, OpenStore(backend));
  NUMPACK_ASSIGN_OR_RETURN(const StoreStats stats, store.Stats());
  const std::vector<std::string> interrupted = store.Interrupted();
  uint64_t checksums = 0;
  for (const std::string& name : store.List()) {
    const absl::StatusOr<ArrayInfo> info = store.Info(name);
    checksums += info.ok() && info->has_checksum ? 1 : 0;
  }
  NUMPACK_RETURN_IF_ERROR(store.Close());
  const std::pair<const char*, uint64_t> sizes[] = {
      {"live_bytes", stats.live_bytes},   {"slack_bytes", stats.slack_bytes},
      {"limbo_bytes", stats.limbo_bytes}, {"pinned_bytes", stats.pinned_bytes},
      {"free_bytes", stats.free_bytes},   {"log_bytes", stats.log_bytes},
      {"file_bytes", stats.file_bytes},
  };
  if (console.json) {
    JsonWriter out;
    out.BeginObject().Key("ok").Bool(true).Key("store").Text(path);
    out.Key("arrays").Number(stats.arrays).Key("checksums").Number(checksums);
    out.Key("segments").Number(stats.segments);
    for (const auto& [name, bytes] : sizes) out.Key(name).Number(bytes);
    out.Key("interrupted").BeginArray();
    for (const std::string& name : interrupted) out.Text(name);
    out.EndArray().EndObject();
    console.Print(out.text());
    return absl::OkStatus();
  }
  console.Print(path);
  console.Print(absl::StrFormat("  arrays        %d", stats.arrays));
  console.Print(absl::StrFormat("  checksums     %d", checksums));
  console.Print(absl::StrFormat("  segments      %d", stats.segments));
  for (const auto& [name, bytes] : sizes)
    console.Print(absl::StrFormat("  %-12s  %s (%d)", name, HumanBytes(bytes), bytes));
  for (const std::string& name : interrupted) {
    console.Print(absl::StrCat("  interrupted: '", PrintableName(name),
                               "' may mix old and new elements; save it again"));
  }
  return absl::OkStatus();
}

absl::Status PrintSelected(const std::string& path, absl::Span<const std::string> names,
                           const Console& console) {
  NUMPACK_ASSIGN_OR_RETURN(const std::vector<NamedInfo> all, ListArrays(path));
  std::vector<NamedInfo> selected;
  for (const std::string& name : names) {
    const auto found = std::find_if(all.begin(), all.end(),
                                    [&](const NamedInfo& array) { return array.name == name; });
    if (found == all.end()) return NoSuchArray(name, path);
    selected.push_back(*found);
  }
  PrintArrays(path, selected, console);
  return absl::OkStatus();
}

}  // namespace

int RunLs(const Arguments& arguments, const Console& console) {
  const std::string& path = arguments.positional()[0];
  const auto arrays = ListArrays(path);
  if (!arrays.ok()) return console.Fail(arrays.status());
  PrintArrays(path, *arrays, console);
  return kOk;
}

int RunInfo(const Arguments& arguments, const Console& console) {
  const auto operands = absl::MakeConstSpan(arguments.positional());
  const absl::Status status = operands.size() == 1
                                  ? PrintStoreInfo(operands[0], console)
                                  : PrintSelected(operands[0], operands.subspan(1), console);
  return status.ok() ? kOk : console.Fail(status);
}

}  // namespace numpack::cli
