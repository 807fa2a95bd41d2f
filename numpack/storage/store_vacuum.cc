// Vacuum, in this order:
//   1. free tails of packed segments and spare segments go back to the file system
//   2. segments of large arrays are cut to what is used of them. A state that could come back must
//      not name more than that, so first a new log is begun, whose checkpoint says less
//   3. packed segments that are sparsely used are emptied: their arrays are copied into gaps of
//      others, or one behind another into new ones, in commits of a few megabytes. After each
//      64 MiB a flush, so that nothing can bring the old places back, and what is empty goes (1.)
//   4. if the commits have made the log longer than it needs to be, a new one is begun
// Each step is complete in itself, and what a kill leaves is what any kill leaves: space that the
// next process finds free.
#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/container/btree_map.h"
#include "numpack/base/checked_math.h"
#include "numpack/base/status_macros.h"
#include "numpack/storage/log_payload.h"
#include "numpack/storage/store.h"
#include "numpack/storage/transaction.h"

namespace numpack::storage {
namespace {

// What is copied in one commit, while other writers wait.
constexpr uint64_t kStepBytes = uint64_t{8} << 20;
constexpr size_t kStepArrays = 4096;
// What is copied before the old places are given back.
constexpr uint64_t kRoundBytes = uint64_t{64} << 20;

// Whether it is worth it to empty a packed segment. What this leaves is in vacuum.h.
bool IsSparse(uint64_t size, uint64_t needed) {
  return size > needed && size - needed > size / 16 + (uint64_t{16} << 10);
}

// What a log needs besides its checkpoint's payload, generously.
constexpr uint64_t kLogOverhead = 1024;

uint64_t RoundUp(uint64_t value, uint64_t step) {
  return CheckedRoundUp(value, step).value_or(value);
}

}  // namespace

class Vacuumer {
 public:
  Vacuumer(Store& store, const VacuumOptions& options) : store_(store), options_(options) {}

  absl::StatusOr<VacuumReport> Run() {
    NUMPACK_ASSIGN_OR_RETURN(const StoreStats before, store_.StatsWithFiles());
    report_.before_bytes = before.file_bytes;
    NUMPACK_RETURN_IF_ERROR(GiveBack());
    NUMPACK_RETURN_IF_ERROR(ShortenFiles());
    NUMPACK_RETURN_IF_ERROR(EmptySegments());
    NUMPACK_RETURN_IF_ERROR(ShortenFiles());
    NUMPACK_ASSIGN_OR_RETURN(const StoreStats after, store_.StatsWithFiles());
    report_.after_bytes = after.file_bytes;
    report_.held_bytes = after.limbo_bytes;
    report_.held.assign(held_.begin(), held_.end());
    return std::move(report_);
  }

 private:
  // An array that is to leave its segment.
  struct Move {
    std::string name;
    uint32_t segment;
    uint64_t offset;
    uint64_t bytes;  // that it will take
    uint64_t round;
  };
  // A large array whose file is longer than it needs.
  struct Cut {
    std::string name;
    std::shared_ptr<Extent> extent;
    uint64_t size;      // that the file is to have
    uint64_t capacity;  // that the extent had
  };

  // Makes superseded extents free, and gives free tails and segments back.
  absl::Status GiveBack() {
    NUMPACK_RETURN_IF_ERROR(store_.Flush());
    NUMPACK_ASSIGN_OR_RETURN(const Transaction turn, store_.Begin());
    absl::MutexLock write_lock(&store_.write_mu_);
    store_.FreeCollected(store_.limbo_.waiting().size());
    return store_.space_->Trim();
  }

