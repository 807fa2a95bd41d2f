// npk verify, npk repair.
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/commands.h"
#include "cli/json.h"
#include "cli/open.h"
#include "numpack/base/status_macros.h"
#include "numpack/native_backend.h"

namespace numpack::cli {
namespace {

const char* SeverityName(Severity severity) {
  switch (severity) {
    case Severity::kNote:
      return "note";
    case Severity::kWarning:
      return "warning";
    case Severity::kError:
      break;
  }
  return "error";
}

// Repair can do without its own advice.
void PrintFindings(const std::vector<Finding>& findings, bool remedies, const Console& console) {
  for (const Finding& finding : findings) {
    std::string line = absl::StrCat(SeverityName(finding.severity), ": ", finding.file);
    if (finding.offset.has_value()) absl::StrAppend(&line, " at byte ", *finding.offset);
    if (!finding.array.empty())
      absl::StrAppend(&line, ", array '", PrintableName(finding.array), "'");
    absl::StrAppend(&line, ": ", finding.what);
    console.Print(line);
    if (remedies && !finding.remedy.empty()) console.Print(absl::StrCat("  -> ", finding.remedy));
  }
}

void WriteFindings(const std::vector<Finding>& findings, JsonWriter& out) {
  out.Key("findings").BeginArray();
  for (const Finding& finding : findings) {
    out.BeginObject().Key("severity").Text(SeverityName(finding.severity));
    out.Key("file").Text(finding.file);
    if (finding.offset.has_value()) out.Key("offset").Number(*finding.offset);
    if (!finding.array.empty()) out.Key("array").Text(finding.array);
    out.Key("what").Text(finding.what).Key("remedy").Text(finding.remedy).EndObject();
  }
  out.EndArray();
}

void WriteNames(const char* key, const std::vector<RepairReport::Array>& arrays, JsonWriter& out) {
  out.Key(key).BeginArray();
  for (const RepairReport::Array& array : arrays)
    out.BeginObject().Key("name").Text(array.name).Key("why").Text(array.why).EndObject();
  out.EndArray();
}

absl::StatusOr<VerifyReport> VerifyPath(const std::string& path, bool contents,
                                        const Console& console) {
  NUMPACK_ASSIGN_OR_RETURN(const std::shared_ptr<Backend> backend, OpenDirectory(path));
  Progress progress(console, "verifying");
  VerifyOptions options;
  options.contents = contents;
  options.progress = [&](uint64_t done, uint64_t total) { progress.Update(done, total); };
  return Verify(*backend, options);
}

absl::StatusOr<RepairReport> RepairPath(const std::string& from, const std::string& to,
                                        const Console& console) {
  NUMPACK_ASSIGN_OR_RETURN(const std::shared_ptr<Backend> source, OpenDirectory(from));
  NUMPACK_ASSIGN_OR_RETURN(const std::shared_ptr<Backend> target,
                           OpenNativeBackend(to, /*create_directory=*/true));
  Progress progress(console, "saving");
  RepairOptions options;
  options.progress = [&](uint64_t done, uint64_t total) { progress.Update(done, total); };
  return Repair(*source, target, options);
}

}  // namespace

int RunVerify(const Arguments& arguments, const Console& console) {
  const std::string& path = arguments.positional()[0];
  const auto report = VerifyPath(path, !arguments.Has("--no-contents"), console);
  if (!report.ok()) return console.Fail(report.status());
  if (console.json) {
    JsonWriter out;
    out.BeginObject().Key("ok").Bool(report->clean()).Key("store").Text(path);
    out.Key("arrays").Number(report->arrays).Key("array_bytes").Number(report->array_bytes);
    out.Key("contents_checked").Number(report->contents_checked);
    out.Key("records").Number(report->records).Key("in_use").Bool(report->in_use);
    WriteFindings(report->findings, out);
    console.Print(out.EndObject().text());
  } else {
    PrintFindings(report->findings, /*remedies=*/true, console);
    console.Print(absl::StrCat(path, ": ", report->arrays, " arrays, ",
                               HumanBytes(report->array_bytes), ", contents of ",
                               report->contents_checked, " compared, ", report->records,
                               " log records: ", report->clean() ? "in order" : "NOT in order"));
  }
  return report->clean() ? kOk : kFailed;
}

int RunRepair(const Arguments& arguments, const Console& console) {
  const std::string& from = arguments.positional()[0];
  const std::string& to = arguments.positional()[1];
  const auto report = RepairPath(from, to, console);
  if (!report.ok()) return console.Fail(report.status());
  const bool whole = report->lost.empty() && report->doubtful.empty();
  if (console.json) {
    JsonWriter out;
    out.BeginObject().Key("ok").Bool(whole).Key("from").Text(from).Key("to").Text(to);
    out.Key("bytes").Number(report->bytes).Key("saved").BeginArray();
    for (const std::string& name : report->saved) out.Text(name);
    out.EndArray();
    WriteNames("doubtful", report->doubtful, out);
    WriteNames("lost", report->lost, out);
    WriteFindings(report->findings, out);
    console.Print(out.EndObject().text());
  } else {
    PrintFindings(report->findings, /*remedies=*/false, console);
    for (const auto& [name, why] : report->doubtful)
      console.Print(absl::StrCat("look at '", PrintableName(name), "': ", why));
    for (const auto& [name, why] : report->lost)
      console.Print(absl::StrCat("lost '", PrintableName(name), "': ", why));
    console.Print(absl::StrCat(report->saved.size(), " arrays, ", HumanBytes(report->bytes),
                               " saved in ", to, ", ", report->lost.size(), " lost"));
  }
  return whole ? kOk : kFailed;
}

}  // namespace numpack::cli
