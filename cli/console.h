// What a command says, and to whom: results on standard output, as text or as JSON, errors and
// progress on standard error.
#ifndef NUMPACK_CLI_CONSOLE_H_
#define NUMPACK_CLI_CONSOLE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace numpack::cli {

// How npk ends.
inline constexpr int kOk = 0;
inline constexpr int kFailed = 1;  // or: something was found that is wrong
inline constexpr int kUsage = 2;   // the command line makes no sense

struct Console {
  bool json = false;
  bool quiet = false;

  // A line on standard output.
  void Print(absl::string_view line) const;
  // Says what failed, on standard error and, with --json, as an object on standard output too.
  // Returns kFailed.
  int Fail(const absl::Status& status) const;
};

// A bar on standard error, for long work: only on a terminal, and not with --quiet.
class Progress {
 public:
  Progress(const Console& console, std::string what);
  ~Progress();  // wipes it out
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void Update(uint64_t done, uint64_t total);

 private:
  const bool shown_;
  const std::string what_;
  absl::Time next_;
  bool drawn_ = false;
};

// "12.3 MB"
std::string HumanBytes(uint64_t bytes);

// A name as one line of a terminal can show it: control characters, and bytes that are no UTF-8,
// escaped.
std::string PrintableName(absl::string_view name);

}  // namespace numpack::cli

#endif  // NUMPACK_CLI_CONSOLE_H_
