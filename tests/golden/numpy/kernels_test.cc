// The kernels against NumPy: results.txt, which make.py made, holds checksums of its results.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "numpack/core/dtype.h"
#include "numpack/kernels/elementwise.h"
#include "numpack/kernels/float16.h"
#include "numpack/kernels/operation.h"
#include "numpack/kernels/targets_for_test.h"

namespace numpack {
namespace {

constexpr size_t kCount = 1000;
constexpr size_t kScalars = 4;
constexpr int kExponents[] = {0, 1, 3, 10};

// -- elements: as make.py makes them --------------------------------------------------------------

uint64_t Mix(uint64_t z) {
  z *= 0x9E3779B97F4A7C15;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

bool IsFloat(DType dtype) { return dtype >= DType::kFloat16 && dtype <= DType::kFloat64; }
bool IsUnsigned(DType dtype) { return dtype >= DType::kUint8 && dtype <= DType::kUint64; }
bool IsInteger(DType dtype) { return dtype >= DType::kUint8 && dtype <= DType::kInt64; }

// Of what an element consists: of itself, or of two floats.
DType PartOf(DType dtype) {
  if (dtype == DType::kComplex64) return DType::kFloat32;
  return dtype == DType::kComplex128 ? DType::kFloat64 : dtype;
}

template <typename T>
uint64_t BitsOf(T value) {
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));  // little-endian
  return bits;
}
uint64_t FloatBits(DType dtype, double value) {
  if (dtype == DType::kFloat16) return ToFloat16(static_cast<float>(value)).bits;
  if (dtype == DType::kFloat32) return BitsOf(static_cast<float>(value));
  return BitsOf(value);
}
double FloatOf(DType dtype, uint64_t bits) {
  if (dtype == DType::kFloat16) return ToFloat32({static_cast<uint16_t>(bits)});
  if (dtype == DType::kFloat64) {
    double value;
    std::memcpy(&value, &bits, sizeof(value));
    return value;
  }
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}
uint64_t NaNOf(DType dtype) {
  return dtype == DType::kFloat16   ? 0x7E00
         : dtype == DType::kFloat32 ? 0x7FC00000
                                    : 0x7FF8000000000000;
}

std::vector<uint64_t> SpecialBits(DType dtype) {
  if (!IsFloat(dtype)) {
    const uint64_t bits = ItemSize(dtype) * 8;
    const uint64_t half = uint64_t{1} << (bits - 1);
    return {0, 1, 2, half - 1, half, half + 1, 2 * half - 1, bits - 1, bits};
  }
  const int fraction = dtype == DType::kFloat16 ? 10 : dtype == DType::kFloat32 ? 23 : 52;
  const uint64_t sign = uint64_t{1} << (ItemSize(dtype) * 8 - 1);
  const uint64_t normal = uint64_t{1} << fraction;  // the smallest
  const uint64_t infinity = sign - normal;
  return {0,
          sign,
          FloatBits(dtype, 1),
          infinity,
          sign | infinity,
          NaNOf(dtype),
          1,
          sign | (normal - 1),
          normal,
          infinity - 1};
}

uint64_t ElementBits(DType dtype, uint64_t stream, uint64_t i,
                     const std::vector<uint64_t>& special) {
  const uint64_t random = Mix((stream << 32) + i + 1);
  const uint64_t high = random >> 8;
  if (dtype == DType::kBool) return high & 1;
  switch (random & 3) {
    case 0:
      return special[high % special.size()];
    case 3:
      return Mix(random);
    default: {
      const int64_t small = static_cast<int64_t>(high % 81) - 40;
      return IsFloat(dtype) ? FloatBits(dtype, static_cast<double>(small) / 4)
                            : static_cast<uint64_t>(small);
    }
  }
}

std::vector<std::byte> Elements(DType dtype, uint64_t stream) {
  const DType part = PartOf(dtype);
  const size_t size = ItemSize(part);
  std::vector<std::byte> bytes(kCount * ItemSize(dtype));
  const std::vector<uint64_t> special = SpecialBits(part);
  for (size_t i = 0; i < bytes.size() / size; ++i) {
    const uint64_t bits = ElementBits(part, stream, i, special);
    std::memcpy(bytes.data() + i * size, &bits, size);
  }
  return bytes;
}

// -- checksums ------------------------------------------------------------------------------------

class Crc32 {
 public:
  void Add(DType dtype, const std::vector<std::byte>& bytes) {
    const DType part = PartOf(dtype);
    const size_t size = ItemSize(part);
    for (size_t i = 0; i < bytes.size(); i += size) {
      uint64_t bits = 0;
      std::memcpy(&bits, bytes.data() + i, size);
      if (IsFloat(part) && std::isnan(FloatOf(part, bits))) bits = NaNOf(part);
      for (size_t k = 0; k < size; ++k) AddByte(static_cast<uint8_t>(bits >> (8 * k)));
    }
  }
  std::string Hex() const { return absl::StrCat(absl::Hex(~crc_, absl::kZeroPad8)); }

 private:
  void AddByte(uint8_t byte) {
    crc_ ^= byte;
    for (int i = 0; i < 8; ++i) crc_ = (crc_ & 1) != 0 ? crc_ >> 1 ^ 0xEDB88320U : crc_ >> 1;
  }

