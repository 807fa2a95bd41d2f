// Little-endian encoding, and a reader for untrusted bytes.
//
// Every number in a store's files is written by Encoder and read by Decoder, so bounds are checked
// in one place and files are the same on every machine.
#ifndef NUMPACK_BASE_CODEC_H_
#define NUMPACK_BASE_CODEC_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace numpack {

// Appends to a string. Not thread-safe.
class Encoder {
 public:
  explicit Encoder(std::string* out) : out_(out) {}

  void U8(uint8_t value) { Fixed(value, 1); }
  void U16(uint16_t value) { Fixed(value, 2); }
  void U32(uint32_t value) { Fixed(value, 4); }
  void U64(uint64_t value) { Fixed(value, 8); }
  // A u32 length and the bytes. The caller has made sure that the length fits.
  void Bytes(absl::string_view bytes) {
    U32(static_cast<uint32_t>(bytes.size()));
    out_->append(bytes.data(), bytes.size());
  }

 private:
  void Fixed(uint64_t value, int width) {
    char bytes[8];
    for (int i = 0; i < 8; ++i) bytes[i] = static_cast<char>(value >> (8 * i) & 0xff);
    out_->append(bytes, static_cast<size_t>(width));
  }

  std::string* out_;
};

// Reads from the front of a buffer. Reading past the end yields zeros (an empty string) and sets
// failed(); check it once at the end, and before trusting a count. Never reads outside the buffer.
// Not thread-safe.
class Decoder {
 public:
  explicit Decoder(absl::string_view bytes) : rest_(bytes) {}

  uint8_t U8() { return static_cast<uint8_t>(Fixed(1)); }
  uint16_t U16() { return static_cast<uint16_t>(Fixed(2)); }
  uint32_t U32() { return static_cast<uint32_t>(Fixed(4)); }
  uint64_t U64() { return Fixed(8); }
  // Points into the buffer.
  absl::string_view Bytes() {
    const uint32_t length = U32();
    if (length > rest_.size()) {
      Fail();
      return {};
    }
    const absl::string_view result = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return result;
  }

  bool failed() const { return failed_; }
  size_t remaining() const { return rest_.size(); }

 private:
  uint64_t Fixed(size_t width) {
    if (width > rest_.size()) {
      Fail();
      return 0;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < width; ++i) {
      value |= static_cast<uint64_t>(static_cast<uint8_t>(rest_[i])) << (8 * i);
    }
    rest_.remove_prefix(width);
    return value;
  }
  void Fail() {
    failed_ = true;
    rest_ = {};
  }

  absl::string_view rest_;
  bool failed_ = false;
};

}  // namespace numpack

#endif  // NUMPACK_BASE_CODEC_H_
