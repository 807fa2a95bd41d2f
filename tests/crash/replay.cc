// Crashes at every moment of short sequences of operations, replayed from the calls that a store
// made to its backend: what a killed process leaves, and what may be left when the machine stops.
//
//   bazel run //tests/crash:replay -- --rounds=100000 --seed=7
//   bazel run //tests/crash:replay -- --exhaustive
//   bazel run //tests/crash:replay -- --only=new/relaxed/rewrite,flush --exhaustive
//
// Each image of a directory is opened as the next process would: after a kill it is to hold exactly
// the last commit, or the one that was being made; after a restart exactly what the last barrier
// covers, or one that was being made. Some images go on living: they recover, do something, and
// crash again in the middle of it. As a test it runs all single operations and some sequences, out
// of --seed; by hand as many as you like.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/memory/memory_backend.h"
#include "numpack/backends/testing/disk_model.h"
#include "numpack/backends/testing/fault_injecting_backend.h"
#include "numpack/backends/testing/recording_backend.h"
#include "numpack/base/status_macros.h"
#include "numpack/core/array_store.h"
#include "numpack/core/legacy_v1_export.h"
#include "tests/crash/crash_choices.h"
#include "tests/crash/script.h"

ABSL_FLAG(int, rounds, 20, "How many random sequences of two and three operations to crash.");
ABSL_FLAG(uint64_t, seed, 1, "Which sequences, and which crashes of them.");
ABSL_FLAG(bool, exhaustive, false,
          "Every sequence of up to three operations, writes cut at every byte, all that may be "
          "left where that is not too much. Takes days; with --only a minute.");
ABSL_FLAG(std::string, only, "", "One sequence: new or v07, /, relaxed or full, /, operations.");

namespace numpack::crash {
namespace {

using storage::Durability;
using Kind = RecordedCall::Kind;

// How the directory begins, and what is done to it.
struct Scenario {
  bool legacy = false;  // a directory of NumPack 0.7
  Durability durability = Durability::kRelaxed;
  std::vector<Operation> operations;
};

std::string NameOf(const Scenario& scenario) {
  return absl::StrCat(scenario.legacy ? "v07/" : "new/",
                      scenario.durability == Durability::kFull ? "full/" : "relaxed/",
                      absl::StrJoin(scenario.operations, ",", [](std::string* out, Operation o) {
                        out->append(NameOf(o).data(), NameOf(o).size());
                      }));
}

// How much of what could happen is tried.
struct Effort {
  size_t cuts = 4;              // of a longer write; shorter ones at every byte
  size_t every_byte_up_to = 8;  // that is what is short
  CrashEffort restarts = {/*all_up_to=*/8, /*random=*/3, /*every_tear=*/false};
  size_t second_lives = 400;  // one of so many images lives on
};

Effort Less(Effort effort) {
  effort.cuts = 1;
  effort.every_byte_up_to = 0;
  effort.restarts = {0, 2, false};
  return effort;
}

struct Tally {
  uint64_t sequences = 0, kills = 0, restarts = 0, second_lives = 0, failed_syncs = 0;
  uint64_t images() const { return kills + restarts; }
};

absl::Status Annotate(absl::string_view where, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(where, ": ", status.message()));
}

class Replayer {
 public:
  Replayer(uint64_t seed, Tally& tally) : random_(seed), tally_(tally) {}

  // Plays the scenario, and then crashes it everywhere.
  absl::Status Crash(const Scenario& scenario, const Effort& effort) {
    ++tally_.sequences;
    DiskModel disk;
    StatePtr first = std::make_shared<const State>();
    if (scenario.legacy) {
      NUMPACK_RETURN_IF_ERROR(MakeLegacy(disk, first));
    }
    NUMPACK_ASSIGN_OR_RETURN(Life life,
                             Begin(disk, "boot 1", scenario.durability, {first}, {first}));
    absl::Status played = Prepare(scenario, *life.player);
    // Without operations it is the preparation that is looked at.
    const size_t prepared = scenario.operations.empty() ? 0 : life.player->steps().size();
    if (played.ok()) played = Play(scenario, *life.player);
    if (!played.ok()) return Annotate(absl::StrCat(NameOf(scenario), ": playing it"), played);
    const absl::Status status = Examine(life, std::move(disk), prepared, 1, effort);
    return status.ok() ? status : Annotate(NameOf(scenario), status);
  }

