// The version that NumPack is tested with, or a newer one; and its contrib headers, which are not
// installed everywhere.
#include "hwy/contrib/math/math-inl.h"
#include "hwy/highway.h"

static_assert(HWY_MAJOR > 1 || HWY_MINOR >= 2);

int main() { return hwy::SupportedTargets() == 0 ? 1 : 0; }
