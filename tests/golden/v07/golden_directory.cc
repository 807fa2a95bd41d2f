#include "tests/golden/v07/golden_directory.h"

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <memory>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/types/span.h"
#include "gtest/gtest.h"
#include "numpack/backends/file.h"
#include "numpack/base/status_macros.h"
#include "numpack/core/shape.h"

namespace numpack {
namespace {

std::string FromHex(absl::string_view digits) {
  std::string bytes;
  EXPECT_TRUE(absl::HexStringToBytes(digits, &bytes)) << digits;
  return bytes;
}

std::string PercentDecode(absl::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded.push_back(text[i]);
    } else {
      decoded += FromHex(text.substr(i + 1, 2));
      i += 2;
    }
  }
  return decoded;
}

// "3x4" and "-" as ShapeString has them.
std::string DecodeShape(absl::string_view axes) {
  Shape shape;
  if (axes != "-") {
    for (const absl::string_view axis : absl::StrSplit(axes, 'x')) {
      EXPECT_TRUE(absl::SimpleAtoi(axis, &shape.emplace_back())) << axes;
    }
  }
  return ShapeString(shape);
}

}  // namespace

GoldenDirectory ReadGolden(absl::string_view name) {
  GoldenDirectory golden;
  std::ifstream in(absl::StrCat("tests/golden/v07/", name, ".txt"));
  std::string line;
  std::string* bytes = nullptr;
  while (std::getline(in, line)) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    if (words.size() == 2 && words[0] == "file") {
      bytes = &golden.files[PercentDecode(words[1])];
    } else if (words.size() == 4 && words[0] == "array") {
      GoldenArray& array = golden.arrays[PercentDecode(words[1])];
      array.dtype = words[2];
      array.shape = DecodeShape(words[3]);
      bytes = &array.bytes;
    } else if (bytes != nullptr) {
      *bytes += FromHex(line);
    } else {
      ADD_FAILURE() << name << ": " << line;
    }
  }
  EXPECT_FALSE(golden.arrays.empty()) << name;
  return golden;
}

absl::Status AddForeignFile(Backend& backend, absl::string_view name, absl::string_view contents) {
  NUMPACK_ASSIGN_OR_RETURN(const std::unique_ptr<File> file,
                           backend.Open("unpacked", OpenMode::kCreateNew));
  const auto* data = reinterpret_cast<const std::byte*>(contents.data());
  NUMPACK_RETURN_IF_ERROR(file->WriteAt(0, absl::MakeConstSpan(data, contents.size())));
  return backend.Rename("unpacked", name);
}

absl::Status Unpack(const GoldenDirectory& golden, Backend& backend) {
  for (const auto& [name, contents] : golden.files)
    NUMPACK_RETURN_IF_ERROR(AddForeignFile(backend, name, contents));
  return absl::OkStatus();
}

}  // namespace numpack