  // Plays the scenario with each of its syncs failing in turn: what was promised before must be
  // there, and nothing may be promised any more until the store is opened again.
  absl::Status FailSyncs(const Scenario& scenario, const Effort& effort) {
    for (int64_t n = 1;; ++n) {
      const std::string where = absl::StrCat(NameOf(scenario), ", sync ", n, " fails");
      absl::StatusOr<bool> failed = FailSync(scenario, effort, n);
      if (!failed.ok()) return Annotate(where, failed.status());
      if (!*failed) return absl::OkStatus();
      ++tally_.failed_syncs;
    }
  }

 private:
  // A process that has the directory open, from its beginning on.
  struct Life {
    std::string boot;
    std::shared_ptr<RecordingBackend> recording;
    std::shared_ptr<FaultInjectingBackend> faulty;
    std::unique_ptr<Player> player;
  };

  static absl::StatusOr<Life> Begin(const DiskModel& disk, std::string boot, Durability durability,
                                    absl::Span<const StatePtr> expected,
                                    std::vector<StatePtr> floor) {
    MemoryBackendOptions options;
    options.max_file_size = uint64_t{1} << 26;
    const std::shared_ptr<Backend> memory = NewMemoryBackend(options);
    NUMPACK_RETURN_IF_ERROR(disk.WriteTo(*memory));
    Life life;
    life.boot = std::move(boot);
    life.recording = std::make_shared<RecordingBackend>(memory, life.boot);
    life.faulty = std::make_shared<FaultInjectingBackend>(life.recording);
    life.player = std::make_unique<Player>(life.recording, life.faulty, durability);
    NUMPACK_RETURN_IF_ERROR(life.player->Open(expected, std::move(floor)));
    return life;
  }

  // As NumPack 0.7 leaves it, with the arrays that the operations expect and one with deleted rows.
  static absl::Status MakeLegacy(DiskModel& disk, StatePtr& state) {
    const std::shared_ptr<Backend> source = NewMemoryBackend(), target = NewMemoryBackend();
    NUMPACK_ASSIGN_OR_RETURN(ArrayStore store, ArrayStore::Open(source));
    std::string bytes(kLargeBytes, '\0');
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 3 + i / 256 + 1);
    for (const auto& [name, length] : {std::make_pair("a", kSmallBytes),
                                       {"m", kMiddleBytes},
                                       {"l", kLargeBytes},
                                       {"d", size_t{64}}}) {
      ArrayView view;
      NUMPACK_ASSIGN_OR_RETURN(
          view, ArrayView::Contiguous(DType::kUint8, {static_cast<int64_t>(length)},
                                      reinterpret_cast<const std::byte*>(bytes.data())));
      NUMPACK_RETURN_IF_ERROR(store.Save(name, view));
    }
    NUMPACK_RETURN_IF_ERROR(ExportV1(store, *target));
    NUMPACK_ASSIGN_OR_RETURN(const std::vector<std::string> files, target->List());
    for (const std::string& name : files) {
      NUMPACK_ASSIGN_OR_RETURN(const std::unique_ptr<File> file,
                               target->OpenForeign(name, OpenMode::kReadOnly));
      NUMPACK_ASSIGN_OR_RETURN(const uint64_t size, file->Size());
      std::string contents(static_cast<size_t>(size), '\0');
      NUMPACK_RETURN_IF_ERROR(file->ReadAt(
          0, absl::MakeSpan(reinterpret_cast<std::byte*>(contents.data()), contents.size())));
      disk.AddDurable(name, contents);
    }
    // Of the 64 rows of "d" 8 are gone: u64 rows, u64 gone, u64 bits of those that are there.
    std::string bitmap(24, '\xFF');
    bitmap.replace(0, 17, std::string("\x40\0\0\0\0\0\0\0\x08\0\0\0\0\0\0\0\0", 17));
    disk.AddDurable("deleted_d.npkb", bitmap);
    const std::shared_ptr<Backend> memory = NewMemoryBackend();
    NUMPACK_RETURN_IF_ERROR(disk.WriteTo(*memory));
    NUMPACK_ASSIGN_OR_RETURN(ArrayStore opened, ArrayStore::Open(memory));
    NUMPACK_ASSIGN_OR_RETURN(State read, Read(*opened.storage()));
    state = std::make_shared<const State>(std::move(read));
    return absl::OkStatus();
  }

