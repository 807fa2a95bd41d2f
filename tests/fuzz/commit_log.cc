// Commit logs over plausible segments: opened, verified and repaired. What verify calls clean
// opens, and holds what a repair of it holds; what opens can be written, closed, and opened again;
// what a repair makes is clean.
//
// The first byte of an input says what the rest is. 0: the bytes of log.1. Otherwise a list of
// records, so that the input keeps its meaning when bytes are changed, and the checksums are right:
// u8 kind, u16 payload bytes, payload. Kinds beyond those of records:
constexpr unsigned char kTail = 0;       // the rest is what follows the last record
constexpr unsigned char kNextLog = 254;  // the next records are in a log of the next number
constexpr unsigned char kSkip = 253;     // so many generations are missing (the payload bytes)
constexpr unsigned char kDamaged = 128;  // added to a kind: a bit of the record is wrong
// A payload that is longer than the rest of the input makes a record that ends before its end.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/file.h"
#include "numpack/backends/memory/memory_backend.h"
#include "numpack/base/codec.h"
#include "numpack/storage/pinned_bytes.h"
#include "numpack/storage/record.h"
#include "numpack/storage/repair.h"
#include "numpack/storage/store.h"
#include "numpack/storage/transaction.h"
#include "numpack/storage/verify.h"

