#include "cli/arguments.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace numpack::cli {

absl::StatusOr<Arguments> Arguments::Parse(absl::Span<const std::string> words,
                                           absl::Span<const Option> options) {
  Arguments arguments;
  bool options_over = false;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (options_over || !absl::StartsWith(word, "-") || word == "-") {
      arguments.positional_.push_back(word);
      continue;
    }
    if (word == "--") {
      options_over = true;
      continue;
    }
    const size_t equals = word.find('=');
    const std::string name = word == "-h" ? "--help" : word.substr(0, equals);
    const auto option = std::find_if(options.begin(), options.end(),
                                     [&](const Option& o) { return name == o.name; });
    if (option == options.end())
      return absl::InvalidArgumentError(absl::StrCat("unknown option ", name));
    const bool takes_value = option->value[0] != '\0';
    std::string value;
    if (equals != std::string::npos) {
      if (!takes_value) return absl::InvalidArgumentError(absl::StrCat(name, " takes no value"));
      value = word.substr(equals + 1);
    } else if (takes_value) {
      if (++i == words.size())
        return absl::InvalidArgumentError(absl::StrCat(name, " needs a ", option->value));
      value = words[i];
    }
    arguments.values_[name].push_back(std::move(value));
  }
  return arguments;
}

std::string Arguments::Value(absl::string_view option, absl::string_view otherwise) const {
  const auto it = values_.find(option);
  return it == values_.end() ? std::string(otherwise) : it->second.back();
}

std::vector<std::string> Arguments::Values(absl::string_view option) const {
  const auto it = values_.find(option);
  return it == values_.end() ? std::vector<std::string>() : it->second;
}

}  // namespace numpack::cli
