// The command line of one npk command.
#ifndef NUMPACK_CLI_ARGUMENTS_H_
#define NUMPACK_CLI_ARGUMENTS_H_

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace numpack::cli {

struct Option {
  const char* name;   // "--json"
  const char* value;  // what it takes, such as "NAME"; empty: nothing
  const char* help;
};

class Arguments {
 public:
  // Options may stand anywhere, their values behind them or behind "="; "--" ends them.
  // InvalidArgument for an unknown option, and one without its value or with one that it does not
  // take.
  static absl::StatusOr<Arguments> Parse(absl::Span<const std::string> words,
                                         absl::Span<const Option> options);

  const std::vector<std::string>& positional() const { return positional_; }
  bool Has(absl::string_view option) const { return values_.contains(option); }
  // Its last value, or `otherwise`.
  std::string Value(absl::string_view option, absl::string_view otherwise = "") const;
  std::vector<std::string> Values(absl::string_view option) const;

 private:
  std::vector<std::string> positional_;
  absl::flat_hash_map<std::string, std::vector<std::string>> values_;
};

}  // namespace numpack::cli

#endif  // NUMPACK_CLI_ARGUMENTS_H_
