#include "numpack/base/worker_threads.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cfenv>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/functional/function_ref.h"
#include "numpack/base/worker_threads_platform.h"

namespace numpack {
namespace {

using worker_threads_internal::AvailableProcessors;
using worker_threads_internal::ForkGeneration;
using worker_threads_internal::Pause;
using worker_threads_internal::StartThread;

// How long a helper stays awake after a loop, so that a chain of updates pays for one wake-up:
// enough for what a caller, or an interpreter, does between two operations, and too little to be
// noticed.
constexpr std::chrono::microseconds kSpinTime(50);
// Polls between two looks at the clock, which costs more than a poll.
constexpr int kPollsPerLook = 64;
// Polls after which a thread that waits for another one lets others run.
constexpr int kPollsBeforeYield = 2000;
constexpr size_t kCacheLine = 64;

// The chunks [front, back) that one thread has still to do. Both ends lie in one word, so a change
// is one atomic step. The owner takes from the front; threads that have done their own take from
// the back. So repeated loops over one array leave each thread with the bytes that are in its
// cache, and nobody waits for a late one.
class alignas(kCacheLine) Span {
 public:
  void Reset(uint32_t front, uint32_t back) {
    ends_.store(Pack(front, back), std::memory_order_relaxed);
  }

  // False when nothing is left.
  bool Take(bool from_front, uint32_t* chunk) {
    uint64_t ends = ends_.load(std::memory_order_relaxed);
    while (true) {
      const auto front = static_cast<uint32_t>(ends);
      const auto back = static_cast<uint32_t>(ends >> 32);
      if (front >= back) return false;
      const uint64_t left = from_front ? Pack(front + 1, back) : Pack(front, back - 1);
      if (ends_.compare_exchange_weak(ends, left, std::memory_order_relaxed)) {
        *chunk = from_front ? front : back - 1;
        return true;
      }
    }
  }

 private:
  static uint64_t Pack(uint32_t front, uint32_t back) { return uint64_t{back} << 32 | front; }

  std::atomic<uint64_t> ends_;  // set by Reset(): a loop clears no more of them than it uses
};

// One loop, on the stack of its caller. Member 0 is the caller, member k the k-th helper.
class Loop {
 public:
  Loop(int64_t total, int64_t grain, absl::FunctionRef<void(int64_t, int64_t)> body, int members)
      : body_(body), total_(total), grain_(grain), members_(members) {
    const auto chunks = static_cast<uint64_t>((total - 1) / grain + 1);
    for (int k = 0; k < members; ++k) {
      spans_[k].Reset(static_cast<uint32_t>(chunks * k / members),
                      static_cast<uint32_t>(chunks * (k + 1) / members));
    }
    std::fegetenv(&environment_);
  }

  int members() const { return members_; }

  void Work(int member) {
    uint32_t chunk;
    while (spans_[member].Take(/*from_front=*/true, &chunk)) RunChunk(chunk);
    for (int k = 1; k < members_; ++k) {
      while (spans_[(member + k) % members_].Take(/*from_front=*/false, &chunk)) RunChunk(chunk);
    }
  }

  void WorkAsHelper(int member) {
    std::fesetenv(&environment_);
    std::feclearexcept(FE_ALL_EXCEPT);
    Work(member);
    raised_.fetch_or(std::fetestexcept(FE_ALL_EXCEPT), std::memory_order_relaxed);
  }

  // After all members are done.
  void RaiseHelpersExceptions() {
    const int raised = raised_.load(std::memory_order_relaxed);
    if (raised != 0) std::feraiseexcept(raised);
  }

 private:
  void RunChunk(uint32_t chunk) {
    const int64_t begin = chunk * grain_;
    body_(begin, begin + std::min(grain_, total_ - begin));
  }

  const absl::FunctionRef<void(int64_t, int64_t)> body_;
  const int64_t total_;
  const int64_t grain_;
  const int members_;
  std::fenv_t environment_;
  std::atomic<int> raised_{0};
  std::array<Span, WorkerThreads::kMaxThreads> spans_;
};

// Where one helper waits for loops. Post() by one caller at a time, Wait() by the helper alone.
class alignas(kCacheLine) Mailbox {
 public:
  void Post() {
    posts_.fetch_add(1);
    // Sequentially consistent, as in Sleep(): either this sees the helper asleep, or the helper
    // sees the post.
    if (!asleep_.load()) return;
    const std::lock_guard<std::mutex> lock(mutex_);
    news_.notify_one();
  }

  // Returns after at least one Post() since the last return.
  void Wait() {
    const auto deadline = std::chrono::steady_clock::now() + kSpinTime;
    for (int polls = 1; posts_.load() == seen_; ++polls) {
      Pause();
      if (polls % kPollsPerLook == 0 && std::chrono::steady_clock::now() > deadline) {
        Sleep();
        break;
      }
    }
    seen_ = posts_.load();
  }

  bool asleep() const { return asleep_.load(std::memory_order_relaxed); }

 private:
  void Sleep() {
    std::unique_lock<std::mutex> lock(mutex_);
    asleep_.store(true);
    news_.wait(lock, [this] { return posts_.load() != seen_; });
    asleep_.store(false);
  }

  std::atomic<uint32_t> posts_{0};
  std::atomic<bool> asleep_{false};
  uint32_t seen_ = 0;  // the helper's
  // Lets the helper go to sleep without missing a signal. Not an absl::Mutex: that has locks of its
  // own which are global, and which a forked child may find held by a thread that it does not have.
  std::mutex mutex_;
  std::condition_variable news_;
};

// Admits helpers to the current loop, and lets its caller leave when nobody is inside any more.
class alignas(kCacheLine) Gate {
 public:
  void Open(Loop* loop) {
    loop_ = loop;
    state_.store(0, std::memory_order_release);
  }

