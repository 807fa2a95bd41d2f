// Scripts: operations on a store over a RecordingBackend, with what must be there after a crash at
// each moment of them.
#ifndef NUMPACK_TESTS_CRASH_SCRIPT_H_
#define NUMPACK_TESTS_CRASH_SCRIPT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/testing/recording_backend.h"
#include "numpack/storage/options.h"
#include "numpack/storage/store.h"
#include "numpack/storage/transaction.h"

namespace numpack::crash {

using Bytes = std::shared_ptr<const std::string>;

// A state of a store, for comparing.
struct State {
  struct Array {
    Bytes bytes;
    std::string metadata;
    // Not empty: interrupted in place, and each byte may be of one of these instead.
    std::vector<Bytes> mixed_with;
  };
  std::map<std::string, Array> arrays;
  std::vector<std::string> order;  // of first save
};
using StatePtr = std::shared_ptr<const State>;

// OK when the store holds that state, else DataLoss with the difference.
absl::Status Compare(storage::Store& store, const State& state);
// The state that the store holds; what is interrupted may be as it is, and no otherwise.
absl::StatusOr<State> Read(storage::Store& store);

enum class Operation {
  kSaveNew,
  kSaveOver,
  kSaveOverLarge,  // in segments of their own
  kAppend,
  kAppendLarge,
  kRewrite,  // where the bytes lie
  kRemove,
  kRename,
  kSeveral,  // in one commit
  kSpill,    // a long transaction that publishes twice, and gives up what it wrote and shows
  kInPlace,
  kInPlaceBusy,  // with a commit of another array meanwhile
  kAcknowledge,  // what an in-place change that was cut short has left
  kFlush,
  kFlushBusy,  // with a commit meanwhile, in the middle of the sync
  kChangeLog,
  kReopen,
};
inline constexpr int kOperations = 17;
absl::string_view NameOf(Operation operation);

// What happened between two numbers of recorded calls.
struct Step {
  std::string what;
  size_t begin = 0, end = 0;  // the calls [begin, end) are its own
  // A killed process leaves `before`, or, from some moment on, `after`; `after` at the end, unless
  // the step failed.
  StatePtr before, after;
  bool failed = false;
  // A restart finds one of floor_before, or one of those whose barriers are being made; one of
  // floor_after at the end.
  std::vector<StatePtr> floor_before, making, floor_after;
};

// Has a store open, and knows what it should hold.
class Player {
 public:
  // What the next Open finds. `backend` hands on to `recording`, or is the same.
  Player(std::shared_ptr<RecordingBackend> recording, std::shared_ptr<Backend> backend,
         storage::Durability durability);

  // Opens the store, and keeps the first of `expected` that it holds as the state. DataLoss when it
  // is none of them. `floor`: what a restart could have found before.
  absl::Status Open(absl::Span<const StatePtr> expected, std::vector<StatePtr> floor);
  // An error is one that the operation gave, and then the step says what may be there.
  absl::Status Do(Operation operation);
  absl::Status Put(const std::string& name, size_t length, std::string metadata = "metadata");
  absl::Status Flush();
  absl::Status Close();

  storage::Store& store() { return *store_; }
  const StatePtr& state() const { return state_; }
  const std::vector<StatePtr>& floor() const { return floor_; }
  const std::vector<Step>& steps() const { return steps_; }
  // From here on names and contents differ from those that another player made up.
  void Skip(uint64_t contents) { next_ += contents; }

 private:
  enum class Barrier { kNone, kOfBefore, kOfAfter };
  Barrier CommitBarrier() const {
    return durability_ == storage::Durability::kFull ? Barrier::kOfAfter : Barrier::kNone;
  }
  // Runs `body` as a step from state_ to `after`.
  absl::Status Run(std::string what, const State& after, Barrier barrier,
                   const std::function<absl::Status()>& body);
  absl::StatusOr<std::shared_ptr<storage::Store>> OpenStore();
  absl::Status Publish(std::string what, const State& after, storage::Transaction& transaction);

  // The bytes of an array that is there.
  absl::StatusOr<std::string> BytesOf(const std::string& name);
  Bytes NewBytes(size_t length);
  std::string NewName(absl::string_view prefix);
  absl::Status Append(const std::string& name, size_t length);
  absl::Status Rewrite();
  absl::Status Remove();
  absl::Status Rename();
  absl::Status Several();
  absl::Status Spill();
  absl::Status InPlace(bool busy);
  absl::Status Acknowledge();
  absl::Status FlushBusy();
  absl::Status ChangeLog();

  const std::shared_ptr<RecordingBackend> recording_;
  const std::shared_ptr<Backend> backend_;
  const storage::Durability durability_;
  std::shared_ptr<storage::Store> store_;
  StatePtr state_;
  std::vector<StatePtr> floor_;
  std::vector<Step> steps_;
  uint64_t next_ = 1;
  size_t log_metadata_ = 7000;
};

// The arrays that the operations expect: "a" is small, "m" can be rewritten where it lies, "l" has
// a segment of its own.
inline constexpr size_t kSmallBytes = 600;
inline constexpr size_t kMiddleBytes = 66'000;
inline constexpr size_t kLargeBytes = 263'000;

}  // namespace numpack::crash

#endif  // NUMPACK_TESTS_CRASH_SCRIPT_H_
