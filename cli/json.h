// JSON text, written piece by piece.
#ifndef NUMPACK_CLI_JSON_H_
#define NUMPACK_CLI_JSON_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace numpack::cli {

// Commas and quotes are its business; that every Begin has its End, and every value of an object
// its Key, is the caller's.
class JsonWriter {
 public:
  JsonWriter& BeginObject() { return Open('{'); }
  JsonWriter& EndObject() { return Close('}'); }
  JsonWriter& BeginArray() { return Open('['); }
  JsonWriter& EndArray() { return Close(']'); }
  JsonWriter& Key(absl::string_view key);
  JsonWriter& Text(absl::string_view text);
  JsonWriter& Number(uint64_t number);
  JsonWriter& Signed(int64_t number);
  JsonWriter& Bool(bool value);

  const std::string& text() const { return text_; }

 private:
  JsonWriter& Open(char bracket);
  JsonWriter& Close(char bracket);
  void Separate();

  std::string text_;
  bool first_ = true;  // nothing stands before the next element
};

// `text` as a JSON string, quotes included. Bytes that are no UTF-8 become U+FFFD.
std::string JsonString(absl::string_view text);

}  // namespace numpack::cli

#endif  // NUMPACK_CLI_JSON_H_
