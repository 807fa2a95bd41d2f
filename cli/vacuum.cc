// npk vacuum.
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "cli/commands.h"
#include "cli/json.h"
#include "cli/open.h"
#include "numpack/base/status_macros.h"

namespace numpack::cli {
namespace {

absl::StatusOr<VacuumReport> VacuumPath(const std::string& path, const Console& console) {
  NUMPACK_ASSIGN_OR_RETURN(std::shared_ptr<Backend> backend, OpenDirectory(path));
  NUMPACK_ASSIGN_OR_RETURN(const bool legacy, IsLegacy(*backend));
  if (legacy) {
    return absl::FailedPreconditionError(absl::StrCat(
        path, " was written by NumPack 0.7: `npk convert ", path, " NEW` makes a store of it"));
  }
  NUMPACK_ASSIGN_OR_RETURN(NumPack store, OpenStore(std::move(backend), /*read_only=*/false));
  Progress progress(console, "packing");
  VacuumOptions options;
  options.progress = [&](uint64_t done, uint64_t total) { progress.Update(done, total); };
  NUMPACK_ASSIGN_OR_RETURN(VacuumReport report, store.Vacuum(options));
  NUMPACK_RETURN_IF_ERROR(store.Close());
  return report;
}

}  // namespace

int RunVacuum(const Arguments& arguments, const Console& console) {
  const std::string& path = arguments.positional()[0];
  const auto report = VacuumPath(path, console);
  if (!report.ok()) return console.Fail(report.status());
  if (console.json) {
    JsonWriter out;
    out.BeginObject().Key("ok").Bool(true).Key("store").Text(path);
    out.Key("before_bytes").Number(report->before_bytes);
    out.Key("after_bytes").Number(report->after_bytes);
    out.Key("reclaimed_bytes").Number(report->reclaimed_bytes());
    out.Key("compacted_arrays").Number(report->compacted_arrays);
    out.Key("moved_arrays").Number(report->moved_arrays);
    out.Key("copied_bytes").Number(report->copied_bytes);
    out.Key("held_bytes").Number(report->held_bytes).Key("held").BeginArray();
    for (const std::string& name : report->held) out.Text(name);
    console.Print(out.EndArray().EndObject().text());
    return kOk;
  }
  for (const std::string& name : report->held) {
    console.Print(absl::StrCat("left '", PrintableName(name),
                               "': somebody reads it, or has it open in writable mode"));
  }
  if (report->held_bytes > 0) {
    console.Print(
        absl::StrCat(HumanBytes(report->held_bytes), " of earlier contents are still being read"));
  }
  console.Print(absl::StrCat(path, ": ", HumanBytes(report->reclaimed_bytes()), " given back, ",
                             HumanBytes(report->after_bytes), " left; ", report->compacted_arrays,
                             " arrays compacted, ", report->moved_arrays, " moved"));
  return kOk;
}

}  // namespace numpack::cli
