#include "tests/crash/crash_choices.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace numpack::crash {
namespace {

constexpr size_t kSector = DiskModel::kSectorBytes;

bool IsLog(absl::string_view file) { return absl::StartsWith(file, "log."); }

// Takes down what others choose.
class DescribedChoices : public CrashChoices {
 public:
  Sector PickSector(absl::string_view file, uint64_t sector,
                    const std::vector<std::string>& versions) final {
    const Sector pick = Pick(file, sector, versions);
    if (pick.front != versions.size() - 1 || pick.back != pick.front) {
      Note(absl::StrCat(file, " sector ", sector, ": ", pick.front, "|", pick.cut, "|", pick.back,
                        " of ", versions.size()));
    }
    return pick;
  }
  size_t PickSize(absl::string_view file, size_t versions) final {
    const size_t pick = PickOne(versions, IsLog(file));
    if (pick != versions - 1) Note(absl::StrCat(file, " size ", pick, " of ", versions));
    return pick;
  }
  bool PickHappened(const RecordedCall& call) final {
    const bool happened = Happened();
    if (!happened) Note(absl::StrCat("no ", numpack::Describe(call)));
    return happened;
  }

  std::string Describe() const {
    return absl::StrCat("left: ", count_ == 0 ? "all" : text_, count_ > kMost ? ", ..." : "");
  }

 private:
  virtual Sector Pick(absl::string_view file, uint64_t sector,
                      const std::vector<std::string>& versions) = 0;
  virtual size_t PickOne(size_t versions, bool is_log) = 0;
  virtual bool Happened() = 0;

  static constexpr size_t kMost = 12;
  void Note(const std::string& what) {
    if (++count_ <= kMost) absl::StrAppend(&text_, count_ == 1 ? "" : ", ", what);
  }

  size_t count_ = 0;
  std::string text_;
};

// One possibility after another, without torn sectors.
class Enumeration {
 public:
  class Choices final : public DescribedChoices {
   public:
    explicit Choices(Enumeration& all) : all_(all) {}

   private:
    Sector Pick(absl::string_view, uint64_t, const std::vector<std::string>& versions) override {
      const size_t version = all_.Next(versions.size());
      return {version, version, kSector};
    }
    size_t PickOne(size_t versions, bool) override { return all_.Next(versions); }
    bool Happened() override { return all_.Next(2) == 1; }
    Enumeration& all_;
  };

  // False when there is no other one.
  bool Advance() {
    position_ = 0;
    while (!digits_.empty() && digits_.back().value + 1 == digits_.back().options)
      digits_.pop_back();
    if (digits_.empty()) return false;
    ++digits_.back().value;
    return true;
  }

 private:
  struct Digit {
    size_t value, options;
  };
  size_t Next(size_t options) {
    if (position_ == digits_.size()) digits_.push_back({0, options});
    return digits_[position_++].value;
  }

  std::vector<Digit> digits_;
  size_t position_ = 0;
};

// What there is to choose, when all that can be there is.
class Listing final : public CrashChoices {
 public:
  struct LogSector {
    std::string file;
    uint64_t sector;
    size_t begin, end;  // where its newest version differs from the durable one
  };

  Sector PickSector(absl::string_view file, uint64_t sector,
                    const std::vector<std::string>& versions) override {
    Count(versions.size());
    if (IsLog(file)) {
      const std::string& first = versions.front();
      const std::string& last = versions.back();
      size_t begin = 0, end = kSector;
      while (begin < end && first[begin] == last[begin]) ++begin;
      while (begin < end && first[end - 1] == last[end - 1]) --end;
      log_sectors.push_back({std::string(file), sector, begin, end});
    }
    return {versions.size() - 1, versions.size() - 1, kSector};
  }
  size_t PickSize(absl::string_view, size_t versions) override {
    Count(versions);
    return versions - 1;
  }
  bool PickHappened(const RecordedCall&) override {
    Count(2);
    return true;
  }

  size_t possibilities = 1;
  size_t questions = 0;
  std::vector<LogSector> log_sectors;

