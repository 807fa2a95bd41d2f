#if !defined(_WIN32)
#error "the POSIX twin is child_process_posix.cc"
#endif

#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <windows.h>

#include <cstdlib>
#include <filesystem>  // NOLINT(build/c++17): tests only
#include <system_error>
#include <thread>  // NOLINT(build/c++11)

#include "absl/strings/str_cat.h"
#include "tests/processes/child_process.h"

namespace numpack {
namespace {

// What no program of ours ends with by itself.
constexpr DWORD kKilled = 0x4B494C4C;
constexpr DWORD kTookTooLong = 98;

HANDLE HandleOf(intptr_t process) { return reinterpret_cast<HANDLE>(process); }

Ending EndingOf(HANDLE process) {
  DWORD status = 0;
  GetExitCodeProcess(process, &status);
  CloseHandle(process);
  Ending ending;
  ending.well = status == 0;
  ending.killed = status == kKilled;
  ending.how = absl::StrCat("ended with status ", status);
  return ending;
}

// Quotes and backslashes do not occur in what the tests say.
std::string Quoted(const std::string& argument) { return absl::StrCat("\"", argument, "\""); }

}  // namespace

absl::StatusOr<ChildProcess> ChildProcess::Start(const std::string& program,
                                                 const std::vector<std::string>& arguments) {
  std::string command = Quoted(program);
  for (const std::string& argument : arguments) absl::StrAppend(&command, " ", Quoted(argument));
  STARTUPINFOA startup = {};
  startup.cb = sizeof(startup);
  PROCESS_INFORMATION started = {};
  if (CreateProcessA(program.c_str(), command.data(), nullptr, nullptr, FALSE, 0, nullptr, nullptr,
                     &startup, &started) == 0) {
    return absl::InternalError(absl::StrCat("cannot start ", program, ": error ", GetLastError()));
  }
  CloseHandle(started.hThread);
  return ChildProcess(reinterpret_cast<intptr_t>(started.hProcess));
}

ChildProcess::~ChildProcess() {
  if (process_ == 0) return;
  Kill();
  Wait();
}

void ChildProcess::Kill() const { TerminateProcess(HandleOf(process_), kKilled); }

Ending ChildProcess::Wait() {
  const HANDLE process = HandleOf(std::exchange(process_, 0));
  WaitForSingleObject(process, INFINITE);
  return EndingOf(process);
}

std::optional<Ending> ChildProcess::WaitWithoutBlocking() {
  if (WaitForSingleObject(HandleOf(process_), 0) != WAIT_OBJECT_0) return std::nullopt;
  return EndingOf(HandleOf(std::exchange(process_, 0)));
}

std::string ThisProgram(const char* argv0) {
  char path[4096];
  const DWORD length = GetModuleFileNameA(nullptr, path, sizeof(path));
  return length == 0 || length == sizeof(path) ? argv0 : std::string(path, length);
}

void EndAfter(int seconds) {
  std::thread([seconds] {
    Sleep(static_cast<DWORD>(seconds) * 1000);
    TerminateProcess(GetCurrentProcess(), kTookTooLong);
  }).detach();
}

absl::StatusOr<std::string> MakeTempDirectory(const std::string& name) {
  namespace fs = std::filesystem;
  const char* const temp = std::getenv("TEST_TMPDIR");
  std::error_code error;
  const fs::path parent = temp != nullptr ? fs::path(temp) : fs::temp_directory_path(error);
  for (int number = 0; !error; ++number) {
    const fs::path path = parent / absl::StrCat(name, "_", GetCurrentProcessId(), "_", number);
    if (fs::create_directory(path, error)) return path.string();
  }
  return absl::InternalError(
      absl::StrCat("cannot make a directory in ", parent.string(), ": ", error.message()));
}

}  // namespace numpack
