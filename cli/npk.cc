// npk: looks after stores of NumPack from a shell. docs/npk.md.
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/console.h"

namespace numpack::cli {
namespace {

struct Command {
  const char* name;
  const char* operands;
  const char* summary;
  const char* text;  // the rest of its help
  size_t min_operands;
  size_t max_operands;
  int (*run)(const Arguments&, const Console&);
  std::vector<Option> options;
};

constexpr size_t kAnyNumber = 1 << 20;

const std::vector<Option>& CommonOptions() {
  static const auto* const options = new std::vector<Option>{
      {"--json", "", "print one JSON object instead of text"},
      {"--quiet", "", "no progress bar"},
      {"--help", "", "print this"},
  };
  return *options;
}

const std::vector<Command>& Commands() {
  static const auto* const commands = new std::vector<Command>{
      {"ls",
       "STORE",
       "list the arrays: name, type, shape, size",
       "A directory that NumPack 0.7 wrote is listed too, and not changed.\n",
       1,
       1,
       RunLs,
       {}},
      {"info",
       "STORE [ARRAY...]",
       "what is known of a store, or of some of its arrays",
       "Without an array: what the bytes of the store's files are used for.\n",
       1,
       kAnyNumber,
       RunInfo,
       {}},
      {"verify",
       "STORE",
       "check everything that can be checked, and change nothing",
       "Ends with 1 when something is wrong. Notes are no fault. Writers wait meanwhile. Arrays\n"
       "that carry a checksum are read and compared with it.\n",
       1,
       1,
       RunVerify,
       {{"--no-contents", "", "do not read the arrays that carry a checksum"}}},
      {"repair",
       "DAMAGED NEW",
       "save the arrays of a damaged store that check out",
       "They go into a new store; the damaged one is only read, and must not be open. Ends with 1\n"
       "when arrays are known to be lost, or deserve a look.\n",
       2,
       2,
       RunRepair,
       {}},
      {"vacuum",
       "STORE",
       "give back the space that the store does not need",
       "Takes out rows that were dropped, moves arrays closer together and begins the log anew.\n"
       "Others may read and write meanwhile; arrays that somebody reads are left as they are, and\n"
       "named. It may be stopped at any time.\n",
       1,
       1,
       RunVacuum,
       {}},
      {"convert",
       "FROM TO",
       "copy arrays between a store and .npy, .npz or a directory of NumPack 0.7",
       "FROM and TO are a store's directory, a .npy or .npz file, or a directory of NumPack 0.7. "
       "One\n"
       "of the two is a store; TO is made when absent. Arrays come into a store in one commit, "
       "all\n"
       "or none. Memory stays bounded, whatever the size of the arrays.\n",
       2,
       2,
       RunConvert,
       {
           {"--from", "FORMAT", "npk, npy, npz or v1 (default: by the name and contents of FROM)"},
           {"--to", "FORMAT", "npk, npy, npz or v1 (default: by the name of TO)"},
           {"--array", "NAME", "copy only this one; may be repeated"},
           {"--name", "NAME", "for .npy: the array's name in the store (default: the file's)"},
           {"--force", "", "replace arrays, or the file, that are there"},
           {"--checksum", "", "into a store: arrays carry a checksum of their contents"},
       }},
  };
  return *commands;
}

std::string Summary() {
  std::string text =
      "npk looks after stores of NumPack: named arrays in a directory.\n\nusage: npk COMMAND "
      "...\n\n";
  for (const Command& command : Commands())
    absl::StrAppendFormat(&text, "  %-8s  %s\n", command.name, command.summary);
  absl::StrAppend(
      &text,
      "\n`npk COMMAND --help` says more. It ends with 0 when all is well, 1 when something "
      "failed or was\nfound to be wrong, 2 when the command line makes no sense.\n");
  return text;
}

std::string Usage(const Command& command) {
  return absl::StrCat("usage: npk ", command.name, " ", command.operands, " [OPTION...]");
}

std::string Help(const Command& command, const std::vector<Option>& options) {
  std::string text =
      absl::StrCat(Usage(command), "\n\n", command.summary, "\n\n", command.text, "\n");
  for (const Option& option : options) {
    absl::StrAppendFormat(&text, "  %-16s  %s\n", absl::StrCat(option.name, " ", option.value),
                          option.help);
  }
  return text;
}

int UsageError(const std::string& message, const std::string& usage) {
  absl::FPrintF(stderr, "npk: %s\n%s\n", message, usage);
  return kUsage;
}

int Run(const std::vector<std::string>& words) {
  const std::string hint = "`npk --help` lists the commands";
  if (words.empty()) return UsageError("no command", hint);
  if (words[0] == "--help" || words[0] == "-h" || words[0] == "help") {
    std::fputs(Summary().c_str(), stdout);
    return kOk;
  }
  const auto command = std::find_if(Commands().begin(), Commands().end(),
                                    [&](const Command& c) { return words[0] == c.name; });
  if (command == Commands().end())
    return UsageError(absl::StrCat("no such command: ", words[0]), hint);
  std::vector<Option> options = command->options;
  options.insert(options.end(), CommonOptions().begin(), CommonOptions().end());
  const auto arguments =
      Arguments::Parse(absl::MakeConstSpan(words).subspan(1), absl::MakeConstSpan(options));
  if (!arguments.ok())
    return UsageError(std::string(arguments.status().message()), Usage(*command));
  if (arguments->Has("--help")) {
    std::fputs(Help(*command, options).c_str(), stdout);
    return kOk;
  }
  const size_t operands = arguments->positional().size();
  if (operands < command->min_operands || operands > command->max_operands) {
    return UsageError(operands < command->min_operands ? "too few operands" : "too many operands",
                      Usage(*command));
  }
  Console console;
  console.json = arguments->Has("--json");
  console.quiet = arguments->Has("--quiet");
  int result = command->run(*arguments, console);
  // A result that nobody received is a failure: a full disk behind `npk ls > file`.
  if (std::fflush(stdout) != 0 && result == kOk) {
    std::fputs("npk: cannot write to standard output\n", stderr);
    result = kFailed;
  }
  return result;
}

}  // namespace
}  // namespace numpack::cli

int main(int argc, char** argv) {
  return numpack::cli::Run(std::vector<std::string>(argv + std::min(argc, 1), argv + argc));
}
