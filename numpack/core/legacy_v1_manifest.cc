#include "numpack/core/legacy_v1_manifest.h"

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "numpack/base/checked_math.h"
#include "numpack/base/status_macros.h"
#include "numpack/base/utf8.h"

namespace numpack::legacy_v1 {
namespace {

constexpr uint64_t kVersion = 1;

void AppendUtf8(uint32_t code, std::string& out) {
  const auto tail = [&](int shift) {
    out.push_back(static_cast<char>(0x80 | (code >> shift & 0x3f)));
  };
  if (code < 0x80) {
    out.push_back(static_cast<char>(code));
  } else if (code < 0x800) {
    out.push_back(static_cast<char>(0xc0 | code >> 6));
    tail(0);
  } else if (code < 0x10000) {
    out.push_back(static_cast<char>(0xe0 | code >> 12));
    tail(6);
    tail(0);
  } else {
    out.push_back(static_cast<char>(0xf0 | code >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
}

class ManifestReader {
 public:
  ManifestReader(absl::string_view bytes, absl::string_view file) : bytes_(bytes), file_(file) {}

  absl::StatusOr<std::vector<ManifestPart>> Read() {
    uint64_t version = 0;
    std::vector<ManifestPart> parts;
    NUMPACK_RETURN_IF_ERROR(Object({"version", "segments"}, [&](absl::string_view key) {
      return key == "version" ? Number(&version) : Parts(&parts);
    }));
    SkipSpace();
    if (at_ != bytes_.size()) return Error("more follows the manifest");
    if (version != kVersion) {
      return absl::FailedPreconditionError(absl::StrCat(
          file_, " has version ", version, "; only version 1, of NumPack 0.7, can be read"));
    }
    return parts;
  }

 private:
  absl::Status Error(absl::string_view what) const {
    return absl::DataLossError(absl::StrCat(file_, ", byte ", at_, ": ", what));
  }

  void SkipSpace() {
    while (at_ < bytes_.size() && (bytes_[at_] == ' ' || bytes_[at_] == '\n' ||
                                   bytes_[at_] == '\r' || bytes_[at_] == '\t')) {
      ++at_;
    }
  }
  // Takes `c`, after any space, if it is there.
  bool Take(char c) {
    SkipSpace();
    if (at_ == bytes_.size() || bytes_[at_] != c) return false;
    ++at_;
    return true;
  }
  absl::Status Expect(char c) {
    return Take(c) ? absl::OkStatus() : Error(absl::StrCat("'", std::string(1, c), "' is missing"));
  }

  // An object with each of `keys` once; `member` reads the value of one.
  absl::Status Object(std::initializer_list<absl::string_view> keys,
                      absl::FunctionRef<absl::Status(absl::string_view)> member) {
    NUMPACK_RETURN_IF_ERROR(Expect('{'));
    std::vector<absl::string_view> missing = keys;
    while (!missing.empty()) {
      std::string key;
      NUMPACK_RETURN_IF_ERROR(String(&key));
      size_t i = 0;
      while (i < missing.size() && missing[i] != key) ++i;
      if (i == missing.size())
        return Error(absl::StrCat("no place for a member \"", absl::CHexEscape(key), "\""));
      NUMPACK_RETURN_IF_ERROR(Expect(':'));
      NUMPACK_RETURN_IF_ERROR(member(missing[i]));
      missing.erase(missing.begin() + static_cast<ptrdiff_t>(i));
      if (!missing.empty()) NUMPACK_RETURN_IF_ERROR(Expect(','));
    }
    return Expect('}');
  }

  absl::Status Parts(std::vector<ManifestPart>* parts) {
    NUMPACK_RETURN_IF_ERROR(Expect('['));
    if (Take(']')) return absl::OkStatus();
    do {
      ManifestPart part;
      NUMPACK_RETURN_IF_ERROR(Object({"file", "rows", "bytes"}, [&](absl::string_view key) {
        if (key == "file") return String(&part.file);
        return Number(key == "rows" ? &part.rows : &part.bytes);
      }));
      parts->push_back(std::move(part));
    } while (Take(','));
    return Expect(']');
  }

  absl::Status Number(uint64_t* number) {
    SkipSpace();
    const size_t begin = at_;
    std::optional<uint64_t> value = 0;
    for (; at_ < bytes_.size() && absl::ascii_isdigit(bytes_[at_]); ++at_) {
      value = CheckedMultiply(*value, 10);
      if (value.has_value()) value = CheckedAdd(*value, static_cast<uint64_t>(bytes_[at_] - '0'));
      if (!value.has_value()) return Error("the number is too large");
    }
    const bool leading_zero = at_ - begin > 1 && bytes_[begin] == '0';
    if (at_ == begin || leading_zero) return Error("a number is missing");
    *number = *value;
    return absl::OkStatus();
  }

  absl::Status String(std::string* text) {
    NUMPACK_RETURN_IF_ERROR(Expect('"'));
    const size_t begin = at_;
    for (;;) {
      if (at_ == bytes_.size()) return Error("the text does not end");
      const char c = bytes_[at_++];
      if (c == '"') break;
      if (static_cast<unsigned char>(c) < 0x20) return Error("a control character in a text");
      if (c != '\\') {
        text->push_back(c);
        continue;
      }
      NUMPACK_RETURN_IF_ERROR(Escape(text));
    }
    if (IsUtf8(*text)) return absl::OkStatus();
    at_ = begin;
    return Error("the text is no UTF-8");
  }

  // What follows a backslash.
  absl::Status Escape(std::string* text) {
    static constexpr absl::string_view kLetters = "\"\\/bfnrt";
    static constexpr absl::string_view kMeanings = "\"\\/\b\f\n\r\t";
    if (at_ < bytes_.size() && bytes_[at_] == 'u') return UnicodeEscape(text);
    const size_t which = at_ < bytes_.size() ? kLetters.find(bytes_[at_]) : absl::string_view::npos;
    if (which == absl::string_view::npos) return Error("an escape that there is not");
    text->push_back(kMeanings[which]);
    ++at_;
    return absl::OkStatus();
  }

  // u and four digits; twice, with a backslash between, above U+FFFF.
  absl::Status UnicodeEscape(std::string* text) {
    uint32_t code = 0;
    NUMPACK_RETURN_IF_ERROR(FourDigits(&code));
    if (code >= 0xd800 && code < 0xdc00) {
      uint32_t low = 0;
      if (at_ == bytes_.size() || bytes_[at_++] != '\\') return Error("half of a character");
      NUMPACK_RETURN_IF_ERROR(FourDigits(&low));
      if (low < 0xdc00 || low > 0xdfff) return Error("half of a character");
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    AppendUtf8(code, *text);  // a low half alone makes no UTF-8, which String() finds
    return absl::OkStatus();
  }

  absl::Status FourDigits(uint32_t* code) {
    if (bytes_.size() - at_ < 5 || bytes_[at_] != 'u') return Error("an escape that is cut short");
    ++at_;
    for (int i = 0; i < 4; ++i, ++at_) {
      const char c = absl::ascii_tolower(bytes_[at_]);
      if (!absl::ascii_isxdigit(c)) return Error("no hexadecimal digit");
      *code = *code * 16 + static_cast<uint32_t>(absl::ascii_isdigit(c) ? c - '0' : c - 'a' + 10);
    }
    return absl::OkStatus();
  }

  const absl::string_view bytes_;
  const absl::string_view file_;
  size_t at_ = 0;
};

}  // namespace

absl::StatusOr<std::vector<ManifestPart>> ParseManifest(absl::string_view bytes,
                                                        absl::string_view file) {
  return ManifestReader(bytes, file).Read();
}

}  // namespace numpack::legacy_v1