  // What the operations expect.
  static absl::Status Prepare(const Scenario& scenario, Player& player) {
    if (scenario.legacy) return absl::OkStatus();
    NUMPACK_RETURN_IF_ERROR(player.Put("a", kSmallBytes));
    NUMPACK_RETURN_IF_ERROR(player.Put("m", kMiddleBytes));
    NUMPACK_RETURN_IF_ERROR(player.Flush());
    // "m" is as durable as it will be, "l" is not.
    return player.Put("l", kLargeBytes);
  }

  static absl::Status Play(const Scenario& scenario, Player& player) {
    for (const Operation operation : scenario.operations)
      NUMPACK_RETURN_IF_ERROR(player.Do(operation));
    return Compare(player.store(), *player.state());
  }

  absl::StatusOr<bool> FailSync(const Scenario& scenario, const Effort& effort, int64_t n) {
    DiskModel disk;
    StatePtr first = std::make_shared<const State>();
    if (scenario.legacy) NUMPACK_RETURN_IF_ERROR(MakeLegacy(disk, first));
    NUMPACK_ASSIGN_OR_RETURN(Life life,
                             Begin(disk, "boot 1", scenario.durability, {first}, {first}));
    NUMPACK_RETURN_IF_ERROR(Prepare(scenario, *life.player));
    const size_t prepared = life.player->steps().size();
    life.faulty->Count([](const BackendCall& call) {
      return call.operation == BackendOperation::kSync ||
             call.operation == BackendOperation::kSyncDirectory;
    });
    life.faulty->FailAt(n, absl::DataLossError("injected"));
    const absl::Status played = Play(scenario, *life.player);
    if (life.faulty->faults() == 0) return false;
    life.faulty->Heal();
    Player& player = *life.player;
    if (!played.ok() && !absl::IsDataLoss(played)) return played;
    const bool goes_on = player.store().Begin().ok();
    // A change of the log may fail without failing the commit that made it due. Where a directory
    // of 0.7 was to be adopted, that is undone, and begun anew with files that are made anew.
    if (goes_on && !played.ok() && !scenario.legacy)
      return absl::InternalError("commits go on after a sync that failed");
    if (!goes_on && !played.ok() && player.store().Flush().ok())
      return absl::InternalError("a flush succeeds after one that failed");
    if (goes_on) {
      // Then what is promised from here on is as good as ever.
      NUMPACK_RETURN_IF_ERROR(player.Put("after the failure", 500));
      NUMPACK_RETURN_IF_ERROR(player.Flush());
    }
    NUMPACK_RETURN_IF_ERROR(Examine(life, std::move(disk), prepared, 1, effort));
    return true;
  }

  // Crashes the life at every moment from step number `first` on. `disk` is as it was at its
  // beginning.
  absl::Status Examine(const Life& life, DiskModel disk, size_t first, int depth,
                       const Effort& effort) {
    const std::vector<RecordedCall> calls = life.recording->calls();
    disk.StartRecording();
    size_t at = 0;
    const std::vector<Step>& steps = life.player->steps();
    for (size_t number = first; number < steps.size(); ++number) {
      const Step& step = steps[number];
      bool seen_after = false;  // once the commit has happened it does not go away again
      for (; at < step.end; ++at) {
        const RecordedCall& call = calls[at];
        const auto where = [&] {
          return absl::StrCat("life ", depth, ", ", step.what, ", call ", at, " (", Describe(call),
                              ")");
        };
        if (at >= step.begin && call.kind == Kind::kWrite) {
          for (const size_t cut : Cuts(call.bytes.size(), effort)) {
            DiskModel killed = disk;
            killed.ApplyPartly(call, cut);
            const absl::Status status =
                Kill(life, killed, step, /*done=*/false, seen_after, depth, effort);
            if (!status.ok())
              return Annotate(absl::StrCat(where(), ", killed after ", cut, " bytes of it"),
                              status);
          }
        }
        disk.Apply(call);
        if (at < step.begin) continue;
        const bool done = at + 1 == step.end;
        const bool silent = call.kind == Kind::kSync || call.kind == Kind::kSyncDirectory ||
                            call.kind == Kind::kExisting;
        if (!silent || done) {
          const absl::Status status = Kill(life, disk, step, done, seen_after, depth, effort);
          if (!status.ok()) return Annotate(absl::StrCat(where(), ", killed after it"), status);
        }
        const absl::Status status = Restart(life, disk, step, done, depth, effort);
        if (!status.ok()) return Annotate(absl::StrCat(where(), ", restart after it"), status);
      }
    }
    return absl::OkStatus();
  }

