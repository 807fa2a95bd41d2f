#include "cli/npy.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "numpack/base/codec.h"
#include "numpack/base/status_macros.h"
#include "numpack/core/dtype.h"
#include "numpack/core/shape.h"

namespace numpack::cli {
namespace {

constexpr absl::string_view kMagic("\x93NUMPY", 6);
constexpr size_t kHeaderAlignment = 64;
// What is read at once of an array in Fortran order, where its columns lie one after another.
constexpr uint64_t kColumnBytes = uint64_t{256} << 10;

absl::Status NotNpy(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("not a .npy file: ", what));
}

// Reads the dictionary's text from its front.
class Literal {
 public:
  explicit Literal(absl::string_view text) : rest_(text) {}

  // Takes `c` and the space before it.
  bool Take(char c) {
    rest_ = absl::StripLeadingAsciiWhitespace(rest_);
    if (rest_.empty() || rest_[0] != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool AtEnd() { return absl::StripLeadingAsciiWhitespace(rest_).empty(); }

  // A string without escapes, which neither keys nor types have.
  std::optional<std::string> String() {
    const char quote = Take('\'') ? '\'' : Take('"') ? '"' : '\0';
    if (quote == '\0') return std::nullopt;
    const size_t end = rest_.find(quote);
    if (end == absl::string_view::npos) return std::nullopt;
    std::string result(rest_.substr(0, end));
    rest_.remove_prefix(end + 1);
    return result;
  }

  std::optional<bool> Bool() {
    const std::string word = Word();
    if (word == "True") return true;
    if (word == "False") return false;
    return std::nullopt;
  }

  std::optional<Shape> Tuple() {
    if (!Take('(')) return std::nullopt;
    Shape shape;
    while (!Take(')')) {
      std::string digits = Word();
      if (!digits.empty() && digits.back() == 'L') digits.pop_back();  // Python 2 wrote 3L
      int64_t axis = 0;
      if (digits.empty() || !absl::ascii_isdigit(static_cast<unsigned char>(digits[0])) ||
          !absl::SimpleAtoi(digits, &axis) || shape.size() == static_cast<size_t>(kMaxRank)) {
        return std::nullopt;
      }
      shape.push_back(axis);
      if (!Take(',')) {
        if (!Take(')')) return std::nullopt;
        break;
      }
    }
    return shape;
  }

 private:
  std::string Word() {
    rest_ = absl::StripLeadingAsciiWhitespace(rest_);
    size_t end = 0;
    while (end < rest_.size() && absl::ascii_isalnum(static_cast<unsigned char>(rest_[end]))) ++end;
    std::string word(rest_.substr(0, end));
    rest_.remove_prefix(end);
    return word;
  }

  absl::string_view rest_;
};

struct Kind {
  const char* code;
  DType dtype;
};
constexpr Kind kKinds[] = {
    {"b1", DType::kBool},      {"u1", DType::kUint8},       {"u2", DType::kUint16},
    {"u4", DType::kUint32},    {"u8", DType::kUint64},      {"i1", DType::kInt8},
    {"i2", DType::kInt16},     {"i4", DType::kInt32},       {"i8", DType::kInt64},
    {"f2", DType::kFloat16},   {"f4", DType::kFloat32},     {"f8", DType::kFloat64},
    {"c8", DType::kComplex64}, {"c16", DType::kComplex128},
};

absl::Status ParseDescr(absl::string_view descr, NpyHeader& header) {
  const char order = descr.empty() ? '\0' : descr[0];
  if (order == '<' || order == '>' || order == '|') {
    for (const Kind& kind : kKinds) {
      if (descr.substr(1) != kind.code) continue;
      header.info.dtype = kind.dtype;
      header.big_endian = order == '>';
      return absl::OkStatus();
    }
  }
  return absl::UnimplementedError(
      absl::StrCat("elements of type '", descr,
                   "' cannot be stored: convert them to a bool, integer, float or complex type"));
}

// The bytes that are turned round together: a complex number is two numbers.
size_t SwapUnit(DType dtype) {
  const bool complex = dtype == DType::kComplex64 || dtype == DType::kComplex128;
  return complex ? ItemSize(dtype) / 2 : ItemSize(dtype);
}

}  // namespace

absl::StatusOr<size_t> NpyHeaderBytes(absl::string_view start) {
  if (start.size() < 12 || start.substr(0, kMagic.size()) != kMagic)
    return NotNpy("it does not begin with NumPy's mark");
  Decoder in(start.substr(kMagic.size()));
  const uint8_t major = in.U8();
  in.U8();
  if (major < 1 || major > 3) {
    return absl::UnimplementedError(
        absl::StrCat("a .npy file of version ", major, "; 1, 2 and 3 can be read"));
  }
  const uint64_t length = major == 1 ? in.U16() : in.U32();
  const uint64_t total = (major == 1 ? 10 : 12) + length;
  if (total > kMaxNpyHeaderBytes) return NotNpy(absl::StrCat("its header has ", total, " bytes"));
  return static_cast<size_t>(total);
}

absl::StatusOr<NpyHeader> ParseNpyHeader(absl::string_view bytes) {
  NUMPACK_ASSIGN_OR_RETURN(const size_t total, NpyHeaderBytes(bytes));
  if (bytes.size() < total) return NotNpy("its header is cut short");
  NpyHeader header;
  header.bytes = total;
  const size_t begin = bytes[kMagic.size()] == 1 ? 10 : 12;
  Literal text(bytes.substr(begin, total - begin));
  if (!text.Take('{')) return NotNpy("its header is no dictionary");
  std::optional<std::string> descr;
  std::optional<bool> fortran_order;
  std::optional<Shape> shape;
  while (!text.Take('}')) {
    const std::optional<std::string> key = text.String();
    if (!key.has_value() || !text.Take(':')) return NotNpy("its header has a malformed key");
    bool understood = false;
    if (*key == "descr" && !descr.has_value()) {
      descr = text.String();
      if (!descr.has_value()) {
        return absl::UnimplementedError(
            "records cannot be stored: save each field as an array of its own");
      }
      understood = true;
    } else if (*key == "fortran_order" && !fortran_order.has_value()) {
      understood = (fortran_order = text.Bool()).has_value();
    } else if (*key == "shape" && !shape.has_value()) {
      understood = (shape = text.Tuple()).has_value();
    }
    if (!understood) return NotNpy(absl::StrCat("its header has a malformed or unknown ", *key));
    if (!text.Take(',')) {
      if (!text.Take('}')) return NotNpy("its header does not end");
      break;
    }
  }
  if (!text.AtEnd() || !descr.has_value() || !fortran_order.has_value() || !shape.has_value())
    return NotNpy("its header lacks a key, or goes on after its end");
  NUMPACK_RETURN_IF_ERROR(ParseDescr(*descr, header));
  header.fortran_order = *fortran_order;
  header.info.shape = *std::move(shape);
  const absl::StatusOr<int64_t> elements = CountElements(header.info.shape, header.info.dtype);
  if (!elements.ok()) return NotNpy(elements.status().message());
  header.info.nbytes = *elements * static_cast<int64_t>(ItemSize(header.info.dtype));
  return header;
}

std::string MakeNpyHeader(const ArrayInfo& info) {
  const char* code = "";
  for (const Kind& kind : kKinds) {
    if (kind.dtype == info.dtype) code = kind.code;
  }
  // One byte has no order.
  std::string text =
      absl::StrCat("{'descr': '", ItemSize(info.dtype) == 1 ? "|" : "<", code,
                   "', 'fortran_order': False, 'shape': ", ShapeString(info.shape), ", }");
  const size_t unpadded = 10 + text.size() + 1;
  text.append((kHeaderAlignment - unpadded % kHeaderAlignment) % kHeaderAlignment, ' ');
  text += '\n';
  std::string header(kMagic);
  Encoder out(&header);
  out.U8(1);
  out.U8(0);
  out.U16(static_cast<uint16_t>(text.size()));  // 64 axes have less than 1,500 characters
  return header + text;
}

void SwapBytes(DType dtype, absl::Span<std::byte> elements) {
  const size_t unit = SwapUnit(dtype);
  if (unit == 1) return;
  for (size_t at = 0; at + unit <= elements.size(); at += unit)
    std::reverse(elements.begin() + at, elements.begin() + at + unit);
}

namespace {

using ReadAt = absl::FunctionRef<absl::Status(uint64_t offset, absl::Span<std::byte> to)>;
using Sink = absl::FunctionRef<absl::Status(absl::Span<const std::byte>)>;

// An array in Fortran order, as a file has it: columns (the elements along the first axis) one
// after another, those of the second axis next to each other.
class Columns {
 public:
  Columns(const NpyHeader& header, ReadAt read)
      : header_(header),
        read_(read),
        item_(ItemSize(header.info.dtype)),
        rows_(static_cast<uint64_t>(header.info.shape[0])),
        row_bytes_(static_cast<uint64_t>(header.info.nbytes) / rows_) {}

