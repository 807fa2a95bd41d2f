// DiskModel: a disk that forgets. Calls that a RecordingBackend wrote down are applied to it one by
// one; at any moment it tells what a killed process leaves, and what may be left when the machine
// stops.
//
// What a killed process leaves is all that it did. When the machine stops, only what was synced is
// sure:
//   - each 512-byte sector of a file may have its durable content or any that it had since,
//     independently of all others; or the front of one of them and the back of another
//   - a file may have any size that it had since its last sync, what it did not have then is zero
//   - each creation, removal and renaming since the last sync of the directory may have happened or
//     not, independently of the others
// Not thread-safe. Copyable.
#ifndef NUMPACK_BACKENDS_TESTING_DISK_MODEL_H_
#define NUMPACK_BACKENDS_TESTING_DISK_MODEL_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "numpack/backends/backend.h"
#include "numpack/backends/testing/recording_backend.h"

namespace numpack {

// Answers what may be so or otherwise after a restart. Versions are counted from 0, the durable
// one; the last is the newest.
class CrashChoices {
 public:
  virtual ~CrashChoices() = default;

  struct Sector {
    size_t front;  // the version of which the bytes before `cut` are
    size_t back;   // ... and of which the others are
    size_t cut;    // 0 to 512
  };
  // For each sector with more than one version.
  virtual Sector PickSector(absl::string_view file, uint64_t sector,
                            const std::vector<std::string>& versions) = 0;
  // For each file with more than one.
  virtual size_t PickSize(absl::string_view file, size_t versions) = 0;
  // Whether it has happened; for each creation, removal and renaming since the last sync.
  virtual bool PickHappened(const RecordedCall& call) = 0;
};

class DiskModel {
 public:
  static constexpr size_t kSectorBytes = 512;

  // A file that is there, with all its bytes, whatever happens.
  void AddDurable(const std::string& name, absl::string_view bytes);

  // Forgets which numbers files have: the calls that follow are another recording's.
  void StartRecording() { numbers_.clear(); }
  void Apply(const RecordedCall& call);
  // The process was killed in the middle of this write, after so many bytes of it.
  void ApplyPartly(const RecordedCall& write, size_t bytes);

  // The disk when the machine has stopped and started again: everything on it is durable.
  DiskModel AfterRestart(CrashChoices& choices) const;

  // What AfterRestart asks about.
  struct Unsure {
    size_t sectors = 0;
    size_t sizes = 0;
    size_t entries = 0;
  };
  Unsure CountUnsure() const;

  // Puts the files as processes see them into an empty backend that has foreign_files.
  absl::Status WriteTo(Backend& backend) const;

 private:
  struct Contents {
    // By number, sectors that were written. Versions: the durable one and those since.
    std::map<uint64_t, std::vector<std::string>> sectors;
    std::vector<uint64_t> sizes = {0};  // likewise

    void Write(uint64_t offset, absl::string_view bytes);
    void Truncate(uint64_t size);
    void Sync();
  };
  using Entries = std::map<std::string, size_t>;  // indexes of files_

  static void Change(Entries& entries, const RecordedCall& call, size_t file);
  Contents& ContentsOf(const RecordedCall& call) { return files_[numbers_.at(call.file)]; }

  std::vector<Contents> files_;
  std::map<uint64_t, size_t> numbers_;  // of the recording
  Entries now_, durable_;
  struct Unsynced {
    RecordedCall call;
    size_t file;
  };
  std::vector<Unsynced> unsynced_;
};

}  // namespace numpack

#endif  // NUMPACK_BACKENDS_TESTING_DISK_MODEL_H_