  uint32_t crc_ = 0xFFFFFFFF;
};

// -- results --------------------------------------------------------------------------------------

OperandKind KindFromName(const std::string& name) {
  if (name == "none") return OperandKind::kNone;
  return name == "scalar" ? OperandKind::kScalar : OperandKind::kArray;
}

// The b, or a and b, that make.py takes i-th.
std::vector<std::byte> ScalarsOf(Operation operation, DType dtype, size_t i) {
  const size_t item = ItemSize(dtype);
  std::vector<std::byte> scalars;
  if (operation == Operation::kPower) {
    scalars.resize(item);
    std::memcpy(scalars.data(), &kExponents[i], std::min(item, sizeof(int)));
    return scalars;
  }
  for (int k = 0; k < ScalarCount(operation); ++k) {
    const std::vector<std::byte> stream = Elements(dtype, static_cast<uint64_t>(k) + 1);
    scalars.insert(scalars.end(), stream.begin() + static_cast<ptrdiff_t>(i * item),
                   stream.begin() + static_cast<ptrdiff_t>((i + 1) * item));
  }
  return scalars;
}

std::string Checksum(Operation operation, OperandKind kind, DType dtype, Kernel kernel) {
  Crc32 crc;
  for (size_t i = 0; i < (kind == OperandKind::kScalar ? kScalars : 1); ++i) {
    std::vector<std::byte> data = Elements(dtype, 0);
    const std::vector<std::byte> operand =
        kind == OperandKind::kArray ? Elements(dtype, 1) : ScalarsOf(operation, dtype, i);
    kernel(data.data(), operand.data(), kCount);
    crc.Add(dtype, data);
  }
  return crc.Hex();
}

// Numbers whose cast is undefined become 0 first.
std::string ChecksumOfCast(DType from, DType to, Kernel kernel) {
  std::vector<std::byte> data = Elements(from, 0);
  const size_t item = ItemSize(from);
  if (IsFloat(from) && IsInteger(to)) {
    const double limit = std::ldexp(1.0, static_cast<int>(item) * 8 - 1);
    for (size_t i = 0; i < data.size(); i += item) {
      uint64_t bits = 0;
      std::memcpy(&bits, data.data() + i, item);
      const double x = FloatOf(from, bits);
      if (!(x >= (IsUnsigned(to) ? 0 : -limit) && std::fabs(x) < limit)) {
        std::memset(data.data() + i, 0, item);
      }
    }
  }
  kernel(data.data(), nullptr, kCount);
  Crc32 crc;
  crc.Add(to, data);
  return crc.Hex();
}

struct Line {
  std::array<std::string, 3> names;
  std::string checksum;
};

std::vector<Line> ReadLines() {
  std::ifstream in("tests/golden/numpy/results.txt");
  std::vector<Line> lines;
  std::string text;
  while (std::getline(in, text)) {
    std::istringstream words(text);
    Line line;
    words >> line.names[0] >> line.names[1] >> line.names[2] >> line.checksum;
    lines.push_back(line);
  }
  return lines;
}

std::map<std::string, Operation> OperationsByName() {
  std::map<std::string, Operation> operations;
  for (int i = 0; i < kOperationCount; ++i) {
    const auto operation = static_cast<Operation>(i);
    operations[std::string(OperationName(operation))] = operation;
  }
  return operations;
}

TEST(NumPyTest, KernelsGiveItsResults) {
  const std::map<std::string, Operation> operations = OperationsByName();
  const std::vector<Line> lines = ReadLines();
  ASSERT_GT(lines.size(), 300);
  for (int64_t target : TargetsOfThisMachine()) {
    const ScopedTarget scoped(target);
    SCOPED_TRACE(ActiveTarget());
    for (const Line& line : lines) {
      const auto& [name, second, third] = line.names;
      SCOPED_TRACE(absl::StrCat(name, " ", second, " ", third));
      const absl::StatusOr<DType> dtype = DTypeFromName(third);
      ASSERT_TRUE(dtype.ok());
      if (name == "cast") {
        const absl::StatusOr<DType> from = DTypeFromName(second);
        ASSERT_TRUE(from.ok());
        const Kernel kernel = FindCast(*from, *dtype);
        ASSERT_NE(kernel, nullptr);
        EXPECT_EQ(ChecksumOfCast(*from, *dtype, kernel), line.checksum);
        continue;
      }
      const OperandKind kind = KindFromName(second);
      const Operation operation = operations.at(name);
      const Kernel kernel = FindKernel(operation, kind, *dtype);
      ASSERT_NE(kernel, nullptr);
      EXPECT_EQ(Checksum(operation, kind, *dtype, kernel), line.checksum);
    }
  }
}

// But for those that NumPy does not have, or has from the C library.
TEST(NumPyTest, NoKernelIsLeftOut) {
  std::set<std::array<std::string, 3>> covered;
  for (const Line& line : ReadLines()) covered.insert(line.names);
  const char* const kinds[] = {"none", "scalar", "array"};
  for (const auto& [name, operation] : OperationsByName()) {
    if (MaxUlpError(operation) > 0 || operation == Operation::kFusedMultiplyAdd) continue;
    for (int code = 0; code < kDTypeCount; ++code) {
      const auto dtype = static_cast<DType>(code);
      if (operation == Operation::kPower && IsFloat(dtype)) continue;
      for (OperandKind kind : {OperandKind::kNone, OperandKind::kScalar, OperandKind::kArray}) {
        const std::array<std::string, 3> names = {name, kinds[static_cast<int>(kind)],
                                                  std::string(DTypeName(dtype))};
        EXPECT_EQ(FindKernel(operation, kind, dtype) != nullptr, covered.count(names) == 1)
            << names[0] << " " << names[1] << " " << names[2];
      }
    }
  }
}

}  // namespace
}  // namespace numpack