  uint64_t rows() const { return rows_; }
  uint64_t row_bytes() const { return row_bytes_; }

  // Rows [begin, begin + count) in C order.
  absl::Status ReadRows(uint64_t begin, uint64_t count, absl::Span<std::byte> to) {
    const uint64_t columns = row_bytes_ / item_;
    const uint64_t column_bytes = count * item_;
    const uint64_t at_once =
        count == rows_ ? std::max<uint64_t>(1, kColumnBytes / column_bytes) : 1;
    std::vector<std::byte> buffer;
    Shape index(header_.info.shape.size(), 0);
    for (uint64_t first = 0; first < columns; first += at_once) {
      const uint64_t number = std::min(at_once, columns - first);
      buffer.resize(number * column_bytes);
      NUMPACK_RETURN_IF_ERROR(read_((first * rows_ + begin) * item_, absl::MakeSpan(buffer)));
      for (uint64_t column = 0; column < number; ++column) {
        std::byte* out = to.data() + CPosition(index) * item_;
        const std::byte* in = buffer.data() + column * column_bytes;
        for (uint64_t row = 0; row < count; ++row, in += item_, out += row_bytes_)
          std::copy_n(in, item_, out);
        Next(index);
      }
    }
    return absl::OkStatus();
  }

 private:
  // Where a column stands in a row.
  uint64_t CPosition(const Shape& index) const {
    uint64_t position = 0;
    for (size_t axis = 1; axis < index.size(); ++axis) {
      position = position * static_cast<uint64_t>(header_.info.shape[axis]) +
                 static_cast<uint64_t>(index[axis]);
    }
    return position;
  }
  // The column that comes next in the file.
  void Next(Shape& index) const {
    for (size_t axis = 1; axis < index.size(); ++axis) {
      if (++index[axis] < header_.info.shape[axis]) return;
      index[axis] = 0;
    }
  }

