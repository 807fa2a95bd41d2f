// The files that processes share while they have a store open: names, locked bytes, layout marks.
// For shared_state.h and its sources alone.
#ifndef NUMPACK_STORAGE_SHARED_FILES_H_
#define NUMPACK_STORAGE_SHARED_FILES_H_

#include <cstdint>
#include <limits>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace numpack::storage {

inline constexpr char kLockFile[] = "writer.lock";
inline constexpr char kHeadFile[] = "head";
inline std::string SlotName(uint32_t number) { return absl::StrCat("slot.", number); }
inline bool IsSlotName(absl::string_view name) { return absl::StartsWith(name, "slot."); }

// What the lock file holds: how often somebody who may write has opened the store.
inline constexpr uint64_t kOpeningsBytes = 8;

// Bytes that are locked. They lie beyond all contents: on Windows nobody else can read a locked
// one.
inline constexpr uint64_t kWriterByte = uint64_t{1} << 62;
// By whoever opens the store, or is the last to leave; shared by watchers, while they look around.
inline constexpr uint64_t kSetupByte = kWriterByte + 1;
inline constexpr uint64_t kAliveByte = kWriterByte + 2;  // shared, by everybody who has it open
inline constexpr uint64_t kWatchByte = kWriterByte + 3;  // shared, by readers that cannot write
inline constexpr uint64_t kSlotByte = kWriterByte;       // of a slot file: by its owner

inline constexpr uint64_t kHeadBytes = 4096;
inline constexpr uint64_t kHeadMagic = 0x3244414548504E20;  // changes with layout and protocol

// The owner of a slot that a forked child is about to take over: not to be taken for dead.
inline constexpr uint32_t kHandedOver = std::numeric_limits<uint32_t>::max();

// Most stores see few processes; a number this high is damage.
inline constexpr uint32_t kMaxSlots = 1 << 16;

}  // namespace numpack::storage

#endif  // NUMPACK_STORAGE_SHARED_FILES_H_