 private:
  void Count(size_t options) {
    ++questions;
    possibilities = std::min<size_t>(possibilities * options, 1 << 30);
  }
};

enum class Taste { kOld, kNew, kAny };

// Old or new by kind of file, but for one, or for torn sectors.
class StyledChoices final : public DescribedChoices {
 public:
  struct Style {
    Taste logs = Taste::kNew, arrays = Taste::kNew, sizes = Taste::kNew, entries = Taste::kNew;
    size_t exception = static_cast<size_t>(-1);  // the number of the question answered otherwise
    size_t one_torn_in = 0;                      // of so many sectors; 0: none
    const Listing::LogSector* torn = nullptr;    // this one, at `cut`, the front from the newest
    size_t cut = 0;
    bool back_is_new = false;  // ... or the back
  };
  StyledChoices(const Style& style, std::mt19937_64& random) : style_(style), random_(random) {}

 private:
  Sector Pick(absl::string_view file, uint64_t sector,
              const std::vector<std::string>& versions) override {
    const size_t newest = versions.size() - 1;
    if (style_.torn != nullptr && style_.torn->file == file && style_.torn->sector == sector) {
      return style_.back_is_new ? Sector{0, newest, style_.cut} : Sector{newest, 0, style_.cut};
    }
    const size_t version = Choose(versions.size(), IsLog(file) ? style_.logs : style_.arrays);
    if (style_.one_torn_in == 0 || random_() % style_.one_torn_in != 0)
      return {version, version, kSector};
    return {version, random_() % versions.size(), random_() % (kSector + 1)};
  }
  size_t PickOne(size_t versions, bool) override { return Choose(versions, style_.sizes); }
  bool Happened() override { return Choose(2, style_.entries) == 1; }

  size_t Choose(size_t versions, Taste taste) {
    if (question_++ == style_.exception && taste != Taste::kAny)
      taste = taste == Taste::kOld ? Taste::kNew : Taste::kOld;
    switch (taste) {
      case Taste::kOld:
        return 0;
      case Taste::kNew:
        return versions - 1;
      case Taste::kAny:
        break;
    }
    return random_() % versions;
  }

  const Style style_;
  std::mt19937_64& random_;
  size_t question_ = 0;
};

}  // namespace

absl::Status ForSomeCrashes(const DiskModel& disk, const CrashEffort& effort,
                            std::mt19937_64& random,
                            absl::FunctionRef<absl::Status(CrashChoices&)> look) {
  const auto look_at = [&](DescribedChoices& choices) {
    const absl::Status status = look(choices);
    if (status.ok()) return status;
    return absl::Status(status.code(), absl::StrCat(choices.Describe(), ": ", status.message()));
  };
  const auto look_in_style = [&](const StyledChoices::Style& style) {
    StyledChoices choices(style, random);
    return look_at(choices);
  };

  Listing listing;
  disk.AfterRestart(listing);
  absl::Status status;
  if (listing.possibilities <= effort.all_up_to) {
    // What is asked may depend on what was answered (a file whose removal did not happen has
    // sectors to be chosen), so there may be many more than were counted.
    size_t left = 4 * effort.all_up_to;
    Enumeration all;
    do {
      Enumeration::Choices choices(all);
      status = look_at(choices);
    } while (status.ok() && --left > 0 && all.Advance());
  } else if (effort.all_up_to > 0) {
    for (const Taste logs : {Taste::kOld, Taste::kNew}) {
      for (const Taste arrays : {Taste::kOld, Taste::kNew}) {
        for (const Taste entries : {Taste::kOld, Taste::kNew})
          if (status.ok()) status = look_in_style({logs, arrays, Taste::kNew, entries});
      }
    }
  }
  const auto taste = [&] { return static_cast<Taste>(random() % 3); };
  for (size_t i = 0; status.ok() && listing.questions > 0 && i < effort.random; ++i) {
    StyledChoices::Style style{taste(), taste(), taste(), taste()};
    if (random() % 2 == 0) style.exception = random() % listing.questions;
    if (random() % 2 == 0) style.one_torn_in = 1 + random() % listing.questions;
    status = look_in_style(style);
  }
  for (const Listing::LogSector& sector : listing.log_sectors) {
    if (!effort.every_tear) break;
    StyledChoices::Style style;
    style.arrays = taste();
    style.torn = &sector;
    for (style.cut = sector.begin + 1; status.ok() && style.cut < sector.end; ++style.cut) {
      style.back_is_new = random() % 8 == 0;
      status = look_in_style(style);
    }
  }
  return status;
}

}  // namespace numpack::crash
