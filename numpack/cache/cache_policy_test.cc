#include "numpack/cache/cache_policy.h"

#include <gtest/gtest.h>

namespace numpack {
namespace {

TEST(CachePolicy, Builds) { CachePolicy cache(1); }

}  // namespace
}  // namespace numpack
