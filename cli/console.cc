#include "cli/console.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "cli/json.h"
#include "cli/terminal.h"
#include "numpack/base/utf8.h"

namespace numpack::cli {
namespace {

constexpr int kBarWidth = 30;
// Short work shows no bar, and a bar is not drawn more often than anybody can see.
constexpr absl::Duration kFirstAfter = absl::Milliseconds(500);
constexpr absl::Duration kRedrawn = absl::Milliseconds(100);

}  // namespace

void Console::Print(absl::string_view line) const {
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fputc('\n', stdout);
}

int Console::Fail(const absl::Status& status) const {
  absl::FPrintF(stderr, "npk: %s\n", status.message());
  if (json) {
    JsonWriter out;
    out.BeginObject().Key("ok").Bool(false);
    out.Key("code").Text(absl::StatusCodeToString(status.code()));
    out.Key("error").Text(status.message()).EndObject();
    Print(out.text());
  }
  return kFailed;
}

Progress::Progress(const Console& console, std::string what)
    : shown_(!console.quiet && StandardErrorIsTerminal()),
      what_(std::move(what)),
      next_(absl::Now() + kFirstAfter) {}

Progress::~Progress() {
  if (drawn_) absl::FPrintF(stderr, "\r%*s\r", static_cast<int>(what_.size()) + kBarWidth + 20, "");
}

void Progress::Update(uint64_t done, uint64_t total) {
  if (!shown_ || total == 0 || absl::Now() < next_) return;
  next_ = absl::Now() + kRedrawn;
  drawn_ = true;
  const double part = std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
  const auto full = static_cast<size_t>(part * kBarWidth);
  absl::FPrintF(stderr, "\r%s [%s%s] %3.0f%%", what_, std::string(full, '#'),
                std::string(kBarWidth - full, ' '), part * 100);
  std::fflush(stderr);
}

std::string HumanBytes(uint64_t bytes) {
  if (bytes < 1000) return absl::StrCat(bytes, " B");
  constexpr const char* kUnits[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
  double size = static_cast<double>(bytes) / 1000;
  size_t unit = 0;
  for (; size >= 999.95 && unit < 5; ++unit) size /= 1000;
  return absl::StrFormat("%.1f %s", size, kUnits[unit]);
}

std::string PrintableName(absl::string_view name) {
  const bool plain = IsUtf8(name) && std::none_of(name.begin(), name.end(), [](char c) {
                       return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
                     });
  if (plain) return std::string(name);
  return IsUtf8(name) ? absl::Utf8SafeCEscape(name) : absl::CEscape(name);
}

}  // namespace numpack::cli
