// The newest of what NumPack uses; and string_view has to be the standard one, which that of Debian
// 12 is not.
#include <string_view>
#include <type_traits>

#include "absl/base/no_destructor.h"
#include "absl/crc/crc32c.h"
#include "absl/strings/string_view.h"

static_assert(std::is_same_v<absl::string_view, std::string_view>);

int main() {
  static const absl::NoDestructor<std::string_view> text("a");
  return absl::ComputeCrc32c(*text) == absl::crc32c_t{0} ? 1 : 0;
}
