#include "numpack/backends/testing/disk_model.h"

#include <algorithm>
#include <utility>

#include "absl/types/span.h"
#include "numpack/base/status_macros.h"

namespace numpack {
namespace {

using Kind = RecordedCall::Kind;
constexpr size_t kSector = DiskModel::kSectorBytes;

}  // namespace

void DiskModel::Contents::Write(uint64_t offset, absl::string_view bytes) {
  if (bytes.empty()) return;
  for (uint64_t sector = offset / kSector; !bytes.empty(); ++sector) {
    const auto at = static_cast<size_t>(offset % kSector);
    const size_t length = std::min(bytes.size(), kSector - at);
    std::vector<std::string>& versions = sectors[sector];
    if (versions.empty()) versions.emplace_back(kSector, '\0');
    versions.push_back(versions.back());
    versions.back().replace(at, length, bytes.data(), length);
    offset += length;
    bytes.remove_prefix(length);
  }
  if (offset > sizes.back()) sizes.push_back(offset);
}

void DiskModel::Contents::Truncate(uint64_t size) {
  sizes.push_back(size);
  // What is cut off reads as zero when the file grows again.
  for (auto it = sectors.lower_bound(size / kSector); it != sectors.end(); ++it) {
    const auto keep =
        static_cast<size_t>(it->first == size / kSector ? size % kSector : uint64_t{0});
    std::string version = it->second.back();
    version.replace(keep, kSector - keep, kSector - keep, '\0');
    it->second.push_back(std::move(version));
  }
}

void DiskModel::Contents::Sync() {
  for (auto& [sector, versions] : sectors) {
    if (versions.size() > 1) versions.erase(versions.begin(), versions.end() - 1);
  }
  sizes = {sizes.back()};
}

void DiskModel::AddDurable(const std::string& name, absl::string_view bytes) {
  Contents contents;
  contents.Write(0, bytes);
  contents.Sync();
  now_[name] = durable_[name] = files_.size();
  files_.push_back(std::move(contents));
}

void DiskModel::Change(Entries& entries, const RecordedCall& call, size_t file) {
  if (call.kind == Kind::kCreate) {
    entries[call.name] = file;
    return;
  }
  // It may have been another file's name before.
  const auto it = entries.find(call.name);
  if (it != entries.end() && it->second == file) entries.erase(it);
  if (call.kind == Kind::kRename) entries[call.new_name] = file;
}

void DiskModel::Apply(const RecordedCall& call) {
  switch (call.kind) {
    case Kind::kExisting:
      if (const auto it = now_.find(call.name); it != now_.end()) numbers_[call.file] = it->second;
      return;
    case Kind::kCreate:
      numbers_[call.file] = files_.size();
      files_.emplace_back();
      break;
    case Kind::kRemove:
    case Kind::kRename:
      break;
    case Kind::kReserve:
      if (Contents& file = ContentsOf(call); call.offset > file.sizes.back())
        file.sizes.push_back(call.offset);
      return;
    case Kind::kTruncate:
      ContentsOf(call).Truncate(call.offset);
      return;
    case Kind::kWrite:
      ContentsOf(call).Write(call.offset, call.bytes);
      return;
    case Kind::kSync:
      ContentsOf(call).Sync();
      return;
    case Kind::kSyncDirectory:
      unsynced_.clear();
      durable_ = now_;
      return;
  }
  const size_t file = numbers_.at(call.file);
  Change(now_, call, file);
  unsynced_.push_back({call, file});
}

void DiskModel::ApplyPartly(const RecordedCall& write, size_t bytes) {
  ContentsOf(write).Write(write.offset, absl::string_view(write.bytes).substr(0, bytes));
}

DiskModel DiskModel::AfterRestart(CrashChoices& choices) const {
  Entries entries = durable_;
  for (const Unsynced& change : unsynced_) {
    if (choices.PickHappened(change.call)) Change(entries, change.call, change.file);
  }
  DiskModel disk;
  for (const auto& [name, file] : entries) {
    const Contents& before = files_[file];
    Contents after;
    const size_t sizes = before.sizes.size();
    after.sizes = {before.sizes[sizes > 1 ? choices.PickSize(name, sizes) : 0]};
    const uint64_t size = after.sizes[0];
    for (const auto& [sector, versions] : before.sectors) {
      std::string bytes = versions[0];
      if (versions.size() > 1) {
        const CrashChoices::Sector pick = choices.PickSector(name, sector, versions);
        bytes = versions[pick.front].substr(0, pick.cut) + versions[pick.back].substr(pick.cut);
      }
      if (sector * kSector >= size) continue;
      const auto inside = static_cast<size_t>(std::min<uint64_t>(kSector, size - sector * kSector));
      std::fill(bytes.begin() + static_cast<ptrdiff_t>(inside), bytes.end(), '\0');
      after.sectors[sector].push_back(std::move(bytes));
    }
    disk.now_[name] = disk.durable_[name] = disk.files_.size();
    disk.files_.push_back(std::move(after));
  }
  return disk;
}

DiskModel::Unsure DiskModel::CountUnsure() const {
  Unsure unsure;
  unsure.entries = unsynced_.size();
  for (const auto& [name, file] : now_) {
    for (const auto& [sector, versions] : files_[file].sectors)
      unsure.sectors += versions.size() > 1;
    unsure.sizes += files_[file].sizes.size() > 1;
  }
  return unsure;
}

absl::Status DiskModel::WriteTo(Backend& backend) const {
  for (const auto& [name, file] : now_) {
    // Made under a name that a File can have.
    NUMPACK_ASSIGN_OR_RETURN(const std::unique_ptr<File> made,
                             backend.Open("made", OpenMode::kCreateNew));
    const Contents& contents = files_[file];
    const uint64_t size = contents.sizes.back();
    NUMPACK_RETURN_IF_ERROR(made->Reserve(size));
    // Neighbours in one write.
    std::string run;
    uint64_t begin = 0;
    const auto write = [&]() -> absl::Status {
      const uint64_t end = std::min(begin + run.size(), size);
      if (begin >= end) return absl::OkStatus();
      return made->WriteAt(begin,
                           absl::MakeConstSpan(reinterpret_cast<const std::byte*>(run.data()),
                                               static_cast<size_t>(end - begin)));
    };
    for (const auto& [sector, versions] : contents.sectors) {
      if (begin + run.size() != sector * kSector) {
        NUMPACK_RETURN_IF_ERROR(write());
        run.clear();
        begin = sector * kSector;
      }
      run += versions.back();
    }
    NUMPACK_RETURN_IF_ERROR(write());
    NUMPACK_RETURN_IF_ERROR(backend.Rename("made", name));
  }
  return absl::OkStatus();
}

}  // namespace numpack