  std::vector<size_t> Cuts(size_t length, const Effort& effort) {
    std::vector<size_t> cuts;
    if (length <= std::max<size_t>(effort.every_byte_up_to, 2)) {
      for (size_t cut = 1; cut < length; ++cut) cuts.push_back(cut);
      return cuts;
    }
    for (size_t i = 0; i < effort.cuts; ++i) {
      // Headers and trailers are at the ends.
      const size_t from_end = 1 + Below(std::min<size_t>(length - 1, 48));
      const size_t choices[] = {from_end, length - from_end, 1 + Below(length - 1)};
      cuts.push_back(choices[Below(3)]);
    }
    std::sort(cuts.begin(), cuts.end());
    cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
    return cuts;
  }

  absl::Status Kill(const Life& life, const DiskModel& disk, const Step& step, bool done,
                    bool& seen_after, int depth, const Effort& effort) {
    ++tally_.kills;
    std::vector<StatePtr> expected = {step.after};
    if ((!done || step.failed) && !seen_after) expected.insert(expected.begin(), step.before);
    // Not promised yet, but perhaps done.
    std::vector<StatePtr> floor = done ? step.floor_after : step.floor_before;
    if (!done) floor.insert(floor.end(), step.making.begin(), step.making.end());
    NUMPACK_ASSIGN_OR_RETURN(
        Life next, Begin(disk, life.boot, Durability::kRelaxed, expected, std::move(floor)));
    if (!seen_after && step.before != step.after)
      seen_after = next.player->steps()[0].before == step.after;
    return MaybeLiveOn(next, disk, depth, effort);
  }

  absl::Status Restart(const Life& life, const DiskModel& disk, const Step& step, bool done,
                       int depth, const Effort& effort) {
    std::vector<StatePtr> expected = done ? step.floor_after : step.floor_before;
    if (!done) expected.insert(expected.end(), step.making.begin(), step.making.end());
    const auto look = [&](CrashChoices& choices) -> absl::Status {
      ++tally_.restarts;
      const DiskModel left = disk.AfterRestart(choices);
      NUMPACK_ASSIGN_OR_RETURN(
          Life next, Begin(left, NextBoot(life), Durability::kRelaxed, expected, expected));
      return MaybeLiveOn(next, left, depth, effort);
    };
    return ForSomeCrashes(disk, effort.restarts, random_, look);
  }

  static std::string NextBoot(const Life& life) { return absl::StrCat(life.boot, "'"); }

  // A recovered store does something more, and crashes in the middle of its recovery or of that.
  absl::Status MaybeLiveOn(Life& life, const DiskModel& disk, int depth, const Effort& effort) {
    if (depth > 2 || Below(effort.second_lives) != 0) return absl::OkStatus();
    ++tally_.second_lives;
    Player& player = *life.player;
    player.Skip(1000 * static_cast<uint64_t>(depth));
    std::string done;
    for (uint64_t i = Below(4); i > 0; --i) {
      const auto operation = static_cast<Operation>(Below(kOperations));
      absl::StrAppend(&done, " ", NameOf(operation));
      const absl::Status status = player.Do(operation);
      if (!status.ok()) return Annotate(absl::StrCat("lives on:", done), status);
    }
    Effort less = Less(effort);
    less.second_lives *= 4;
    absl::Status status = Compare(player.store(), *player.state());
    status.Update(Examine(life, disk, 0, depth + 1, less));
    return status.ok() ? status : Annotate(absl::StrCat("lives on:", done), status);
  }

  size_t Below(size_t bound) { return random_() % bound; }

  std::mt19937_64 random_;
  Tally& tally_;
};

absl::StatusOr<Scenario> ParseScenario(absl::string_view text) {
  const std::vector<std::string> parts = absl::StrSplit(text, '/');
  Scenario scenario;
  if (parts.size() != 3) return absl::InvalidArgumentError("--only has three parts");
  scenario.legacy = parts[0] == "v07";
  if (parts[1] == "full") scenario.durability = Durability::kFull;
  for (const absl::string_view name : absl::StrSplit(parts[2], ',')) {
    bool known = false;
    for (int i = 0; i < kOperations; ++i) {
      if (NameOf(static_cast<Operation>(i)) != name) continue;
      scenario.operations.push_back(static_cast<Operation>(i));
      known = true;
    }
    if (!known) return absl::InvalidArgumentError(absl::StrCat("no operation ", name));
  }
  return scenario;
}

