// Makes a store by a fixed series of operations, looks whether it holds what they leave, or shows
// it byte for byte. Whatever systems the steps run on, the result is the same.
//
//   exchange write DIRECTORY      a new store: the first half of the operations
//   exchange continue DIRECTORY   opens it, looks at all arrays, and does the second half
//   exchange check DIRECTORY      opens it and looks at all arrays after both halves
//   exchange show DIRECTORY       prints its files and records
#include <algorithm>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/crc/crc32c.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/file.h"
#include "numpack/base/status_macros.h"
#include "numpack/native_backend.h"
#include "numpack/numpack.h"
#include "numpack/storage/log_payload.h"
#include "numpack/storage/record.h"
#include "numpack/storage/store_test_util.h"

namespace numpack {
namespace {

constexpr char kUnicode[] =
    "\xc3\x84rger/\xe6\x96\x87 \xf0\x9f\x99\x82: con";  // no file name anywhere
constexpr int64_t kRows = 40'000;

std::vector<double> Numbers(int64_t count, double start) {
  std::vector<double> values(static_cast<size_t>(count));
  for (size_t i = 0; i < values.size(); ++i) values[i] = start + static_cast<double>(i) / 8;
  return values;
}

// Each step is a boot of its own, whatever system it runs on: what opening does depends on whether
// the boot is another one.
absl::StatusOr<NumPack> OpenStore(const std::string& directory, const char* step, bool create) {
  StoreOptions options;
  options.background_sync = false;  // which would come at any time
  options.create = create;
  NUMPACK_ASSIGN_OR_RETURN(std::shared_ptr<Backend> backend, OpenNativeBackend(directory, create));
  return NumPack::Open(storage::WithBootId(std::move(backend), step), options);
}

absl::Status Write(const std::string& directory) {
  NUMPACK_ASSIGN_OR_RETURN(NumPack store, OpenStore(directory, "write", true));
  const std::vector<double> large = Numbers(kRows * 4, 0);
  NUMPACK_RETURN_IF_ERROR(store.Save("large", MakeView(large, {kRows, 4})));
  const std::vector<double> more = Numbers(400, -1000);
  NUMPACK_RETURN_IF_ERROR(store.Append("large", *Erase(MakeView(more, {100, 4}))));
  const std::vector<std::complex<float>> complex = {{1, -2}, {0.5, 1e30f}};
  NUMPACK_RETURN_IF_ERROR(store.Save(kUnicode, MakeView(complex)));
  const std::vector<int8_t> nothing;
  NUMPACK_RETURN_IF_ERROR(store.Save("nothing", MakeView(nothing, {0, 3})));
  const std::vector<uint16_t> gone(30'000, 7);
  NUMPACK_RETURN_IF_ERROR(store.Save("gone", MakeView(gone)));
  NUMPACK_RETURN_IF_ERROR(store.Remove("gone"));
  NUMPACK_RETURN_IF_ERROR(store.Flush());
  for (int i = 0; i < 50; ++i) {
    const std::vector<int32_t> small(static_cast<size_t>(1 + i % 7), i);
    NUMPACK_RETURN_IF_ERROR(store.Save(absl::StrCat("small ", i % 20), MakeView(small)));
  }
  return store.Close();
}

// After the first half.
absl::Status CheckFirst(const NumPack& store) {
  NUMPACK_ASSIGN_OR_RETURN(const auto large, store.Load<double>("large"));
  std::vector<double> expected = Numbers(kRows * 4, 0);
  const std::vector<double> more = Numbers(400, -1000);
  expected.insert(expected.end(), more.begin(), more.end());
  if (!std::equal(expected.begin(), expected.end(), large.data(), large.data() + large.size()))
    return absl::DataLossError("large is not what was written");
  NUMPACK_ASSIGN_OR_RETURN(const auto complex, store.View<std::complex<float>>(kUnicode));
  if (complex.size() != 2 || complex.data()[1] != std::complex<float>{0.5, 1e30f})
    return absl::DataLossError("the complex numbers are not what was written");
  NUMPACK_ASSIGN_OR_RETURN(const ArrayInfo nothing, store.Info("nothing"));
  if (nothing.shape != Shape{0, 3}) return absl::DataLossError("nothing is something");
  if (store.Contains("gone")) return absl::DataLossError("gone is there");
  for (int i = 30; i < 50; ++i) {
    NUMPACK_ASSIGN_OR_RETURN(const auto small, store.View<int32_t>(absl::StrCat("small ", i % 20)));
    if (small.size() != static_cast<size_t>(1 + i % 7) || small.data()[0] != i)
      return absl::DataLossError(absl::StrCat("small ", i % 20, " is not what was written"));
  }
  return absl::OkStatus();
}

absl::Status Continue(const std::string& directory) {
  NUMPACK_ASSIGN_OR_RETURN(NumPack store, OpenStore(directory, "continue", false));
  NUMPACK_RETURN_IF_ERROR(CheckFirst(store));
  const std::vector<double> rows = Numbers(8, 5000);
  NUMPACK_RETURN_IF_ERROR(
      store.ReplaceRows("large", {10, kRows + 1}, *Erase(MakeView(rows, {2, 4}))));
  NUMPACK_RETURN_IF_ERROR(store.DropRows("large", {0, 20'000, -1}));
  {
    NUMPACK_ASSIGN_OR_RETURN(Batch batch, store.BeginBatch());
    for (int i = 0; i < 10; ++i) {
      NUMPACK_ASSIGN_OR_RETURN(auto small, batch.Load<int32_t>(absl::StrCat("small ", i)));
      NUMPACK_RETURN_IF_ERROR(InPlace(small).Add(100).Run());
      NUMPACK_RETURN_IF_ERROR(batch.Save(absl::StrCat("small ", i), small));
    }
    NUMPACK_RETURN_IF_ERROR(batch.Commit());
  }
  const std::vector<float> floats(50'000, 1.5f);
  NUMPACK_RETURN_IF_ERROR(store.Save("changed in place", MakeView(floats)));
  {  // a view that is there when the store is closed keeps Windows from cutting its segment
    NUMPACK_ASSIGN_OR_RETURN(WritableBatch writable, store.BeginWritable());
    NUMPACK_ASSIGN_OR_RETURN(auto view, writable.Load<float>("changed in place"));
    NUMPACK_RETURN_IF_ERROR(InPlace(view).Multiply(2.0f).Run());
    NUMPACK_RETURN_IF_ERROR(writable.Finish());
  }
  return store.Close();
}

// After both halves.
absl::Status Check(const std::string& directory) {
  NUMPACK_ASSIGN_OR_RETURN(NumPack store, OpenStore(directory, "check", false));
  NUMPACK_ASSIGN_OR_RETURN(const auto large, store.Load<double>("large"));
  std::vector<double> expected = Numbers(kRows * 4, 0);
  const std::vector<double> more = Numbers(400, -1000), rows = Numbers(8, 5000);
  expected.insert(expected.end(), more.begin(), more.end());
  std::copy(rows.begin(), rows.begin() + 4, expected.begin() + 40);
  std::copy(rows.begin() + 4, rows.end(), expected.begin() + (kRows + 1) * 4);
  expected.resize(expected.size() - 4);
  expected.erase(expected.begin() + 80'000, expected.begin() + 80'004);
  expected.erase(expected.begin(), expected.begin() + 4);
  if (!std::equal(expected.begin(), expected.end(), large.data(), large.data() + large.size()))
    return absl::DataLossError("large is not what was written");
  for (int i = 30; i < 50; ++i) {
    const int32_t value = i % 20 < 10 ? i + 100 : i;
    NUMPACK_ASSIGN_OR_RETURN(const auto small, store.View<int32_t>(absl::StrCat("small ", i % 20)));
    if (small.size() != static_cast<size_t>(1 + i % 7) || small.data()[0] != value)
      return absl::DataLossError(absl::StrCat("small ", i % 20, " is not what was written"));
  }
  NUMPACK_ASSIGN_OR_RETURN(const auto floats, store.View<float>("changed in place"));
  const auto is_three = [](float value) { return value == 3.0f; };
  if (floats.size() != 50'000 ||
      !std::all_of(floats.data(), floats.data() + floats.size(), is_three))
    return absl::DataLossError("what was changed in place is not what it was changed to");
  return store.Close();
}

// Makes records comparable that were written at different times, and by different processes.
std::string WithoutTime(std::string metadata) {
  constexpr size_t kTime = 4, kTimeBytes = 8;
  if (metadata.size() >= kTime + kTimeBytes) metadata.replace(kTime, kTimeBytes, kTimeBytes, '\0');
  return metadata;
}

absl::StatusOr<std::string> Comparable(const storage::Record& record) {
  switch (record.kind) {
    case storage::RecordKind::kCheckpoint: {
      NUMPACK_ASSIGN_OR_RETURN(auto payload, storage::DecodeCheckpoint(record.payload));
      for (auto& entry : payload.entries) entry.metadata = WithoutTime(std::move(entry.metadata));
      return Encode(payload);
    }
    case storage::RecordKind::kCommit: {
      NUMPACK_ASSIGN_OR_RETURN(auto payload, storage::DecodeCommit(record.payload));
      for (auto& entry : payload.puts) entry.metadata = WithoutTime(std::move(entry.metadata));
      return Encode(payload);
    }
    case storage::RecordKind::kInPlaceBegin:
    case storage::RecordKind::kInPlaceEnd: {
      NUMPACK_ASSIGN_OR_RETURN(auto payload, storage::DecodeInPlace(record.payload));
      for (auto& item : payload.items) item.metadata = WithoutTime(std::move(item.metadata));
      return Encode(payload);
    }
    case storage::RecordKind::kRedo: {
      NUMPACK_ASSIGN_OR_RETURN(auto payload, storage::DecodeRedo(record.payload));
      payload.metadata = WithoutTime(std::move(payload.metadata));
      return Encode(payload);
    }
    case storage::RecordKind::kSession:
      return std::string(record.payload.size(), '\0');
    default:
      return std::string(record.payload);
  }
}

uint32_t ChecksumOf(absl::string_view bytes) {
  return static_cast<uint32_t>(absl::ComputeCrc32c(bytes));
}

absl::Status ShowRecords(absl::string_view log) {
  size_t position = 0;
  uint32_t previous = 0;
  while (const auto record = storage::ParseRecord(log, position, previous)) {
    NUMPACK_ASSIGN_OR_RETURN(const std::string payload, Comparable(*record));
    std::printf("  at %zu: kind %u, generation %llu, %zu bytes, %08x\n", position,
                static_cast<unsigned>(record->kind),
                static_cast<unsigned long long>(record->generation), payload.size(),
                static_cast<unsigned>(ChecksumOf(payload)));
    position += record->length;
    previous = record->checksum;
  }
  std::printf("  %s\n", storage::JudgeEnd(log, position) == storage::LogEnd::kClean
                            ? "then nothing but zeros"
                            : "then something else");
  return absl::OkStatus();
}

absl::Status Show(const std::string& directory) {
  NUMPACK_ASSIGN_OR_RETURN(const std::shared_ptr<Backend> backend,
                           OpenNativeBackend(directory, false));
  NUMPACK_ASSIGN_OR_RETURN(std::vector<std::string> names, backend->List());
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    NUMPACK_ASSIGN_OR_RETURN(const auto file, backend->Open(name, OpenMode::kReadOnly));
    NUMPACK_ASSIGN_OR_RETURN(const uint64_t size, file->Size());
    std::string bytes(static_cast<size_t>(size), '\0');
    NUMPACK_RETURN_IF_ERROR(
        file->ReadAt(0, absl::MakeSpan(reinterpret_cast<std::byte*>(&bytes[0]), bytes.size())));
    if (absl::StartsWith(name, "log.")) {
      std::printf("%s: %zu bytes\n", name.c_str(), bytes.size());
      NUMPACK_RETURN_IF_ERROR(ShowRecords(bytes));
    } else {
      std::printf("%s: %zu bytes, %08x\n", name.c_str(), bytes.size(),
                  static_cast<unsigned>(ChecksumOf(bytes)));
    }
  }
  return absl::OkStatus();
}

absl::Status Run(absl::string_view command, const std::string& directory) {
  if (command == "write") return Write(directory);
  if (command == "continue") return Continue(directory);
  if (command == "check") return Check(directory);
  if (command == "show") return Show(directory);
  return absl::InvalidArgumentError(absl::StrCat("no command ", command));
}

}  // namespace
}  // namespace numpack

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: exchange write|continue|check|show DIRECTORY\n");
    return 2;
  }
  const absl::Status status = numpack::Run(argv[1], argv[2]);
  if (status.ok()) return 0;
  std::fprintf(stderr, "exchange %s: %s\n", argv[1], status.ToString().c_str());
  return 1;
}
