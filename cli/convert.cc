// npk convert.
#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "cli/commands.h"
#include "cli/files.h"
#include "cli/json.h"
#include "cli/npy.h"
#include "cli/open.h"
#include "cli/zip.h"
#include "numpack/base/status_macros.h"
#include "numpack/core/array_writer.h"
#include "numpack/core/legacy_v1_export.h"
#include "numpack/native_backend.h"

namespace numpack::cli {
namespace {

constexpr size_t kBlockBytes = size_t{4} << 20;

enum class Format { kStore, kNpy, kNpz, kLegacy };

// What the command line says, resolved.
struct Job {
  std::string from;
  std::string to;
  Format from_format = Format::kStore;
  Format to_format = Format::kStore;
  std::vector<std::string> arrays;  // only these; empty: all
  std::string name;                 // of a .npy file's array
  bool force = false;
  bool checksum = false;
};

// Counts the bytes of all arrays for the progress bar and remembers what was copied.
class Tally {
 public:
  explicit Tally(const Console& console) : progress_(console, "converting") {}

  void Expect(uint64_t bytes) { total_ += bytes; }
  void Moved(uint64_t bytes) { progress_.Update(done_ += bytes, total_); }
  void Copied(std::string name) { names_.push_back(std::move(name)); }

  const std::vector<std::string>& names() const { return names_; }
  uint64_t bytes() const { return done_; }
  Progress& progress() { return progress_; }