// All sequences of so many operations.
std::vector<Scenario> Sequences(int length) {
  std::vector<Scenario> result;
  for (const bool legacy : {false, true}) {
    for (const Durability durability : {Durability::kRelaxed, Durability::kFull}) {
      int64_t count = 1;
      for (int i = 0; i < length; ++i) count *= kOperations;
      for (int64_t n = 0; n < count; ++n) {
        Scenario scenario{legacy, durability, {}};
        int64_t rest = n;
        for (int i = 0; i < length; ++i, rest /= kOperations)
          scenario.operations.push_back(static_cast<Operation>(rest % kOperations));
        result.push_back(std::move(scenario));
      }
    }
  }
  return result;
}

void Report(const Tally& tally) {
  std::printf(
      "%llu sequences: %llu images opened (%llu kills, %llu restarts), %llu of them lived on, %llu "
      "failed syncs\n",
      static_cast<unsigned long long>(tally.sequences),
      static_cast<unsigned long long>(tally.images()), static_cast<unsigned long long>(tally.kills),
      static_cast<unsigned long long>(tally.restarts),
      static_cast<unsigned long long>(tally.second_lives),
      static_cast<unsigned long long>(tally.failed_syncs));
  std::fflush(stdout);
}

absl::Status Run(Tally& tally) {
  const uint64_t seed = absl::GetFlag(FLAGS_seed);
  const bool exhaustive = absl::GetFlag(FLAGS_exhaustive);
  Replayer replayer(seed, tally);
  Effort effort;
  if (exhaustive) {
    effort.every_byte_up_to = 4096;
    effort.cuts = 64;
    effort.restarts = {1024, 100, true};
    effort.second_lives = 20;
  }
  if (const std::string only = absl::GetFlag(FLAGS_only); !only.empty()) {
    NUMPACK_ASSIGN_OR_RETURN(const Scenario scenario, ParseScenario(only));
    NUMPACK_RETURN_IF_ERROR(replayer.Crash(scenario, effort));
    return replayer.FailSyncs(scenario, Less(effort));
  }
  NUMPACK_RETURN_IF_ERROR(replayer.Crash({}, effort));  // a store that is made, and no more
  // What the random sequences are for anyway is left to them.
  const bool by_hand = exhaustive || absl::GetFlag(FLAGS_rounds) >= 1000;
  for (const Scenario& scenario : Sequences(1)) {
    NUMPACK_RETURN_IF_ERROR(replayer.Crash(scenario, effort));
    if (by_hand || !scenario.legacy || scenario.operations[0] == Operation::kSaveNew)
      NUMPACK_RETURN_IF_ERROR(replayer.FailSyncs(scenario, Less(effort)));
  }
  if (by_hand) Report(tally);
  if (exhaustive) {
    for (const int length : {2, 3}) {
      for (const Scenario& scenario : Sequences(length))
        NUMPACK_RETURN_IF_ERROR(replayer.Crash(scenario, effort));
      Report(tally);
    }
    return absl::OkStatus();
  }
  std::mt19937_64 random(seed);
  const int rounds = absl::GetFlag(FLAGS_rounds);
  for (int round = 1; round <= rounds; ++round) {
    Scenario scenario;
    scenario.legacy = random() % 8 == 0;
    if (random() % 3 == 0) scenario.durability = Durability::kFull;
    for (uint64_t i = 2 + random() % 2; i > 0; --i)
      scenario.operations.push_back(static_cast<Operation>(random() % kOperations));
    NUMPACK_RETURN_IF_ERROR(replayer.Crash(scenario, effort));
    if (random() % 16 == 0) NUMPACK_RETURN_IF_ERROR(replayer.FailSyncs(scenario, Less(effort)));
    if (rounds >= 1000 && round % (rounds / 10) == 0) Report(tally);
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace numpack::crash

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  numpack::crash::Tally tally;
  const absl::Status status = numpack::crash::Run(tally);
  numpack::crash::Report(tally);
  if (status.ok()) return 0;
  std::fprintf(stderr, "seed %llu: %s\n",
               static_cast<unsigned long long>(absl::GetFlag(FLAGS_seed)),
               status.ToString().c_str());
  return 1;
}
