// Actor: makes random changes to a store and looks at what others make of it, and checks all it
// sees against the ledger. Several actors, in any number of processes and threads, share a store
// and a ledger.
#ifndef NUMPACK_TESTS_CRASH_ACTOR_H_
#define NUMPACK_TESTS_CRASH_ACTOR_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "numpack/numpack.h"
#include "tests/crash/contents.h"
#include "tests/crash/ledger.h"

namespace numpack::crash {

// The arrays of every such store. Their places in this list are their numbers.
struct ArraySpec {
  std::string name;
  Kind kind;
  bool grouped = false;  // always saved together with the others of the group
};
const std::vector<ArraySpec>& Arrays();

struct ActorOptions {
  uint64_t seed = 1;
  int percent_reads = 50;
  size_t max_held_views = 12;
  StoreOptions store;  // with read_only, it only reads
};

class Actor {
 public:
  // `path` is the store's directory. `ledger` outlives the actor.
  Actor(std::string path, Ledger& ledger, const ActorOptions& options);

  // Opens the store, unless it is open.
  absl::Status Open();
  // One random change or look. An error is a bug found: no step fails otherwise.
  absl::Status Step();
  // Every held view still has to show what it showed first.
  absl::Status CheckHeldViews() const;
  // Looks at every array of the store, with the writer lock held.
  absl::Status CheckAll();
  absl::Status Close();

 private:
  // An array as stored; its stamp is 0 when there is none.
  struct Found {
    uint64_t stamp = 0;
    std::optional<AnyArray> view;
  };
  struct Held {
    uint64_t array;
    uint64_t stamp;
    AnyArray view;
  };

  absl::StatusOr<Found> Inspect(uint64_t array, absl::StatusOr<AnyArray> view) const;
  absl::StatusOr<Found> Look(uint64_t array);
  absl::StatusOr<Found> LookLocked(Transaction& transaction, uint64_t array);
  void MaybeHold(uint64_t array, Found found);

  absl::Status Read();
  absl::Status ReadGroup();
  absl::Status Change();
  absl::Status ChangeSaved(Transaction& transaction, uint64_t array);
  absl::Status ChangeAppended(Transaction& transaction, uint64_t array);
  absl::Status ChangeEdited(Transaction& transaction, uint64_t array);
  absl::Status SaveGroup();
  absl::Status SaveGroupByBatch();
  absl::Status RollBack();
  absl::Status Reopen();

  // Notes the change in the ledger; `transaction` commits it later.
  void Note(uint64_t array, uint64_t stamp, bool removal = false);
  absl::Status Commit(Transaction transaction);
  void AcknowledgeNoted();

  uint64_t Random(uint64_t bound) { return Below(random_, bound); }
  uint64_t PickArray(const std::function<bool(const ArraySpec&)>& which);

  const std::string path_;
  Ledger& ledger_;
  const ActorOptions options_;
  crash::Random random_;
  std::optional<NumPack> store_;
  std::vector<Held> held_;
  std::vector<uint64_t> seen_;  // by array: the newest stamp that this actor has seen
  struct Noted {
    uint64_t array;
    uint64_t stamp;
  };
  std::vector<Noted> noted_;
};

}  // namespace numpack::crash

#endif  // NUMPACK_TESTS_CRASH_ACTOR_H_