 private:
  Progress progress_;
  uint64_t done_ = 0;
  uint64_t total_ = 0;
  std::vector<std::string> names_;
};

bool Wanted(const Job& job, absl::string_view name) {
  return job.arrays.empty() ||
         std::find(job.arrays.begin(), job.arrays.end(), name) != job.arrays.end();
}

// The error for an --array that there is not.
absl::Status CheckAllFound(const Job& job, const Tally& tally) {
  for (const std::string& name : job.arrays) {
    if (std::find(tally.names().begin(), tally.names().end(), name) == tally.names().end())
      return NoSuchArray(name, job.from);
  }
  return absl::OkStatus();
}

// --- Into a store

absl::StatusOr<NumPack> OpenTarget(const Job& job) {
  StoreOptions options;
  options.checksum = job.checksum;
  options.background_sync = false;  // Close makes all durable
  return NumPack::Open(job.to, options);
}

absl::Status StartArray(const Job& job, const std::string& name, const ArrayInfo& info,
                        ArrayWriter& writer) {
  if (!job.force && writer.Contains(name)) {
    return absl::AlreadyExistsError(absl::StrCat("there is an array '", name, "' in ", job.to,
                                                 " already: pass --force to replace it"));
  }
  return writer.Start(name, info.dtype, info.shape);
}

// The array that lies in `bytes` bytes of the file from `offset` on.
absl::StatusOr<NpyHeader> ReadHeader(InputFile& file, uint64_t offset, uint64_t bytes) {
  std::string start(std::min<uint64_t>(bytes, 12), '\0');
  NUMPACK_RETURN_IF_ERROR(file.ReadAt(offset, start));
  NUMPACK_ASSIGN_OR_RETURN(const size_t header_bytes, NpyHeaderBytes(start));
  if (header_bytes > bytes) return absl::DataLossError("its header is cut short");
  start.resize(header_bytes);
  NUMPACK_RETURN_IF_ERROR(file.ReadAt(offset, start));
  NUMPACK_ASSIGN_OR_RETURN(NpyHeader header, ParseNpyHeader(start));
  if (static_cast<uint64_t>(header.info.nbytes) > bytes - header_bytes) {
    return absl::DataLossError(absl::StrCat("its elements have ", header.info.nbytes,
                                            " bytes, but ", bytes - header_bytes, " are there"));
  }
  return header;
}

absl::Status Annotate(const absl::Status& status, const std::string& place) {
  if (status.ok() || absl::StrContains(status.message(), place)) return status;
  return absl::Status(status.code(), absl::StrCat(place, ": ", status.message()));
}

absl::Status ImportNpy(const Job& job, InputFile& file, uint64_t offset, const NpyHeader& header,
                       const std::string& name, ArrayWriter& writer, Tally& tally) {
  NUMPACK_RETURN_IF_ERROR(StartArray(job, name, header.info, writer));
  NUMPACK_RETURN_IF_ERROR(ReadNpyElements(
      header, kBlockBytes,
      [&](uint64_t at, absl::Span<std::byte> to) {
        return file.ReadAt(offset + header.bytes + at, to);
      },
      [&](absl::Span<const std::byte> block) {
        tally.Moved(block.size());
        return writer.Write(block);
      }));
  tally.Copied(name);
  return absl::OkStatus();
}

absl::Status ImportNpyFile(const Job& job, ArrayWriter& writer, Tally& tally) {
  NUMPACK_ASSIGN_OR_RETURN(InputFile file, InputFile::Open(job.from));
  const auto header = ReadHeader(file, 0, file.size());
  if (!header.ok()) return Annotate(header.status(), job.from);
  tally.Expect(static_cast<uint64_t>(header->info.nbytes));
  const std::string name = job.name.empty() ? Stem(job.from) : job.name;
  return Annotate(ImportNpy(job, file, 0, *header, name, writer, tally), job.from);
}

// Compares the member with its checksum.
absl::Status CheckMember(InputFile& file, const ZipMember& member) {
  uint32_t crc = 0;
  std::string block;
  for (uint64_t at = 0; at < member.bytes; at += block.size()) {
    block.resize(std::min<uint64_t>(kBlockBytes, member.bytes - at));
    NUMPACK_RETURN_IF_ERROR(file.ReadAt(member.offset + at, block));
    crc = ExtendZipCrc(
        crc, absl::MakeConstSpan(reinterpret_cast<const std::byte*>(block.data()), block.size()));
  }
  if (crc == member.crc) return absl::OkStatus();
  return absl::DataLossError("its checksum does not match: the archive is damaged");
}

absl::Status ImportNpz(const Job& job, ArrayWriter& writer, Tally& tally) {
  NUMPACK_ASSIGN_OR_RETURN(InputFile file, InputFile::Open(job.from));
  NUMPACK_ASSIGN_OR_RETURN(const std::vector<ZipMember> members, ReadZipDirectory(file));
  for (const ZipMember& member : members) tally.Expect(member.bytes);
  for (const ZipMember& member : members) {
    absl::string_view name = member.name;
    const std::string place = absl::StrCat(job.from, ", member ", PrintableName(name));
    if (!absl::ConsumeSuffix(&name, ".npy"))
      return absl::DataLossError(absl::StrCat(place, ": it is no .npy file, so this is no .npz"));
    if (!Wanted(job, name)) continue;
    NUMPACK_RETURN_IF_ERROR(Annotate(CheckMember(file, member), place));
    const auto header = ReadHeader(file, member.offset, member.bytes);
    if (!header.ok()) return Annotate(header.status(), place);
    NUMPACK_RETURN_IF_ERROR(Annotate(
        ImportNpy(job, file, member.offset, *header, std::string(name), writer, tally), place));
  }
  return CheckAllFound(job, tally);
}

absl::Status ImportLegacy(const Job& job, ArrayWriter& writer, Tally& tally) {
  NUMPACK_ASSIGN_OR_RETURN(const std::shared_ptr<Backend> backend, OpenDirectory(job.from));
  NUMPACK_ASSIGN_OR_RETURN(const std::vector<LegacyArray> arrays, ReadLegacyDirectory(*backend));
  for (const LegacyArray& array : arrays) {
    if (Wanted(job, array.name)) tally.Expect(static_cast<uint64_t>(array.info.nbytes));
  }
  for (const LegacyArray& array : arrays) {
    if (!Wanted(job, array.name)) continue;
    NUMPACK_RETURN_IF_ERROR(StartArray(job, array.name, array.info, writer));
    NUMPACK_RETURN_IF_ERROR(
        ReadLegacyArray(*backend, array, [&](absl::Span<const std::byte> piece) {
          tally.Moved(piece.size());
          return writer.Write(piece);
        }));
    tally.Copied(array.name);
  }
  return CheckAllFound(job, tally);
}

absl::Status Import(const Job& job, Tally& tally) {
  NUMPACK_ASSIGN_OR_RETURN(NumPack store, OpenTarget(job));
  {
    NUMPACK_ASSIGN_OR_RETURN(ArrayWriter writer, ArrayWriter::Begin(store));
    switch (job.from_format) {
      case Format::kNpy:
        NUMPACK_RETURN_IF_ERROR(ImportNpyFile(job, writer, tally));
        break;
      case Format::kNpz:
        NUMPACK_RETURN_IF_ERROR(ImportNpz(job, writer, tally));
        break;
      default:
        NUMPACK_RETURN_IF_ERROR(ImportLegacy(job, writer, tally));
    }
    NUMPACK_RETURN_IF_ERROR(writer.Commit());
  }
  return store.Close();
}

// --- Out of a store

// Hands the elements on, block by block.
absl::Status ReadArray(const LazyArray& array, Tally& tally,
                       absl::FunctionRef<absl::Status(absl::Span<const std::byte>)> sink) {
  if (array.nbytes() == 0) return absl::OkStatus();
  const auto hand_on = [&](const AnyArray& view) {
    const auto bytes = absl::MakeConstSpan(view.data(), static_cast<size_t>(view.nbytes()));
    tally.Moved(bytes.size());
    return sink(bytes);
  };
  if (array.shape().empty()) {
    NUMPACK_ASSIGN_OR_RETURN(const AnyArray all, array.View());
    return hand_on(all);
  }
  const int64_t rows = array.shape()[0];
  const int64_t step =
      std::max<int64_t>(1, static_cast<int64_t>(kBlockBytes) / (array.nbytes() / rows));
  for (int64_t row = 0; row < rows; row += step) {
    NUMPACK_ASSIGN_OR_RETURN(const AnyArray block, array.ViewRows(row, std::min(rows, row + step)));
    NUMPACK_RETURN_IF_ERROR(hand_on(block));
  }
  return absl::OkStatus();
}

struct NamedArray {
  std::string name;
  LazyArray array;
};

// The wanted arrays as of now.
absl::StatusOr<std::vector<NamedArray>> Snapshots(const Job& job, NumPack& store, Tally& tally) {
  const std::vector<std::string> names = job.arrays.empty() ? store.List() : job.arrays;
  std::vector<NamedArray> arrays;
  for (const std::string& name : names) {
    auto array = store.Lazy(name);
    if (absl::IsNotFound(array.status())) {
      if (job.arrays.empty()) continue;  // another process has just removed it
      return NoSuchArray(name, job.from);
    }
    NUMPACK_RETURN_IF_ERROR(array.status());
    tally.Expect(static_cast<uint64_t>(array->nbytes()));
    arrays.push_back({name, *std::move(array)});
  }
  return arrays;
}

absl::Status ExportNpy(const Job& job, absl::Span<const NamedArray> arrays, Tally& tally) {
  if (arrays.size() != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("a .npy file holds one array, and ", arrays.size(), " are wanted from ",
                     job.from, ": pass one --array NAME, or write a .npz file"));
  }
  const NamedArray& only = arrays[0];
  NUMPACK_ASSIGN_OR_RETURN(OutputFile file, OutputFile::Create(job.to, job.force));
  NUMPACK_RETURN_IF_ERROR(file.Append(MakeNpyHeader(only.array.info())));
  NUMPACK_RETURN_IF_ERROR(ReadArray(
      only.array, tally, [&](absl::Span<const std::byte> block) { return file.Append(block); }));
  tally.Copied(only.name);
  return file.Commit();
}

absl::Status ExportNpz(const Job& job, absl::Span<const NamedArray> arrays, Tally& tally) {
  NUMPACK_ASSIGN_OR_RETURN(OutputFile file, OutputFile::Create(job.to, job.force));
  ZipWriter zip(file);
  for (const NamedArray& named : arrays) {
    const std::string header = MakeNpyHeader(named.array.info());
    NUMPACK_RETURN_IF_ERROR(zip.Start(absl::StrCat(named.name, ".npy"),
                                      header.size() + static_cast<uint64_t>(named.array.nbytes())));
    NUMPACK_RETURN_IF_ERROR(zip.Append(header));
    NUMPACK_RETURN_IF_ERROR(ReadArray(
        named.array, tally, [&](absl::Span<const std::byte> block) { return zip.Append(block); }));
    tally.Copied(named.name);
  }
  NUMPACK_RETURN_IF_ERROR(zip.Finish());
  return file.Commit();
}

absl::Status ExportLegacy(const Job& job, NumPack& store, Tally& tally) {
  NUMPACK_ASSIGN_OR_RETURN(const std::shared_ptr<Backend> target,
                           OpenNativeBackend(job.to, /*create_directory=*/true));
  ExportV1Options options;
  uint64_t before = 0;
  options.progress = [&](uint64_t done, uint64_t total) {
    if (before == 0) tally.Expect(total);
    tally.Moved(done - before);
    before = done;
  };
  NUMPACK_RETURN_IF_ERROR(ExportV1(store, *target, options));
  for (const std::string& name : store.List()) tally.Copied(name);
  return absl::OkStatus();
}

absl::Status Export(const Job& job, Tally& tally) {
  NUMPACK_ASSIGN_OR_RETURN(const std::shared_ptr<Backend> backend, OpenDirectory(job.from));
  NUMPACK_ASSIGN_OR_RETURN(NumPack store, OpenStore(backend));
  if (job.to_format == Format::kLegacy) {
    NUMPACK_RETURN_IF_ERROR(ExportLegacy(job, store, tally));
  } else {
    NUMPACK_ASSIGN_OR_RETURN(const std::vector<NamedArray> arrays, Snapshots(job, store, tally));
    NUMPACK_RETURN_IF_ERROR(job.to_format == Format::kNpy ? ExportNpy(job, arrays, tally)
                                                          : ExportNpz(job, arrays, tally));
  }
  return store.Close();
}

// --- The command line

absl::StatusOr<Format> FormatFromName(const std::string& name) {
  if (name == "npk") return Format::kStore;
  if (name == "npy") return Format::kNpy;
  if (name == "npz") return Format::kNpz;
  if (name == "v1") return Format::kLegacy;
  return absl::InvalidArgumentError(
      absl::StrCat("'", name, "' is no format: npk, npy, npz and v1 are"));
}

// By the name, and for a directory by what is in it.
absl::StatusOr<Format> GuessFormat(const std::string& path) {
  if (IsDirectory(path)) {
    NUMPACK_ASSIGN_OR_RETURN(const std::shared_ptr<Backend> backend, OpenDirectory(path));
    NUMPACK_ASSIGN_OR_RETURN(const bool legacy, IsLegacy(*backend));
    return legacy ? Format::kLegacy : Format::kStore;
  }
  const std::string extension = Extension(path);
  if (extension == "npy") return Format::kNpy;
  return extension == "npz" ? Format::kNpz : Format::kStore;
}

absl::StatusOr<Job> MakeJob(const Arguments& arguments) {
  Job job;
  job.from = arguments.positional()[0];
  job.to = arguments.positional()[1];
  NUMPACK_ASSIGN_OR_RETURN(job.from_format, arguments.Has("--from")
                                                ? FormatFromName(arguments.Value("--from"))
                                                : GuessFormat(job.from));
  NUMPACK_ASSIGN_OR_RETURN(job.to_format, arguments.Has("--to")
                                              ? FormatFromName(arguments.Value("--to"))
                                              : GuessFormat(job.to));
  job.arrays = arguments.Values("--array");
  job.name = arguments.Value("--name");
  job.force = arguments.Has("--force");
  job.checksum = arguments.Has("--checksum");
  if ((job.from_format == Format::kStore) == (job.to_format == Format::kStore)) {
    return absl::InvalidArgumentError(
        job.to_format == Format::kStore
            ? "FROM and TO are both stores: name a .npy or .npz file, or pass --to v1"
            : "neither FROM nor TO is a store: convert into a store first, then out of it");
  }
  if (job.checksum && job.to_format != Format::kStore)
    return absl::InvalidArgumentError("--checksum is for a store as TO");
  if (!job.name.empty() && job.from_format != Format::kNpy)
    return absl::InvalidArgumentError("--name is for a .npy file; others hold names");
  if (!job.arrays.empty() && (job.from_format == Format::kNpy || job.to_format == Format::kLegacy))
    return absl::InvalidArgumentError("--array is not for a .npy file as FROM, nor for --to v1");
  if (job.to_format == Format::kLegacy && job.force)
    return absl::InvalidArgumentError("--force is not for --to v1: the directory must be empty");
  return job;
}

}  // namespace

int RunConvert(const Arguments& arguments, const Console& console) {
  const auto job = MakeJob(arguments);
  if (!job.ok()) {
    console.Fail(job.status());
    return absl::IsInvalidArgument(job.status()) ? kUsage : kFailed;
  }
  Tally tally(console);
  const absl::Status status =
      job->to_format == Format::kStore ? Import(*job, tally) : Export(*job, tally);
  if (!status.ok()) return console.Fail(status);
  if (console.json) {
    JsonWriter out;
    out.BeginObject().Key("ok").Bool(true).Key("from").Text(job->from).Key("to").Text(job->to);
    out.Key("bytes").Number(tally.bytes()).Key("arrays").BeginArray();
    for (const std::string& name : tally.names()) out.Text(name);
    out.EndArray().EndObject();
    console.Print(out.text());
  } else {
    console.Print(absl::StrCat(tally.names().size(), " arrays, ", HumanBytes(tally.bytes()), ": ",
                               job->from, " -> ", job->to));
  }
  return kOk;
}

}  // namespace numpack::cli
