#include "numpack/base/crc32c.h"

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "absl/crc/crc32c.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "gtest/gtest.h"

namespace numpack {
namespace {

absl::Span<const std::byte> AsBytes(absl::string_view text) {
  return absl::MakeConstSpan(reinterpret_cast<const std::byte*>(text.data()), text.size());
}

TEST(Crc32c, KnownValues) {
  EXPECT_EQ(ExtendCrc32c(0, {}), 0u);
  EXPECT_EQ(ExtendCrc32c(0, AsBytes("123456789")), 0xE3069283u);
  const std::vector<std::byte> zeros(32);
  EXPECT_EQ(ExtendCrc32c(0, zeros), 0x8A9136AAu);
}

// Every length around what is done side by side, at every alignment, from any CRC on.
TEST(Crc32c, IsThatOfAbseil) {
  std::mt19937 random(3);
  std::vector<char> bytes(200'000);
  for (char& c : bytes) c = static_cast<char>(random());
  std::vector<size_t> lengths;
  for (size_t length = 0; length < 300; ++length) lengths.push_back(length);
  for (const size_t multiple : {1, 2, 3, 6, 7, 9}) {
    for (size_t more = 0; more < 40; ++more) lengths.push_back(multiple * 8192 - 20 + more);
  }
  lengths.push_back(bytes.size() - 8);
  for (const size_t length : lengths) {
    const size_t offset = random() % 8;
    const auto before = static_cast<uint32_t>(random());
    const absl::string_view part(bytes.data() + offset, length);
    EXPECT_EQ(ExtendCrc32c(before, AsBytes(part)),
              static_cast<uint32_t>(absl::ExtendCrc32c(absl::crc32c_t{before}, part)))
        << length;
  }
}

}  // namespace
}  // namespace numpack