  // No helper touches the loop after this.
  void CloseAndWait() {
    state_.fetch_or(kClosed, std::memory_order_relaxed);
    for (int polls = 1; state_.load(std::memory_order_acquire) != kClosed; ++polls) {
      Pause();
      if (polls > kPollsBeforeYield) std::this_thread::yield();
    }
  }

  // Null when the gate is closed; otherwise Leave() must follow.
  Loop* Enter() {
    int state = state_.load(std::memory_order_relaxed);
    while (state < kClosed) {
      if (state_.compare_exchange_weak(state, state + 1, std::memory_order_acquire)) return loop_;
    }
    return nullptr;
  }
  void Leave() { state_.fetch_sub(1, std::memory_order_release); }

 private:
  static constexpr int kClosed = 1 << 30;

  std::atomic<int> state_{kClosed};  // helpers inside, plus kClosed
  Loop* loop_ = nullptr;             // read by those inside only
};

}  // namespace

// The threads of one process.
class WorkerThreads::Team {
 public:
  // `predecessor`: the team of the parent process, or null. Its locks may be held for ever by
  // threads that were not forked, so it is never touched again.
  Team(uint32_t generation, const Team* predecessor)
      : generation_(generation), predecessor_(predecessor) {}

  ~Team() {
    stopping_.store(true);
    for (int k = 0; k < started_; ++k) {
      helpers_[k]->mailbox.Post();
      helpers_[k]->thread.join();
    }
  }

  uint32_t generation() const { return generation_; }

  bool awake() const {
    return awake_possible_.load(std::memory_order_acquire) && !helpers_[0]->mailbox.asleep();
  }

  // False, with nothing done, when another loop is running or there is nobody to help.
  bool TryRun(int64_t total, int64_t grain, absl::FunctionRef<void(int64_t, int64_t)> body,
              int threads) {
    if (busy_.exchange(true, std::memory_order_acquire)) return false;
    const int helpers = StartHelpers(threads - 1);
    if (helpers > 0) {
      Loop loop(total, grain, body, helpers + 1);
      gate_.Open(&loop);
      for (int k = 0; k < helpers; ++k) helpers_[k]->mailbox.Post();
      loop.Work(0);
      gate_.CloseAndWait();
      loop.RaiseHelpersExceptions();
    }
    busy_.store(false, std::memory_order_release);
    return helpers > 0;
  }

 private:
  struct Helper {
    Mailbox mailbox;
    std::thread thread;
  };

  // Returns how many of the wanted helpers there are.
  int StartHelpers(int wanted) {
    for (; started_ < wanted; ++started_) {
      auto helper = std::make_unique<Helper>();
      helper->thread = StartThread(
          [this, member = started_ + 1, mailbox = &helper->mailbox] { Run(member, mailbox); });
      if (!helper->thread.joinable()) break;
      helpers_[started_] = std::move(helper);
      awake_possible_.store(true, std::memory_order_release);
    }
    return std::min(started_, wanted);
  }

  void Run(int member, Mailbox* mailbox) {
    while (true) {
      mailbox->Wait();
      if (stopping_.load()) return;
      Loop* loop = gate_.Enter();
      if (loop == nullptr) continue;
      if (member < loop->members()) loop->WorkAsHelper(member);
      gate_.Leave();
    }
  }

  const uint32_t generation_;
  [[maybe_unused]] const Team* const predecessor_;  // kept so that leak checkers can reach it
  Gate gate_;
  std::atomic<bool> busy_{false};  // held by the caller of the running loop
  std::atomic<bool> stopping_{false};
  std::atomic<bool> awake_possible_{false};                   // helpers_[0] is there
  int started_ = 0;                                           // under busy_
  std::array<std::unique_ptr<Helper>, kMaxThreads> helpers_;  // the first started_; under busy_
};

WorkerThreads::WorkerThreads(int threads) { set_threads(threads); }

WorkerThreads::~WorkerThreads() {
  Team* team = team_.load();
  // A team of the parent process has no threads here and stays as it is.
  if (team != nullptr && team->generation() == ForkGeneration()) delete team;
}

void WorkerThreads::set_threads(int threads) {
  if (threads <= 0) threads = AvailableProcessors();
  threads_.store(std::min(threads, kMaxThreads), std::memory_order_relaxed);
}

bool WorkerThreads::awake() const {
  const Team* team = team_.load(std::memory_order_acquire);
  return team != nullptr && team->generation() == ForkGeneration() && team->awake();
}

WorkerThreads::Team* WorkerThreads::CurrentTeam() {
  const uint32_t generation = ForkGeneration();
  Team* team = team_.load(std::memory_order_acquire);
  while (team == nullptr || team->generation() != generation) {
    auto fresh = std::make_unique<Team>(generation, team);
    if (team_.compare_exchange_strong(team, fresh.get())) return fresh.release();
  }
  return team;
}

void WorkerThreads::ParallelFor(int64_t total, int64_t grain,
                                absl::FunctionRef<void(int64_t, int64_t)> body, int max_threads) {
  if (total <= 0) return;
  // Chunks are numbered in 32 bits.
  while ((total - 1) / grain >= std::numeric_limits<uint32_t>::max()) grain *= 2;
  int64_t members = threads();
  if (max_threads > 0) members = std::min<int64_t>(members, max_threads);
  members = std::min(members, (total - 1) / grain + 1);
  if (members > 1 && CurrentTeam()->TryRun(total, grain, body, static_cast<int>(members))) return;
  body(0, total);
}

WorkerThreads& DefaultWorkerThreads() {
  static WorkerThreads* const threads = new WorkerThreads();
  return *threads;
}

void SetDefaultThreads(int threads) { DefaultWorkerThreads().set_threads(threads); }

}  // namespace numpack