namespace {

using numpack::Backend;
using numpack::OpenMode;
using numpack::storage::PinnedBytes;
using numpack::storage::RepairReport;
using numpack::storage::Store;
using numpack::storage::StoreOptions;
using numpack::storage::VerifyReport;

void Require(bool condition) {
  if (!condition) std::abort();
}

absl::Span<const std::byte> AsBytes(absl::string_view text) {
  return absl::MakeConstSpan(reinterpret_cast<const std::byte*>(text.data()), text.size());
}

void PutFile(Backend& backend, absl::string_view name, absl::string_view bytes) {
  auto file = backend.Open(name, OpenMode::kCreate);
  Require(file.ok() && (*file)->WriteAt(0, AsBytes(bytes)).ok());
}

// The logs that a list of records makes.
std::vector<std::string> MakeLogs(absl::string_view list) {
  std::vector<std::string> logs(1);
  numpack::Decoder in(list);
  uint64_t generation = 0;
  uint32_t previous = 0;
  const auto rest = [&] { return list.substr(list.size() - in.remaining()); };
  while (in.remaining() > 0) {
    const uint8_t kind = in.U8();
    if (kind == kTail) {
      logs.back().append(rest().data(), rest().size());
      break;
    }
    if (kind == kNextLog) {
      logs.emplace_back();
      previous = 0;
      continue;
    }
    const uint16_t length = in.U16();
    if (kind == kSkip) {
      generation += length;
      continue;
    }
    std::string payload(rest().substr(0, length));
    in = numpack::Decoder(rest().substr(payload.size()));
    list = list.substr(list.size() - in.remaining());
    const bool cut = payload.size() < length;
    payload.resize(length);
    const auto record_kind = static_cast<numpack::storage::RecordKind>(kind & ~kDamaged);
    const size_t begin = logs.back().size();
    Require(
        numpack::storage::AppendRecord(record_kind, ++generation, payload, &previous, &logs.back())
            .ok());
    const size_t bytes = logs.back().size() - begin;
    if ((kind & kDamaged) != 0) logs.back()[begin + bytes / 2] ^= 1;
    if (cut) logs.back().resize(begin + bytes / 2);
  }
  return logs;
}

// What the segments hold is only there to be told apart.
std::string Pattern(size_t bytes, uint32_t seed) {
  std::string pattern(bytes, '\0');
  for (char& c : pattern) c = static_cast<char>((seed = seed * 1103515245 + 12345) >> 16);
  return pattern;
}

std::shared_ptr<Backend> NewBackend() {
  numpack::MemoryBackendOptions options;
  options.max_file_size = uint64_t{16} << 20;
  return numpack::NewMemoryBackend(options);
}

std::shared_ptr<Backend> MakeDirectory(absl::Span<const std::string> logs) {
  static const auto* const packed = new std::string(Pattern(32768, 1));
  static const auto* const own = new std::string(Pattern(8192, 2));
  std::shared_ptr<Backend> backend = NewBackend();
  PutFile(*backend, "segment.1", *packed);
  PutFile(*backend, "segment.2", *own);
  PutFile(*backend, "segment.3", *own);
  for (size_t i = 0; i < logs.size(); ++i) PutFile(*backend, absl::StrCat("log.", i + 1), logs[i]);
  return backend;
}

using Contents = std::map<std::string, std::string>;

// The state of a store that is open: every array of it can be read.
Contents ReadAll(Store& store) {
  Contents contents;
  for (const std::string& name : store.List()) {
    const absl::StatusOr<PinnedBytes> found = store.Find(name);
    Require(found.ok());
    const auto view = found->View();
    Require(view.ok());
    contents[name] =
        std::string(reinterpret_cast<const char*>(view->bytes.data()), view->bytes.size());
  }
  return contents;
}

absl::Status Put(Store& store, absl::string_view name, absl::string_view bytes) {
  auto transaction = store.Begin();
  if (!transaction.ok()) return transaction.status();
  auto extent = transaction->Allocate("", bytes.size());
  if (!extent.ok()) return extent.status();
  absl::Status status = extent->Write(0, AsBytes(bytes));
  status.Update(transaction->Put(name, *std::move(extent), ""));
  return status.ok() ? transaction->Commit() : status;
}

absl::Status Accept(const numpack::storage::StoredArray& array) {
  std::string bytes(array.length, '\0');
  return array.read(0, absl::MakeSpan(reinterpret_cast<std::byte*>(bytes.data()), bytes.size()));
}

// Whether the store opens; what is in it then.
bool Open(const std::shared_ptr<Backend>& backend, Contents& contents) {
  const auto store = Store::Open(backend, StoreOptions{});
  if (!store.ok()) return false;
  contents = ReadAll(**store);
  Require((*store)->CloseHandle().ok());
  return true;
}

void CheckGoesOn(const std::shared_ptr<Backend>& backend, Contents contents) {
  const std::string name = "\xff new";
  {
    const auto store = Store::Open(backend, StoreOptions{});
    Require(store.ok() && ReadAll(**store) == contents);
    // Fails when there is no room for more, as in a store with the last number in use.
    if (Put(**store, name, "bytes").ok()) contents[name] = "bytes";
    Require(ReadAll(**store) == contents);
    Require((*store)->CloseHandle().ok());
  }
  Contents again;
  Require(Open(backend, again) && again == contents);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const absl::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::vector<std::string> logs =
      data[0] == 0 ? std::vector<std::string>{std::string(rest)} : MakeLogs(rest);
  const std::shared_ptr<Backend> backend = MakeDirectory(logs);
  const absl::StatusOr<VerifyReport> report = numpack::storage::Verify(*backend, Accept);
  const bool clean = report.ok() && report->clean();
  const std::shared_ptr<Backend> saved = NewBackend();
  const absl::StatusOr<RepairReport> repaired = numpack::storage::Repair(*backend, saved, Accept);
  Contents contents;
  const bool opens = Open(backend, contents);
  if (clean) Require(opens && repaired.ok());
  // The rest takes most of the time.
  if (size % 4 != 0) return 0;
  if (repaired.ok()) {
    const absl::StatusOr<VerifyReport> again = numpack::storage::Verify(*saved, Accept);
    Contents saved_contents;
    Require(again.ok() && again->clean() && Open(saved, saved_contents));
    Require(saved_contents.size() == repaired->saved.size());
    if (clean) Require(saved_contents == contents);
  }
  if (opens) CheckGoesOn(backend, std::move(contents));
  return 0;
}