  absl::Status ShortenFiles() {
    NUMPACK_ASSIGN_OR_RETURN(const Transaction turn, store_.Begin());
    absl::MutexLock flush_lock(&store_.flush_mu_);
    absl::MutexLock write_lock(&store_.write_mu_);
    NUMPACK_RETURN_IF_ERROR(store_.CheckWritable());
    NUMPACK_ASSIGN_OR_RETURN(const std::vector<Cut> cuts, FindCuts());
    bool lowers = false;
    for (const Cut& cut : cuts) {
      lowers |= cut.capacity > cut.size;
      store_.space_->SetOwnCapacity(*cut.extent, std::min(cut.capacity, cut.size));
    }
    if (lowers || NewLogIsShorter()) {
      if (absl::Status status = store_.ChangeLog(); !status.ok()) {
        for (const Cut& cut : cuts) store_.space_->SetOwnCapacity(*cut.extent, cut.capacity);
        return status;
      }
    }
    for (const Cut& cut : cuts) {
      NUMPACK_ASSIGN_OR_RETURN(const bool done, store_.space_->CutOwn(*cut.extent, cut.size));
      if (!done) held_.insert(cut.name);
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<Cut>> FindCuts() ABSL_EXCLUSIVE_LOCKS_REQUIRED(store_.write_mu_) {
    std::vector<Cut> cuts;
    {
      absl::MutexLock lock(&store_.mu_);
      for (const auto& [ordinal, item] : store_.catalogue_.items()) {
        const auto& [name, entry] = *item;
        if (entry->extent == nullptr || !entry->extent->own_segment) continue;
        const uint64_t size = RoundUp(entry->length, kPageBytes);
        cuts.push_back({name, entry->extent, size, entry->extent->capacity});
      }
    }
    absl::Status failure;
    const auto is_short = [&](const Cut& cut) {
      failure.Update(cut.extent->segment->RefreshSize());
      return cut.extent->segment->size() <= cut.size;
    };
    cuts.erase(std::remove_if(cuts.begin(), cuts.end(), is_short), cuts.end());
    NUMPACK_RETURN_IF_ERROR(failure);
    return cuts;
  }

  bool NewLogIsShorter() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(store_.write_mu_) {
    const uint64_t now = CommitLog::FileBytesFor(store_.log_->bytes());
    if (now == CommitLog::FileBytesFor(0)) return false;
    const uint64_t checkpoint = Encode(store_.MakeCheckpoint(store_.log_->number() + 1)).size();
    return CommitLog::FileBytesFor(checkpoint + kLogOverhead) < now;
  }

  absl::Status EmptySegments() {
    const absl::Cleanup put_back = [this] {
      absl::MutexLock write_lock(&store_.write_mu_);
      if (store_.space_ != nullptr) store_.space_->PutBack();
    };
    NUMPACK_RETURN_IF_ERROR(Plan());
    for (auto begin = moves_.begin(); begin != moves_.end();) {
      auto end = begin;
      for (uint64_t bytes = 0;
           end != moves_.end() && end->round == begin->round && bytes < kStepBytes &&
           end - begin < static_cast<ptrdiff_t>(kStepArrays);
           ++end) {
        bytes += end->bytes;
      }
      NUMPACK_RETURN_IF_ERROR(CommitMoves(absl::MakeConstSpan(&*begin, end - begin)));
      if (end == moves_.end() || end->round != begin->round) NUMPACK_RETURN_IF_ERROR(GiveBack());
      begin = end;
    }
    return absl::OkStatus();
  }

  // What is to move, by rounds: the sparsest segments first, and within a round first what has
  // pages of its own, so that rounding leaves no gaps.
  absl::Status Plan() {
    struct Use {
      bool own = false;
      uint64_t size = 0;
      uint64_t needed = 0;
      std::vector<Move> moves;
    };
    NUMPACK_ASSIGN_OR_RETURN(const Transaction turn, store_.Begin());
    absl::btree_map<uint32_t, Use> uses;
    {
      absl::MutexLock lock(&store_.mu_);
      for (const auto& [ordinal, item] : store_.catalogue_.items()) {
        const auto& [name, entry] = *item;
        const uint64_t bytes = Space::CapacityFor(entry->length).value_or(entry->length);
        // A small array may have a segment of its own, if it was large once: it moves too.
        if (entry->extent == nullptr || entry->length == 0 || bytes > kPackedBytes) continue;
        const Extent& extent = *entry->extent;
        Use& use = uses[extent.segment_number];
        use.own = extent.own_segment;
        use.size = extent.segment->size();
        use.needed += bytes;
        use.moves.push_back({name, extent.segment_number, extent.offset, bytes, 0});
      }
    }
    std::vector<Use*> sparse;
    for (auto& [number, use] : uses) {
      if (!use.own && !IsSparse(use.size, use.needed)) continue;
      sparse.push_back(&use);
      if (!use.own) set_aside_.push_back(number);
    }
    std::sort(sparse.begin(), sparse.end(), [](const Use* a, const Use* b) {
      return static_cast<double>(a->needed) / static_cast<double>(a->size) <
             static_cast<double>(b->needed) / static_cast<double>(b->size);
    });
    for (Use* use : sparse) {
      for (Move& move : use->moves) {
        move.round = total_ / kRoundBytes;
        moves_.push_back(std::move(move));
      }
      total_ += use->needed;
    }
    const auto order = [](const Move& move) {
      return std::make_tuple(move.round, move.bytes < kOwnPagesFrom, move.segment, move.offset);
    };
    std::sort(moves_.begin(), moves_.end(),
              [&](const Move& a, const Move& b) { return order(a) < order(b); });
    return absl::OkStatus();
  }

  absl::Status CommitMoves(absl::Span<const Move> moves) {
    NUMPACK_ASSIGN_OR_RETURN(Transaction turn, store_.Begin());
    {
      // Each time: the books may have been begun anew since.
      absl::MutexLock write_lock(&store_.write_mu_);
      for (const uint32_t segment : set_aside_) store_.space_->SetAside(segment);
    }
    for (const Move& move : moves) {
      done_ += move.bytes;
      const EntryPtr entry = store_.FindEntry(move.name);
      // Saved anew, or removed, since it was planned.
      if (entry == nullptr || entry->extent == nullptr ||
          entry->extent->segment_number != move.segment ||
          Space::CapacityFor(entry->length).value_or(kPackedBytes + 1) > kPackedBytes) {
        continue;
      }
      if (turn.IsHeld(move.name)) {
        held_.insert(move.name);
        continue;
      }
      NUMPACK_RETURN_IF_ERROR(turn.Relocate(move.name));
      ++report_.moved_arrays;
      report_.copied_bytes += entry->length;
    }
    NUMPACK_RETURN_IF_ERROR(turn.Commit());
    if (options_.progress != nullptr) options_.progress(done_, total_);
    return absl::OkStatus();
  }

  Store& store_;
  const VacuumOptions& options_;
  VacuumReport report_;
  std::set<std::string> held_;
  std::vector<Move> moves_;
  std::vector<uint32_t> set_aside_;
  uint64_t done_ = 0;
  uint64_t total_ = 0;
};

absl::StatusOr<VacuumReport> Store::Vacuum(const VacuumOptions& options) {
  NUMPACK_RETURN_IF_ERROR(CheckWritable());
  absl::MutexLock lock(&vacuum_mu_);
  return Vacuumer(*this, options).Run();
}

}  // namespace numpack::storage