  const NpyHeader& header_;
  const ReadAt read_;
  const uint64_t item_;
  const uint64_t rows_;
  const uint64_t row_bytes_;
};

}  // namespace

absl::Status ReadNpyElements(const NpyHeader& header, size_t block_bytes, ReadAt read, Sink sink) {
  const auto total = static_cast<uint64_t>(header.info.nbytes);
  if (total == 0) return absl::OkStatus();
  const auto hand_on = [&](absl::Span<std::byte> block) {
    if (header.big_endian) SwapBytes(header.info.dtype, block);
    return sink(block);
  };
  std::vector<std::byte> block;
  if (!header.fortran_order || header.info.shape.size() < 2) {
    // A multiple of every item's size.
    const uint64_t step = std::max<uint64_t>(16, block_bytes / 16 * 16);
    for (uint64_t at = 0; at < total; at += step) {
      block.resize(std::min(step, total - at));
      NUMPACK_RETURN_IF_ERROR(read(at, absl::MakeSpan(block)));
      NUMPACK_RETURN_IF_ERROR(hand_on(absl::MakeSpan(block)));
    }
    return absl::OkStatus();
  }
  Columns columns(header, read);
  const uint64_t step = std::max<uint64_t>(1, block_bytes / columns.row_bytes());
  for (uint64_t row = 0; row < columns.rows(); row += step) {
    const uint64_t count = std::min(step, columns.rows() - row);
    block.resize(count * columns.row_bytes());
    NUMPACK_RETURN_IF_ERROR(columns.ReadRows(row, count, absl::MakeSpan(block)));
    NUMPACK_RETURN_IF_ERROR(hand_on(absl::MakeSpan(block)));
  }
  return absl::OkStatus();
}

}  // namespace numpack::cli
